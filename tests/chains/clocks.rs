//! The two clocks of a run, end to end: a deadline holds to 250 ms, whatever the peer does, on a machine that does not stand still.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use cxchain::simulator::{Seen, Simulator};
use serde_json::{Value, json};

use crate::audit::{self, millis, of_kind};
use crate::support::{Broker, Hiccups, SOON, Stage, amqp};
use crate::{chain, events_until, in_time, nothing_is_left, simulator, step, submit, with};

/// The shortest timeout of a step, and how far off its end may be.
const FIVE_SECONDS: RangeInclusive<u64> = 4750..=5250;
/// The shortest timeout of a run.
const A_MINUTE: RangeInclusive<u64> = 59_750..=60_250;

#[tokio::test]
async fn the_run_clock_ends_runs_that_wait_for_a_paused_tenant_or_a_job_and_the_exchange_in_flight() {
    let rules = ["da-throttled=status:429,retry-after:600,slow:5s", "da-hanging=hang", "da-endless=job-runs"];
    let mut stage = Stage::new(Broker::shared().await, simulator(&rules)).await;
    let url = stage.simulator.url();
    for (key, value) in
        [("base_url", url.as_str()), ("auth.client_id", "simulator-client"), ("auth.client_secret", "simulator-secret")]
    {
        stage.set(&format!("tenants.other.{key}"), value);
    }
    // Two calls at once, so that a run that has made none waits at the gate when the 429 comes.
    stage.set("tenants.default.max_concurrent", "2");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let hiccups = Hiccups::watch();
    let minute = json!({"global_timeout_seconds": 60});
    let hanging = with(step("da-hanging"), &json!({"timeout_seconds": 120}));
    let endless = with(step("da-endless"), &json!({"mode": "job", "timeout_seconds": 900}));
    let definitions: BTreeMap<&str, Value> = [
        ("in-flight", with(chain(&[hanging, step("da-after")]), &minute)),
        ("between", with(chain(&[step("da-before"), step("da-throttled"), step("da-after")]), &minute)),
        ("untouched", with(chain(&[step("da-first"), step("da-after")]), &minute)),
        ("elsewhere", with(chain(&[step("da-first")]), &json!({"tenant": "other"}))),
        (
            "polling",
            with(with(chain(&[step("da-first"), endless, step("da-after")]), &minute), &json!({"tenant": "other"})),
        ),
    ]
    .into();
    let go = async |run: &str| submit(&stage, &channel, &definitions[run], run).await;

    // Each has come as far as it is to come before the next one starts.
    go("in-flight").await;
    stage.simulator.wait_until(|calls| calls.action("da-hanging").ran == 1).await;
    go("between").await;
    stage.simulator.wait_until(|calls| calls.action("da-throttled").calls == 1).await;
    go("untouched").await;
    let begun = |event: &Value| event["event"] == "run.accepted" && event["run_id"] == "untouched";
    let mut events = events_until(&stage, &channel, begun).await;
    if of_kind(&events, "step.retried").is_empty() {
        events.extend(events_until(&stage, &channel, |event| event["event"] == "step.retried").await);
    }
    go("polling").await;
    stage.simulator.wait_until(|calls| calls.jobs.submitted == 1).await;
    go("elsewhere").await;
    let elsewhere = stage.result(&channel).await;
    assert_eq!((&elsewhere["run_id"], &elsewhere["final_status"]), (&json!("elsewhere"), &json!("completed")));

    let results = stage.distinct_results(&channel, 4, Duration::from_secs(90)).await;
    events.extend(stage.events(&channel).await);
    let events = audit::by_run(events);
    nothing_is_left(&stage, &channel, worker).await;

    // Steps executed, percent, the step that it ended at.
    for (run, executed, percent, at) in [
        ("in-flight", 1, 0.0, "step_0"),
        ("between", 2, 33.33, "step_1"),
        ("untouched", 0, 0.0, "step_0"),
        ("polling", 2, 33.33, "step_1"),
    ] {
        let (result, events) = (&results[run], &events[run]);
        assert_eq!(result["audit_head"], audit::linked(&definitions[run], run, run, events));
        assert_eq!(result["final_status"], "timed_out", "{result:#}");
        assert_eq!(result["reason"]["code"], "global_timeout");
        assert_eq!(result["reason"]["step_id"], at, "{run}");
        assert_eq!(
            (&result["steps_executed"], result["completion_rate_percent"].as_f64()),
            (&json!(executed), Some(percent))
        );
        assert_eq!(result["aggregated_responses"].as_array().unwrap().len(), executed);
        let took = result["total_latency_ms"].as_u64().unwrap();
        assert!(in_time(&hiccups, &A_MINUTE, took), "{run} took {took} ms");
        let deadline = millis(&events[0].body["deadline"]) - millis(&result["started_at"]);
        assert_eq!(deadline, 60_000, "{run}");
    }

    let cut = of_kind(&events["in-flight"], "step.finished")[0];
    assert_eq!(
        (&cut["status"], &cut["error_classification"], &cut["attempts"]),
        (&json!("unknown"), &json!("TIMEOUT"), &json!(1))
    );
    assert!(in_time(&hiccups, &A_MINUTE, cut["latency_ms"].as_u64().unwrap()), "{cut}");

    let waiting = of_kind(&events["between"], "step.finished")[1];
    assert_eq!((&waiting["status"], &waiting["error_classification"]), (&json!("failed"), &json!("RATE_LIMITED")));
    assert_eq!((&waiting["http_status"], &waiting["attempts"]), (&json!(429), &json!(1)));
    assert!(
        waiting["latency_ms"].as_u64().unwrap() < 10_000,
        "the pause is the gate's time, not the step's: {waiting}"
    );
    assert!(waiting["gate_wait_ms"].as_u64().unwrap() > 45_000, "{waiting}");
    let retried = of_kind(&events["between"], "step.retried")[0];
    assert_eq!((&retried["delay_ms"], &retried["error_classification"]), (&json!(600_000), &json!("RATE_LIMITED")));

    let calls = stage.simulator.calls();
    let polled = of_kind(&events["polling"], "step.finished")[1];
    let seen = calls.step("polling", "step_1");
    assert_eq!((&polled["status"], &polled["error_classification"]), (&json!("unknown"), &json!("TIMEOUT")));
    assert_eq!(polled["attempts"], 1);
    // The last one may have been under way when the time was over, and not have got far.
    let told = polled["polls"].as_u64().unwrap();
    assert!((seen.polls.calls..=seen.polls.calls + 1).contains(&told), "{told} polls told, {:?} seen", seen.polls);
    assert!((10..=20).contains(&seen.polls.calls), "every three seconds: {}", seen.polls.calls);
    assert_eq!((seen.calls, calls.jobs.submitted), (1, 1));

    assert_eq!((calls.action("da-throttled").calls, calls.action("da-after").calls), (1, 0));
    assert_eq!(calls.step("untouched", "step_0").calls, 0);
}

/// A run of one step with a timeout of 5 s.
struct Case {
    name: &'static str,
    fault: &'static str,
    status: &'static str,
    class: &'static str,
    http_status: Option<u16>,
    attempts: u64,
    latency_ms: RangeInclusive<u64>,
}

#[tokio::test]
async fn a_step_ends_at_its_deadline_and_not_before_it_has_to() {
    let case = |name, fault, (status, class, http_status), attempts, latency_ms| Case {
        name,
        fault,
        status,
        class,
        http_status,
        attempts,
        latency_ms,
    };
    let (fine, late) = (("success", "NONE", Some(200)), ("unknown", "TIMEOUT", None));
    let away = ("failed", "COMPUTE_CLUSTER_UNAVAILABLE", Some(503));
    let cases = [
        case("silent", "hang", late, 1, FIVE_SECONDS),
        case("dripping", "drip:200ms", ("unknown", "TIMEOUT", Some(200)), 1, FIVE_SECONDS),
        case("dripping-in-time", "drip:20ms", fine, 1, 500..=4750),
        case("slow", "slow:6s", late, 1, FIVE_SECONDS),
        case("slow-in-time", "slow:4s", fine, 1, 4000..=4250),
        // The clock covers all attempts, and the one at its end is cut short.
        case("slow-again-and-again", "status:503,slow:2s", late, 3, FIVE_SECONDS),
        // A back-off that would end after the deadline is not begun.
        case("away-for-long", "status:503,retry-after:5", away, 1, 0..=250),
        case("away-for-less", "status:503,retry-after:4,times:1", fine, 2, 4000..=4750),
    ];
    let rules: Vec<String> = cases.iter().map(|case| format!("da-{}={}", case.name, case.fault)).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let mut stage = Stage::new(Broker::shared().await, simulator(&rules)).await;
    stage.set("tenants.default.retry.base", "100ms").set("tenants.default.retry.max", "300ms");
    // A tenant whose token never comes: the step's clock covers that, too.
    let mute = Simulator::start(simulator(&["@token=hang"])).unwrap();
    stage.set("tenants.mute.base_url", &mute.url()).set("tenants.mute.auth.client_secret", "simulator-secret");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    // Whoever comes first pays for the token and the first connection: none of the cases.
    submit(&stage, &channel, &chain(&[step("da-first")]), "first").await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    let mut feed = stage.simulator.feed();
    let hiccups = Hiccups::watch();

    let five = json!({"timeout_seconds": 5});
    for case in &cases {
        submit(&stage, &channel, &chain(&[with(step(&format!("da-{}", case.name)), &five)]), case.name).await;
    }
    let tokenless = with(chain(&[with(step("da-x"), &five)]), &json!({"tenant": "mute"}));
    submit(&stage, &channel, &tokenless, "tokenless").await;
    let results = stage.distinct_results(&channel, cases.len() + 1, SOON).await;
    stage.simulator.wait_until(|calls| calls.totals.open == 0).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    for case in &cases {
        let step = &results[case.name]["aggregated_responses"][0];
        let told = json!([step["status"], step["error_classification"], step["http_status"], step["attempts"]]);
        assert_eq!(told, json!([case.status, case.class, case.http_status, case.attempts]), "{}", case.name);
        let latency = step["latency_ms"].as_u64().unwrap();
        assert!(in_time(&hiccups, &case.latency_ms, latency), "{} took {latency} ms", case.name);
        let total = results[case.name]["total_latency_ms"].as_u64().unwrap();
        assert!((latency..=latency + 1000).contains(&total), "{}: {latency} ms of {total} ms", case.name);
    }
    let tokenless = &results["tokenless"]["aggregated_responses"][0];
    assert_eq!((&tokenless["status"], &tokenless["error_classification"]), (&json!("failed"), &json!("TIMEOUT")));
    assert_eq!((&tokenless["attempts"], mute.calls().totals.calls), (&json!(0), 0));
    assert!(in_time(&hiccups, &FIVE_SECONDS, tokenless["latency_ms"].as_u64().unwrap()), "{tokenless}");

    // The peer saw the connection end when the step did.
    let mut cut = 0;
    while let Some(Seen::Call(call)) = feed.next_now() {
        if matches!(call.run.as_deref(), Some("silent" | "dripping" | "slow")) {
            assert!(in_time(&hiccups, &FIVE_SECONDS, call.took_ms), "{call:?}");
            cut += 1;
        }
    }
    assert_eq!(cut, 3);
}

#[tokio::test]
async fn the_step_clock_stands_still_while_the_gate_holds_the_step_back() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    // With room for a slow machine between a permit and its use: one that is lost costs another six seconds.
    stage.set("tenants.default.limits", "[{limit = 1, per = \"6s\", burst = 1}]").set("gate.slack", "200ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    // One call every 6.2 s: the second step waits for longer than it may take.
    let five = json!({"timeout_seconds": 5});
    let definition = chain(&[with(step("da-x"), &five), with(step("da-y"), &five)]);
    submit(&stage, &channel, &definition, "run").await;
    let result = stage.result(&channel).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    assert_eq!(result["final_status"], "completed", "{result:#}");
    let step = &result["aggregated_responses"][1];
    let (waited, latency) = (step["gate_wait_ms"].as_u64().unwrap(), step["latency_ms"].as_u64().unwrap());
    assert_eq!(step["attempts"], json!(1));
    assert!(latency < 1500, "{latency} ms");
    assert!((5001..=7000).contains(&waited), "{waited} ms");
    let total = result["total_latency_ms"].as_u64().unwrap();
    assert!(total >= waited + latency, "the run's clock covers both: {total} ms");
}
