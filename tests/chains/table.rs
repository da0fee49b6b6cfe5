//! What an HTTP result means, row by row and for each directive: outcome, calls made, events, result.
//!
//! Every case is a chain of three steps, of which the middle one meets the fault. A pause, a refused token or trouble in one
//! case is no other's: those are on tenants of their own, all others on one.

mod job_rows;
mod rows;
mod words;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use cxchain::simulator::{Calls, Fault};
use serde_json::{Value, json};

use crate::audit::{self, of_kind, sha256};
use crate::support::{Broker, Caught, Stage, amqp};
use crate::{chain, nothing_is_left, simulator, step, submit, with};
use job_rows::job_rows;
use rows::{Row, rows};
use words::{Directives, Mode, Outcome};

/// All cases together; the longest are the ones in which a step's 5 s run out.
const ALL: Duration = Duration::from_secs(60);

/// A row under one directive.
struct Case {
    row: Row,
    on_failure: &'static str,
    /// The run and the tenant are called so.
    name: String,
}

impl Case {
    fn action(&self) -> String {
        format!("da-{}", self.name)
    }

    fn definition(&self) -> Value {
        let mut middle = json!({"action_id": self.action(), "timeout_seconds": 5, "on_failure": self.on_failure});
        if self.row.mode != Mode::Sync {
            middle["mode"] = "job".into();
        }
        let steps = [step("da-before"), with(middle, &self.row.step), step("da-after")];
        with(chain(&steps), &json!({"tenant": self.tenant()}))
    }

    fn tenant(&self) -> &str {
        if self.row.is_calm() { "calm" } else { &self.name }
    }

    /// The body that every exchange but a poll sends.
    fn sent(&self) -> String {
        let payload = self.row.step.get("payload").cloned().unwrap_or(json!({}));
        match self.row.mode {
            Mode::Sync => payload.to_string(),
            Mode::Job { .. } => {
                format!(r#"{{"environmentContext":{{}},"executionTimeoutMs":30000,"inputParameters":{payload}}}"#)
            }
        }
    }

    /// What its calls and polls meet, as the simulator has it.
    fn rules(&self) -> impl Iterator<Item = String> {
        let action = self.action();
        let calls = self.row.faults.iter().map(move |fault| format!("{action}={fault}"));
        let action = self.action();
        calls.chain(self.row.polls.iter().map(move |fault| format!("{action}@poll={fault}")))
    }
}

fn cases(rows: Vec<Row>) -> Vec<Case> {
    let mut cases = Vec::new();
    for row in rows {
        let directives: &[&str] = match row.directives {
            Directives::Two => &["abort", "continue"],
            Directives::Three => &["abort", "continue", "fallback"],
        };
        for on_failure in directives {
            let words: Vec<&str> =
                row.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
            let name = format!("{}_{on_failure}", words.join("_")).to_lowercase();
            cases.push(Case { row: row.clone(), on_failure, name });
        }
    }
    cases
}

/// What a run ends with: final status, reason's code, steps executed, percent, directive of the step.
type End = (&'static str, Option<&'static str>, u32, f64, Option<&'static str>);

fn end(outcome: Outcome, stops: bool, on_failure: &'static str) -> End {
    match (outcome, on_failure) {
        (Outcome::Success, _) => ("completed", None, 3, 100.0, None),
        (Outcome::Unknown, _) if stops => ("indeterminate", Some("outcome_unknown"), 2, 33.33, None),
        (Outcome::Unknown, "abort") => ("indeterminate", Some("outcome_unknown"), 2, 33.33, Some("abort")),
        (Outcome::Failed, "abort") => ("terminated_early", Some("step_failed"), 2, 33.33, Some("abort")),
        (Outcome::Failed | Outcome::Unknown, goes_on) => ("completed", None, 3, 66.67, Some(goes_on)),
    }
}

#[tokio::test]
async fn every_row_of_the_table_means_what_it_says_under_every_directive() {
    all_are_right(cases(rows())).await;
}

#[tokio::test]
async fn every_row_of_the_table_means_what_it_says_of_jobs_under_every_directive() {
    all_are_right(cases(job_rows())).await;
}

async fn all_are_right(cases: Vec<Case>) {
    let faults: Vec<String> = cases.iter().flat_map(Case::rules).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let mut stage = Stage::new(Broker::shared().await, simulator(&faults)).await;
    stage.set("worker.max_response_bytes", "1024");
    for case in &cases {
        tenant(&mut stage, case);
    }
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for case in &cases {
        submit(&stage, &channel, &case.definition(), &case.name).await;
    }
    let results = stage.distinct_results(&channel, cases.len(), ALL).await;
    let events = audit::by_run(stage.events(&channel).await);
    nothing_is_left(&stage, &channel, worker).await;

    let calls = stage.simulator.calls();
    assert_eq!(calls.redirects_followed, 0, "a redirect was followed");
    assert_eq!((calls.not_found, calls.wrong_method), (0, 0), "a request left its path");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let judged = std::panic::catch_unwind(|| judge(case, &results, &events, &calls));
            judged.err().map(|_| format!("{}: {}", case.row.name, case.on_failure))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases are wrong: {wrong:#?}", wrong.len(), cases.len());
}

fn tenant(stage: &mut Stage, case: &Case) {
    let url = stage.simulator.url();
    let mut set = |key: &str, value: &str| {
        stage.set(&format!("tenants.{}.{key}", case.tenant()), value);
    };
    set("base_url", &url);
    set("limits", "[{limit = 100000, per = \"1s\", burst = 50000}]");
    set("auth.client_id", "simulator-client");
    set("auth.client_secret", "simulator-secret");
    set("retry.base", "100ms");
    set("retry.max", "300ms");
    set("jobs.poll", "100ms");
    for (key, value) in case.row.tenant {
        set(key, value);
    }
}

fn judge(case: &Case, results: &BTreeMap<String, Value>, events: &BTreeMap<String, Vec<Caught>>, calls: &Calls) {
    let (row, run) = (&case.row, case.name.as_str());
    let (result, events) = (&results[run], &events[run]);
    let (final_status, reason, executed, percent, directive) = end(row.outcome, row.stops(), case.on_failure);

    // The run.
    assert_eq!(result["audit_head"], audit::linked(&case.definition(), run, run, events));
    assert_eq!(result["final_status"], final_status, "{result:#}");
    let code = (reason.map(Value::from).unwrap_or_default(), reason.map(|_| "step_1").into());
    assert_eq!((&result["reason"]["code"], &result["reason"]["step_id"]), (&code.0, &code.1), "{}", result["reason"]);
    assert_eq!((&result["steps_total"], &result["steps_executed"]), (&json!(3), &json!(executed)));
    assert_eq!(result["completion_rate_percent"].as_f64(), Some(percent));
    let finished = of_kind(events, "run.finished")[0];
    for field in ["final_status", "reason", "steps_executed", "completion_rate_percent", "total_latency_ms"] {
        assert_eq!(finished[field], result[field], "{field}");
    }

    // The step.
    let told = of_kind(events, "step.finished");
    assert_eq!(told.len(), usize::try_from(executed).unwrap());
    let attempts = row.retried.len() + 1;
    let seen = calls.step(run, "step_1");
    let job = told[1]["job_id"].as_str();
    assert_eq!(job.is_some(), row.mode == Mode::Job { known: true }, "{}", told[1]["job_id"]);
    let response_hash = row.body.map(|body| {
        let text = body.of(&case.action(), job);
        // Of one with the time of day in it there is some hash.
        text.map_or_else(|| told[1]["response_hash"].as_str().unwrap().to_owned(), |text| sha256(text.as_bytes()))
    });
    let payload_hash = sha256(case.sent().as_bytes());
    // The last poll of a job that is not over may have been under way when the step's time was; it may not have got far.
    let cut_off = told[1]["http_status"].is_null() && job.is_some() && row.outcome == Outcome::Unknown;
    let http_status = row.http_status.filter(|_| !cut_off);
    let polls = told[1]["polls"].as_u64().unwrap();
    assert!(
        polls == seen.polls.calls || cut_off && polls == seen.polls.calls + 1,
        "{polls} told, {:?} seen",
        seen.polls
    );
    let expected = json!({
        "status": row.outcome.as_str(), "http_status": http_status, "error_classification": row.class,
        "attempts": attempts, "directive": directive, "fallback_used": false, "maybe_repeated": row.maybe_repeated,
        "payload_hash": payload_hash, "response_hash": response_hash,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(told[1][field], *value, "{field} of {:#}", told[1]);
    }
    let response = &result["aggregated_responses"][1];
    for field in [
        "status",
        "http_status",
        "error_classification",
        "attempts",
        "directive",
        "latency_ms",
        "gate_wait_ms",
        "job_id",
        "response_hash",
    ] {
        assert_eq!(response[field], told[1][field], "{field} of {response:#}");
    }
    assert_eq!(response["response_omitted"], row.class == "RESPONSE_TOO_LARGE");
    let success = row.outcome == Outcome::Success;
    assert_eq!((response.get("response_data").is_some(), response.get("error_message").is_some()), (success, !success));
    assert!(row.message.is_none_or(|message| response["error_message"] == message), "{}", response["error_message"]);

    // The exchanges.
    let numbers: Vec<u32> = (1..).take(attempts).collect();
    assert_eq!(seen.attempts, numbers, "the calls that arrived");
    assert_eq!(seen.ran, row.ran, "how often the action took effect");
    assert_eq!(seen.idempotency_keys, [format!("{run}:step_1")]);
    assert_eq!(calls.step(run, "step_0").calls, 1);
    assert_eq!(calls.step(run, "step_2").calls, u64::from(executed == 3));
    assert!(seen.payload_hashes.iter().all(|sent| *sent == payload_hash), "what was sent: {:?}", seen.payload_hashes);
    retried(row, &payload_hash, &of_kind(events, "step.retried"), &seen.accepted_at_us);

    // The polls.
    let polls = &seen.polls;
    if job.is_some() {
        let least = row.polls.iter().map(|fault| times(fault)).sum::<u64>().max(1);
        assert!(polls.calls >= least, "{least} polls at the least: {polls:?}");
        let id = format!("{run}.step_1.{attempts}");
        assert!(polls.request_ids.iter().all(|said| *said == id), "{polls:?} are for {id}");
        assert_eq!(polls.idempotency_keys, [format!("{run}:step_1")]);
    } else {
        assert_eq!(polls.calls, 0, "{polls:?}");
    }
}

/// How many polls meet a fault at the least.
fn times(fault: &str) -> u64 {
    u64::from(fault.parse::<Fault>().unwrap().times.unwrap_or(1))
}

/// One event for every exchange that did not decide the step, and no call came before the wait that it tells was over.
fn retried(row: &Row, payload_hash: &str, told: &[&Value], accepted_at_us: &[u64]) {
    assert_eq!(told.len(), row.retried.len(), "{told:#?}");
    for (index, (event, (class, http_status, delay))) in told.iter().zip(row.retried).enumerate() {
        let facts = json!({
            "step_index": 1, "step_id": "step_1", "attempt": index + 1, "error_classification": class,
            "http_status": http_status, "payload_hash": payload_hash,
        });
        for (field, value) in facts.as_object().unwrap() {
            assert_eq!(event[field], *value, "{field} of {event:#}");
        }
        let said = event["delay_ms"].as_u64().unwrap();
        assert!(RangeInclusive::contains(delay, &said), "{said} ms of delay, not {delay:?}");
        let waited = accepted_at_us[index + 1] - accepted_at_us[index];
        assert!(waited >= said * 1000, "{waited} µs between two calls, after a delay of {said} ms");
    }
}

/// What a job without a payload is submitted with.
const NO_INPUT: &str = r#"{"environmentContext":{},"executionTimeoutMs":30000,"inputParameters":{}}"#;

#[tokio::test]
async fn without_a_connection_a_step_fails_after_its_attempts_and_without_a_token_before_its_first() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    // Bound and not listened at: whoever connects is refused, and nobody else can take it.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    closed.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap().as_socket().unwrap());
    let (token_url, url) = (stage.simulator.token_url(), stage.simulator.url());
    for (tenant, base_url, secret) in [("nowhere", &nowhere, "simulator-secret"), ("stranger", &url, "wrong")] {
        let mut set = |key: &str, value: &str| {
            stage.set(&format!("tenants.{tenant}.{key}"), value);
        };
        set("base_url", base_url);
        set("auth.token_url", &token_url);
        set("auth.client_id", "simulator-client");
        set("auth.client_secret", secret);
        set("retry.base", "100ms");
        set("retry.max", "300ms");
    }
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;

    // Tenant, class, attempts, the most that each delay is, and whether there was anything to hash.
    let table = [("nowhere", "NETWORK", 4, &[100, 150, 225][..], true), ("stranger", "AUTHENTICATION", 0, &[], false)];
    let ends = [("abort", "terminated_early", 1), ("continue", "completed", 2)];
    let modes = [("sync", "{}"), ("job", NO_INPUT)];
    let mut runs = BTreeMap::new();
    for expected in table {
        for (end, (mode, body)) in ends.into_iter().flat_map(|end| modes.map(|mode| (end, mode))) {
            let (run, steps) = (format!("{}-{}-{mode}", expected.0, end.0), ["da-x", "da-y"].map(step));
            let steps = steps.map(|step| with(step, &json!({"on_failure": end.0, "mode": mode})));
            let definition = with(chain(&steps), &json!({"tenant": expected.0}));
            submit(&stage, &channel, &definition, &run).await;
            runs.insert(run, (definition, expected, end, body));
        }
    }
    let results = stage.distinct_results(&channel, runs.len(), ALL).await;
    let events = audit::by_run(stage.events(&channel).await);
    nothing_is_left(&stage, &channel, worker).await;

    for (run, (definition, (_, class, attempts, delays, sent), (directive, final_status, executed), body)) in runs {
        let (result, events) = (&results[&run], &events[&run]);
        assert_eq!(result["audit_head"], audit::linked(&definition, &run, &run, events));
        assert_eq!(result["final_status"], final_status, "{run}: {result:#}");
        assert_eq!((&result["steps_executed"], &result["completion_rate_percent"]), (&json!(executed), &json!(0)));
        let told = of_kind(events, "step.finished");
        assert_eq!(told.len(), executed, "{run}");
        for step in &told {
            let expected = json!({
                "status": "failed", "error_classification": class, "attempts": attempts, "directive": directive,
                "http_status": null, "response_hash": null, "maybe_repeated": false,
                "payload_hash": if sent { sha256(body.as_bytes()).into() } else { Value::Null },
                "polls": 0, "job_id": null,
            });
            for (field, value) in expected.as_object().unwrap() {
                assert_eq!(step[field], *value, "{run}: {field} of {step:#}");
            }
        }
        let retried = of_kind(events, "step.retried");
        assert_eq!(retried.len(), told.len() * delays.len(), "{run}");
        for (index, event) in retried.iter().enumerate() {
            let at = index % delays.len();
            let facts = (&event["attempt"], &event["error_classification"], &event["http_status"]);
            assert_eq!(facts, (&json!(at + 1), &json!(class), &Value::Null), "{run}");
            assert!(event["delay_ms"].as_u64().unwrap() <= delays[at], "{run}: {event}");
        }
    }
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.polls.calls), (0, 0));
}
