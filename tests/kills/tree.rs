//! Every arrow of a run whose chain has fallbacks and nested chains: two steps whose own call fails and another one takes its place,
//! one of them with a chain; a nested chain with a job, with a call and a chain that each have a fixed output to fall back on, and with
//! a step that is skipped. Some of it once more where whoever goes on has another catalogue of actions.
//!
//! Calls are brisk, and what may share an append does; where an arrow needs an append of its own, the answer to the exchange before
//! it outlasts the token, so that the next one has to wait.

use std::time::Duration;

use cxchain::chain::log::{EventBody, Record};
use cxchain::simulator::{Calls, SimulatorSettings};
use serde_json::{Value, json};

use crate::case::{Case, Catalogue, Played, Unknown, play};
use crate::course::{Course, Exchange};
use crate::evidence::Proven;
use crate::ground::Ground;

static TREE: Course = Course {
    definition,
    exchanges: &[
        Exchange { place: "0", after: 0 },
        Exchange { place: "1", after: 1 },
        Exchange { place: "1:2", after: 1 },
        Exchange { place: "2.0", after: 2 },
        Exchange { place: "2.1", after: 3 },
        Exchange { place: "2.2", after: 4 },
        Exchange { place: "2.3.0", after: 5 },
        // With it end the step around it, the one that is skipped, and the one around them.
        Exchange { place: "3.0", after: 9 },
        Exchange { place: "3", after: 10 },
        Exchange { place: "4", after: 11 },
    ],
    job: "2.1",
    outcomes: 12,
};

/// Accepted, each step, what the step whose call failed did itself, finished.
const EVENTS: u16 = 15;

/// What is called at these places fails.
const BROKEN: [&str; 4] = ["1", "2.2", "2.3.0", "3.0"];

/// What masks something of the answers of the first step and of the job.
const MASKING: &str = r#"{"da-0-brisk" = {redact = ["/echo/n"]}, "da-2.1-brisk" = {mode = "job", redact = ["/echo/of"]}, "da-2.1-slow" = {mode = "job", redact = ["/echo/of"]}}"#;

const GONE: Catalogue = Catalogue { first: MASKING, then: "{other = {}}", name: "gone" };

const ANOTHER_MODE: Catalogue = Catalogue {
    first: MASKING,
    then: r#"{"da-2.1-brisk" = {mode = "sync", timeout_seconds = 5}}"#,
    name: "another-mode",
};

const ANOTHER_MASK: Catalogue =
    Catalogue { first: MASKING, then: r#"{"da-4-brisk" = {redact = ["/echo/from"]}}"#, name: "another-mask" };

/// The operation that is called at `place`.
fn action(place: &str, slow: &[&str]) -> String {
    let pace = if slow.contains(&place) { "slow" } else { "brisk" };
    format!("da-{}-{pace}", place.replace(':', "-or-"))
}

fn definition(unknown: Unknown, slow: &[&str]) -> Value {
    let call = |place: &str, payload: Value| json!({"action_id": action(place, slow), "payload": payload});
    let with = |mut step: Value, more: Value| {
        let more = more.as_object().expect("an object").clone();
        step.as_object_mut().expect("an object").extend(more);
        unknown.of(step)
    };
    let or = |fallback: Value| json!({"on_failure": "fallback", "fallback": fallback});
    let first = "${{ steps.step_0.extracted.n }}";
    let bough = json!({"chain_id": "bough", "steps": [with(call("2.3.0", json!({})), json!({"on_failure": "abort"}))]});
    let twig = json!({"chain_id": "twig", "steps": [
        with(call("2.0", json!({"of": "${{ chain.chain_id }}"})), json!({})),
        with(call("2.1", json!({"of": "${{ steps.step_0.output.echo.of }}"})), json!({"mode": "job"})),
        with(call("2.2", json!({})), or(json!({"output": {"instead": true}}))),
        with(json!({"chain": bough}), or(json!({"output": {"instead": "${{ chain.chain_id }}"}}))),
        with(call("never", json!({})), json!({"when": "steps.step_0.status == 'skipped'"})),
    ]});
    let dead = json!({"chain_id": "dead", "steps": [
        with(call("3.0", json!({})), json!({"on_failure": "abort"})),
        with(call("not-reached", json!({})), json!({})),
    ]});
    let steps = json!([
        with(call("0", json!({"n": 7})), json!({"extract": {"n": "echo.n"}})),
        with(call("1", json!({"own": true})), or(call("1:2", json!({"n": first})))),
        with(json!({"chain": twig}), json!({})),
        with(json!({"chain": dead}), or(call("3", json!({"n": first})))),
        with(
            call("4", json!({"from": "${{ steps.step_1.output.echo.n }} ${{ steps.step_2.output.final_status }}"})),
            json!({})
        ),
    ]);
    json!({"chain_id": "tree", "max_depth": 13, "global_timeout_seconds": 300, "steps": steps})
}

/// The first poll of a job comes to nothing, so there are two.
async fn ground() -> Ground {
    let rule = |action: String, fault: &str| format!("{action}={fault}").parse().expect("a rule");
    let mut faults = Vec::new();
    for exchange in TREE.exchanges {
        let place = exchange.place;
        let (brisk, slow) = (action(place, &[]), action(place, &[place]));
        match place {
            _ if BROKEN.contains(&place) => {
                faults.extend([rule(brisk, "status:500"), rule(slow, "slow:800ms,status:500")]);
            }
            _ if place == TREE.job => {
                for action in [&brisk, &slow] {
                    faults.push(rule(format!("{action}@poll"), "status:503,times:1,per:run"));
                }
                faults.push(rule(format!("{slow}@poll"), "slow:800ms"));
            }
            _ => faults.push(rule(slow, "slow:800ms")),
        }
    }
    // Long enough to be waited for by whoever needs a new one.
    faults.push(rule("@token".to_owned(), "slow:50ms"));
    // Of a token's second, the last quarter is not used.
    let simulator = SimulatorSettings {
        latency: Duration::from_millis(20),
        token_life: Duration::from_secs(1),
        faults,
        ..SimulatorSettings::default()
    };
    Ground::new(simulator, &[("tenants.default.jobs.poll", "100ms")]).await
}

fn case<P: ToString>(places: impl IntoIterator<Item = P>, unknown: Unknown) -> Case {
    Case::new(&TREE, places, unknown)
}

/// The exchange at the place of an arrow: `1:2` of `sent@1:2`.
fn place(arrow: &str) -> &str {
    arrow.split_once('@').map_or("0", |(_, place)| place)
}

/// The arrows where all is known, whatever comes after.
fn known() -> Vec<Case> {
    let alone = ["claimed", "accepted", "finished", "result_published", "settled", "acked"].map(str::to_owned);
    let job = ["submitted", "polled"].map(|name| format!("{name}@{}", TREE.job));
    let shared = alone.into_iter().chain(job).chain([format!("polled@{}:2", TREE.job)]);
    let shared = shared.map(|arrow| case([arrow], Unknown::Continue));
    let before = ["token", "permit"].into_iter().flat_map(|name| TREE.each(name));
    let before = before.map(|arrow| case([&arrow], Unknown::Continue).with_slow(TREE.before(place(&arrow))));
    let outcomes = TREE.exchanges.iter().map(|exchange| {
        case([format!("outcome@{}", exchange.place)], Unknown::Continue).with_slow(TREE.passages(exchange.place))
    });
    shared.chain(before).chain(outcomes).collect()
}

/// The arrows between an exchange's intent and what is recorded of it.
fn in_flight() -> Vec<Case> {
    let places = ["intent", "sent"].into_iter().flat_map(|name| TREE.each(name));
    let cases = places.flat_map(|arrow| {
        let shared = case([&arrow], Unknown::Continue);
        let by_itself = case([&arrow], Unknown::Retry).with_slow(TREE.before(place(&arrow)));
        [shared, by_itself]
    });
    cases.collect()
}

/// Beside the steps, events go out: the worker may be anywhere when one is confirmed.
fn events() -> Vec<Case> {
    (1..=EVENTS).map(|n| case([format!("event_published:{n}")], Unknown::Continue)).collect()
}

/// Whoever takes the run up dies, too.
fn twice() -> Vec<Case> {
    let pairs =
        [("permit@1:2", "resumed"), ("sent@1:2", "outcome@1"), ("sent@2.1", "resumed"), ("sent@2.2", "outcome@2.2")];
    let more =
        [("intent@3.0", "outcome@3.0"), ("permit@3", "resumed"), ("sent@1", "outcome@1"), ("intent@3", "resumed")];
    let pairs = pairs.into_iter().chain(more).chain([("sent@2.3.0", "outcome@2.3.0")]);
    pairs.map(|(first, then)| case([first, then], Unknown::Continue).with_slow(TREE.before(place(first)))).collect()
}

/// Whoever takes the run up has other actions.
fn changed() -> Vec<Case> {
    let outcome = case(["outcome@2.1"], Unknown::Continue).with_slow(TREE.passages("2.1"));
    let again = case(["sent@3"], Unknown::Retry).with_slow(TREE.before("3"));
    let at = |place: &str, catalogue| case([place], Unknown::Continue).with_catalogue(catalogue);
    vec![
        at("sent@1", ANOTHER_MASK),
        at("sent@1:2", GONE),
        at("sent@2.1", ANOTHER_MODE),
        at("submitted@2.1", ANOTHER_MODE),
        at("polled@2.1", GONE),
        outcome.with_catalogue(ANOTHER_MASK),
        at("sent@2.3.0", GONE),
        again.with_catalogue(ANOTHER_MODE),
    ]
}

#[tokio::test]
async fn wherever_it_dies_in_a_fallback_or_a_nested_chain_no_known_step_is_sent_again() {
    let ground = ground().await;
    let cases = [known(), in_flight(), events(), twice(), changed()].concat();
    let (played, published) = play(&ground, cases).await;
    let calls = ground.stage.simulator.calls();
    for played in played {
        if !played.case.places[0].starts_with("event_published") {
            TREE.died_there(&played);
        }
        let (proven, loss) = TREE.went_on_well((&ground, &published), &played, false);
        let lost = loss.filter(|loss| !loss.resent).map_or("", |loss| TREE.exchanges[loss.exchange].place);
        assert_result(&played, lost, &proven);
        assert_actions(&played, lost, &calls);
        assert_told_is_what_was_sent(&played, &calls);
    }
}

/// What has to come out, whichever exchange was lost for good.
fn assert_result(played: &Played, lost: &str, proven: &Proven) {
    let run = &played.run;
    let unless = |at: &str, usual: &'static str| if lost == at { "unknown" } else { usual };
    let steps = [
        ("tree", 0, unless("0", "success")),
        ("tree", 1, unless("1:2", "success")),
        ("twig", 0, unless("2.0", "success")),
        ("twig", 1, unless("2.1", "success")),
        ("twig", 2, "success"),
        ("bough", 0, unless("2.3.0", "failed")),
        ("twig", 3, "success"),
        ("twig", 4, "skipped"),
        ("tree", 2, "success"),
        ("dead", 0, unless("3.0", "failed")),
        ("tree", 3, unless("3", "success")),
        ("tree", 4, unless("4", "success")),
    ];
    let result = &proven.result;
    let log = result["audit_log"].as_array().expect("an array").iter();
    let seen: Vec<Value> = log.map(|step| json!([step["chain_id"], step["step_index"], step["status"]])).collect();
    assert_eq!(seen, steps.map(|step| json!(step)), "{run}");
    assert_eq!(proven.end(), ("completed", None), "{run}");
    // Two are never carried out: the one that is skipped, and the one that is not reached.
    let successes = steps.iter().filter(|(_, _, status)| *status == "success").count();
    let rate = ((successes as f64 / 13.0) * 10_000.0).round() / 100.0;
    let figures = ["steps_total", "steps_executed", "completion_rate_percent"].map(|name| result[name].as_f64());
    assert_eq!(figures, [13.0, 11.0, rate].map(Some), "{run}");
    // What is masked is masked by what held when it came, or by what holds now; and so is what was made of anything in a run with masks.
    let masked = played.case.catalogue.is_some();
    let unless_masked = |value: Value| if masked { json!("***") } else { value };
    let extracted = if lost == "0" { json!({}) } else { json!({"step_0": {"n": unless_masked(json!(7))}}) };
    assert_eq!(result["outputs"], extracted, "{run}");

    let responses = &result["aggregated_responses"];
    if lost != "0" {
        assert_eq!(responses[0]["response_data"]["echo"], json!({"n": unless_masked(json!(7))}), "{run}");
    }
    let fallbacks = [1, 3].map(|step| responses[step]["fallback_used"].clone());
    assert_eq!(fallbacks, [true, true], "{run}");
    let why = |at: &str| if lost == at { "OUTCOME_UNKNOWN" } else { "COMPUTE_FAILURE" };
    let classes = [1, 3].map(|step| responses[step]["error_classification"].clone());
    assert_eq!(classes, [why("1"), why("3.0")], "{run}");
    let twig = &responses[2]["response_data"];
    assert_eq!(twig["final_status"], "completed", "{run}");
    let nested = &twig["aggregated_responses"];
    assert_eq!(nested[2]["response_data"], json!({"instead": true}), "{run}");
    assert_eq!(nested[2]["error_classification"], why("2.2"), "{run}");
    assert_eq!(nested[3]["response_data"], json!({"instead": unless_masked(json!("twig"))}), "{run}");
    assert_eq!(nested[3]["error_classification"], why("2.3.0"), "{run}");
    let echo = |response: &Value| response["response_data"]["echo"].clone();
    let n = if lost == "0" { Value::Null } else { json!(7) };
    for (place, step) in [("1:2", 1), ("3", 3)] {
        let wanted = if lost == place { Value::Null } else { json!({"n": n}) };
        assert_eq!(echo(&responses[step]), wanted, "{run}");
    }
    if !["2.0", "2.1"].contains(&lost) {
        // Where the job was submitted by whoever masks nothing of it, nothing is.
        let shown = !masked || place(&played.case.places[0]).starts_with('1');
        assert_eq!(echo(&nested[1]), json!({"of": if shown { "twig" } else { "***" }}), "{run}");
    }
    if !["1:2", "0", "4"].contains(&lost) {
        let masks = played.case.catalogue.is_some_and(|catalogue| catalogue.name == ANOTHER_MASK.name);
        assert_eq!(echo(&responses[4]), json!({"from": if masks { "***" } else { "7 completed" }}), "{run}");
    }
}

/// Each step was called by its own name and no other; and its fallback by another one.
fn assert_actions(played: &Played, lost: &str, calls: &Calls) {
    let run = &played.run;
    // An exchange that nobody knows to have been made may have been, or not.
    let may = |place: &str| place == lost;
    for (step, own, instead) in [("step_1", "1", "1:2"), ("step_3", "", "3"), ("step_2.step_2", "2.2", "")] {
        let seen = calls.step(run, step).actions;
        let wanted = [own, instead].into_iter().filter(|place| !place.is_empty());
        let is = |place: &str| seen.iter().any(|seen| seen.starts_with(&format!("da-{}-", place.replace(':', "-or-"))));
        for place in wanted.clone() {
            assert!(is(place) || may(place), "{run}: {seen:?}");
        }
        assert!(seen.len() <= wanted.count(), "{run}: {seen:?}");
    }
}

/// What is told of the exchange that nobody knows the answer to is what went out, whatever would go out today.
fn assert_told_is_what_was_sent(played: &Played, calls: &Calls) {
    let open = played.deaths[0].standing.open.clone();
    let Some((step, attempt)) = open.filter(|_| played.case.places[0].starts_with("sent@")) else { return };
    let told = played.log.iter().find_map(|record| {
        let Record::Event(sealed) = record else { return None };
        match &sealed.event.body {
            EventBody::StepRetried(told) if (&told.step_id, told.attempt) == (&step, attempt) => {
                Some(Some(told.payload_hash.clone()))
            }
            EventBody::StepFinished(told) if (&told.step_id, told.attempts) == (&step, attempt) => {
                Some(told.payload_hash.clone())
            }
            _ => None,
        }
    });
    // Attempts that are told apart here are of different payloads.
    let sent = &calls.step(&played.run, &step).payload_hashes[attempt as usize - 1];
    assert_eq!(told.flatten().as_ref(), Some(sent), "{}", played.run);
}
