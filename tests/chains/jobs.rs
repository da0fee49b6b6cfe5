//! Steps that are jobs, end to end. What an HTTP result means to one is in `table`.

mod clocks;
mod polls;

use std::time::Duration;

use cxchain::simulator::{SimulatorSettings, StepCalls};
use serde_json::{Value, json};

use crate::audit::{self, keys, millis, of_kind, sha256};
use crate::support::{Broker, SOON, Stage, amqp};
use crate::{chain, nothing_is_left, simulator, step, submit, with};

/// A step with this action that is a job.
fn job(action: &str) -> Value {
    with(step(action), &json!({"mode": "job"}))
}

/// As `simulator`, with jobs that are queued and then run for so long.
fn jobs(rules: &[&str], job_queued: Duration, job_running: Duration) -> SimulatorSettings {
    SimulatorSettings { job_queued, job_running, ..simulator(rules) }
}

/// The waits between a submission and the polls of its job, in milliseconds.
fn waits(step: &StepCalls) -> Vec<u64> {
    let submitted = step.accepted_at_us.last().copied().unwrap();
    let times: Vec<u64> = std::iter::once(submitted).chain(step.polls.accepted_at_us.iter().copied()).collect();
    times.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect()
}

/// What a job that says everything is submitted with, as its author wrote it and as it goes out.
const WRITTEN: &str = r#"{
    "action_id": "da-report", "mode": "job", "payload": {"b": [1, 2.50, null], "a": "é\u0041"}, "version_id": "v2.1",
    "environment_context": {"zone": "1", "region": "EU"}, "execution_timeout_ms": 5000
}"#;
const SENT: &str = r#"{"environmentContext":{"region":"EU","zone":"1"},"executionTimeoutMs":5000,"inputParameters":{"a":"éA","b":[1,2.5,null]},"versionId":"v2.1"}"#;
const PUT_OUT: &str = r#"{"action":"da-report","ok":true,"echo":{"a":"éA","b":[1,2.5,null]}}"#;
/// What one is submitted with whose author says nothing.
const DEFAULTS: &str = r#"{"environmentContext":{},"executionTimeoutMs":30000,"inputParameters":{}}"#;

#[tokio::test]
async fn a_job_is_submitted_once_and_polled_at_the_tenants_pace_until_it_is_over() {
    let settings = jobs(&[], Duration::from_millis(300), Duration::from_millis(1500));
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.jobs.poll", "500ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let report: Value = serde_json::from_str(WRITTEN).unwrap();
    let definition = chain(&[step("da-before"), report, job("da-plain"), step("da-after")]);
    submit(&stage, &channel, &definition, "run-1").await;
    let result = stage.result(&channel).await;
    let events = stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    assert_eq!((&result["final_status"], &result["completion_rate_percent"]), (&json!("completed"), &json!(100)));
    assert_eq!(result["audit_head"], audit::linked(&definition, "run-1", "run-1", &events));
    assert_eq!(events.len(), 6, "one event a step, and none for a poll");
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.totals.ran, calls.jobs.submitted), (4, 4, 2));
    assert_eq!((calls.jobs.unknown, calls.not_found, calls.wrong_method, calls.unidentified), (0, 0, 0, 0));
    let empty = r#"{"action":"da-plain","ok":true,"echo":{}}"#;
    for (index, sent, output) in [(1, SENT, PUT_OUT), (2, DEFAULTS, empty)] {
        let seen = calls.step("run-1", &format!("step_{index}"));
        let told = of_kind(&events, "step.finished")[index];
        let id = format!("simulated-job-{index}");
        let over = format!(r#"{{"jobId":"{id}","status":"COMPLETED","output":{output}}}"#);
        let facts = json!({
            "status": "success", "http_status": 200, "attempts": 1, "polls": seen.polls.calls, "job_id": id,
            "payload_hash": sha256(sent.as_bytes()), "response_hash": sha256(over.as_bytes()),
            "error_classification": "NONE", "directive": null, "fallback_used": false, "maybe_repeated": false,
        });
        for (field, value) in facts.as_object().unwrap() {
            assert_eq!(told[field], *value, "{field} of {told:#}");
        }
        let sync = of_kind(&events, "step.finished")[0];
        assert_eq!(keys(told), keys(sync), "a job's event has no more fields than another's");

        let response = &result["aggregated_responses"][index];
        assert_eq!(response["response_data"], serde_json::from_str::<Value>(output).unwrap());
        assert_eq!((&response["job_id"], &response["attempts"]), (&json!(id), &json!(1)));
        assert_eq!(response["response_hash"], told["response_hash"]);

        assert_eq!((seen.calls, seen.payload_hashes.as_slice()), (1, [sha256(sent.as_bytes())].as_slice()));
        let step_id = format!("run-1.step_{index}.1");
        assert!(seen.polls.request_ids.iter().all(|id| *id == step_id), "{:?}", seen.polls.request_ids);
        assert_eq!(seen.polls.idempotency_keys, seen.idempotency_keys);
        let waits = waits(&seen);
        assert!((2..=4).contains(&waits.len()), "a job of 1.8 s, polled every half second: {waits:?}");
        assert!(waits.iter().all(|wait| (500..1500).contains(wait)), "{waits:?}");
        let latency = told["latency_ms"].as_u64().unwrap();
        // 1.8 s and more, but for what the journal took: that is none of the step's time.
        assert!(latency >= 1500, "{latency} ms");
    }
    let total = millis(&result["finished_at"]) - millis(&result["started_at"]);
    assert!(total >= 3600, "{total} ms");
}

#[tokio::test]
async fn jobs_of_many_runs_are_under_way_at_once_each_in_its_place_in_the_chain() {
    const RUNS: u64 = 50;
    let settings = jobs(&[], Duration::ZERO, Duration::from_secs(4));
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.jobs.poll", "400ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = chain(&[step("da-before"), job("da-job"), step("da-after")]);
    let runs: Vec<String> = (0..RUNS).map(|run| format!("run-{run}")).collect();
    for run in &runs {
        submit(&stage, &channel, &definition, run).await;
    }
    let results = stage.distinct_results(&channel, runs.len(), SOON).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    assert!(results.values().all(|result| result["completion_rate_percent"] == 100));
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.totals.ran, calls.jobs.submitted), (3 * RUNS, 3 * RUNS, RUNS));
    assert_eq!(calls.jobs.max_under_way, RUNS);
    assert!(calls.ran_again().is_empty());
    for run in &runs {
        let [before, job, after] = ["step_0", "step_1", "step_2"].map(|step| calls.step(run, step));
        let polls = &job.polls.accepted_at_us;
        let order =
            [&before.accepted_at_us, &job.accepted_at_us, polls, &after.accepted_at_us].map(Clone::clone).concat();
        assert!(order.is_sorted() && polls.len() >= 2, "{run}: {order:?}");
        let ids: Vec<&Value> = (0..3).map(|index| &results[run]["aggregated_responses"][index]["job_id"]).collect();
        assert!(ids[0].is_null() && ids[1].is_string() && ids[2].is_null(), "{run}: {ids:?}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_null_fails_its_step_before_anything_is_sent() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let null = json!({"payload": {"id": null, "region": "EU"}, "required_params": ["region", "id"]});
    let given = json!({"payload": {"id": 0, "region": ""}, "required_params": ["region", "id"]});
    for (run, on_failure) in [("goes-on", "continue"), ("ends", "abort")] {
        let steps = [
            with(with(step("da-sync"), &null), &json!({"on_failure": "continue"})),
            with(with(job("da-job"), &null), &json!({"on_failure": on_failure})),
            with(job("da-given"), &given),
        ];
        submit(&stage, &channel, &chain(&steps), run).await;
    }
    let results = stage.distinct_results(&channel, 2, SOON).await;
    let events = audit::by_run(stage.events(&channel).await);
    nothing_is_left(&stage, &channel, worker).await;

    for (run, ends, steps) in [("goes-on", "completed", 3), ("ends", "terminated_early", 2)] {
        assert_eq!((&results[run]["final_status"], &results[run]["steps_executed"]), (&json!(ends), &json!(steps)));
        for told in &of_kind(&events[run], "step.finished")[..2] {
            let facts = json!({
                "status": "failed", "error_classification": "VALIDATION", "attempts": 0, "polls": 0, "job_id": null,
                "http_status": null, "payload_hash": null, "response_hash": null,
            });
            for (field, value) in facts.as_object().unwrap() {
                assert_eq!(told[field], *value, "{run}: {field} of {told:#}");
            }
        }
    }
    let calls = stage.simulator.calls();
    assert_eq!(calls.actions.keys().collect::<Vec<_>>(), ["da-given"]);
    assert_eq!((calls.totals.calls, calls.totals.ran, calls.tokens.calls), (1, 1, 1));
}
