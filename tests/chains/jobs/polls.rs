//! Polls as calls of the tenant: they wait for the gate, they count against the quota, and what they are told goes for all.

use std::time::Duration;

use cxchain::simulator::{Seen, SimulatorSettings};
use serde_json::json;

use super::{job, jobs, waits};
use crate::support::{Broker, SOON, Stage, amqp};
use crate::{chain, nothing_is_left, step, submit};

#[tokio::test]
async fn a_429_to_a_poll_pauses_the_whole_tenant_for_as_long_as_it_says() {
    let rules = ["da-throttled@poll=status:429,retry-after:3,times:1"];
    let settings = jobs(&rules, Duration::ZERO, Duration::from_secs(60));
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.jobs.poll", "200ms");
    stage.simulator.add_fault("da-throttled=job-runs-for:0s".parse().unwrap());
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let mut feed = stage.simulator.feed();
    submit(&stage, &channel, &chain(&[job("da-throttled")]), "throttled").await;
    stage.simulator.wait_until(|calls| calls.polls.answered == 1).await;
    submit(&stage, &channel, &chain(&[step("da-late")]), "late").await;
    let results = stage.distinct_results(&channel, 2, SOON).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    let mut poll = None;
    while let Some(Seen::Call(call)) = feed.next_now() {
        if poll.is_none() && call.target == "da-throttled@poll" {
            poll = Some(call);
        }
    }
    let poll = poll.unwrap();
    assert_eq!(poll.status, Some(429));
    let calls = stage.simulator.calls();
    let (asked_at_us, said_at_us) = (poll.at_ms * 1000, (poll.at_ms + poll.took_ms + 1) * 1000);
    let early = calls.accepted_at_us.iter().filter(|&&at| at > said_at_us && at < asked_at_us + 3_000_000).count();
    assert_eq!(early, 0, "calls in the pause");
    assert_eq!((calls.totals.calls, calls.polls.calls, calls.jobs.submitted), (2, 2, 1));
    for (run, polls) in [("throttled", 2), ("late", 0)] {
        let step = &results[run]["aggregated_responses"][0];
        assert_eq!((&step["status"], &step["attempts"]), (&json!("success"), &json!(1)), "{step:#}");
        assert_eq!(calls.step(run, "step_0").polls.calls, polls);
        assert!(step["latency_ms"].as_u64().unwrap() < 1500, "the pause is the gate's time, not the step's: {step:#}");
    }
    let waited = results["throttled"]["aggregated_responses"][0]["gate_wait_ms"].as_u64().unwrap();
    assert!(waited > 1500, "{waited} ms at the gate");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once_for_all_who_poll() {
    const RUNS: u64 = 30;
    // All of these are under way before the first is answered, and all with the same token.
    const REFUSED: u64 = 8;
    let refused = format!("da-job@poll=status:401,slow:2s,times:{REFUSED}");
    let settings = jobs(&[&refused], Duration::ZERO, Duration::from_secs(4));
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.jobs.poll", "300ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for run in 0..RUNS {
        submit(&stage, &channel, &chain(&[job("da-job")]), &format!("run-{run}")).await;
    }
    let results = stage.distinct_results(&channel, 30, SOON).await;
    let events = stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    for (run, result) in &results {
        let step = &result["aggregated_responses"][0];
        assert_eq!((&step["status"], &step["attempts"]), (&json!("success"), &json!(1)), "{run}: {step:#}");
    }
    assert!(events.iter().all(|event| event.body["event"] != "step.retried"), "a poll is no attempt");
    let calls = stage.simulator.calls();
    assert_eq!(calls.polls.statuses[&401], REFUSED);
    assert_eq!((calls.tokens.calls, calls.tokens.issued, calls.jobs.submitted), (2, 2, RUNS));
}

#[tokio::test]
async fn polls_keep_to_the_quota_and_leave_room_in_it() {
    const RUNS: usize = 6;
    let settings = SimulatorSettings {
        limits: vec!["10/1s".parse().unwrap()],
        ..jobs(&[], Duration::ZERO, Duration::from_secs(6))
    };
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    // At this pace the polls alone would be six times what the quota has.
    stage.set("tenants.default.limits", "[{limit = 10, per = \"1s\", burst = 2}]");
    stage.set("tenants.default.jobs.poll", "100ms").set("gate.slack", "100ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for run in 0..RUNS {
        submit(&stage, &channel, &chain(&[job("da-job"), step("da-after")]), &format!("job-{run}")).await;
    }
    stage.simulator.wait_until(|calls| calls.jobs.submitted == RUNS as u64).await;
    // Whoever comes now is younger than all who poll.
    let newcomer = chain(&[step("da-x"), step("da-y"), step("da-z")]);
    submit(&stage, &channel, &newcomer, "newcomer").await;
    let results = stage.results(&channel, RUNS + 1, SOON).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    assert_eq!(
        results[0].body["run_id"], "newcomer",
        "its three calls get through before jobs of six seconds are over"
    );
    assert!(results.iter().all(|result| result.body["completion_rate_percent"] == 100));
    let calls = stage.simulator.calls();
    assert_eq!((calls.quota.throttled, calls.jobs.submitted), (0, RUNS as u64));
    assert!(calls.quota.windows[0].max <= 10, "{:?}", calls.quota);
    assert_eq!(calls.quota.accepted, calls.totals.accepted + calls.polls.accepted);
    let mut all: Vec<u64> = (0..RUNS).flat_map(|run| waits(&calls.step(&format!("job-{run}"), "step_0"))).collect();
    all.sort_unstable();
    assert!(all[all.len() / 2] >= 400, "six jobs at nine calls a second, half of which are others': {all:?}");
}
