//! The clocks of a step that is a job, and the worker's end while one is polled.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{job, jobs};
use crate::support::{Broker, Hiccups, SOON, Stage, amqp, eventually};
use crate::{chain, in_time, nothing_is_left, step, submit, with};

/// The shortest timeout of a step, and how far off its end may be.
const FIVE_SECONDS: RangeInclusive<u64> = 4750..=5250;

/// A run of one job with a timeout of 5 s.
struct Case {
    name: &'static str,
    /// What its submission and its polls meet.
    faults: [&'static str; 2],
    /// `tenants.NAME.jobs.poll`
    pace: &'static str,
    status: &'static str,
    class: &'static str,
    latency_ms: RangeInclusive<u64>,
    /// How often it is polled.
    polls: RangeInclusive<u64>,
}

fn cases() -> Vec<Case> {
    let case = |name, faults, pace, (status, class), latency_ms, polls| Case {
        name,
        faults,
        pace,
        status,
        class,
        latency_ms,
        polls,
    };
    let (fine, stuck, runs) = (("success", "NONE"), ("unknown", "STUCK_QUEUED"), ("unknown", "TIMEOUT"));
    let well = "slow:0s";
    vec![
        // Every second, and a last time a second before the end.
        case("stuck", ["job-stuck", well], "1s", stuck, FIVE_SECONDS, 4..=5),
        case("running", ["job-runs", well], "1s", runs, FIVE_SECONDS, 4..=5),
        case("stuck-at-the-usual-pace", ["job-stuck", well], "3s", stuck, FIVE_SECONDS, 2..=2),
        case("running-at-a-slow-pace", ["job-runs", well], "60s", runs, FIVE_SECONDS, 1..=1),
        case("deaf", ["job-runs", "hang"], "1s", stuck, FIVE_SECONDS, 1..=1),
        case("dripping", ["job-runs", "drip:200ms"], "1s", stuck, FIVE_SECONDS, 1..=1),
        case("slow", ["job-runs", "slow:6s"], "1s", stuck, FIVE_SECONDS, 1..=1),
        case("away", ["job-runs", "status:503,retry-after:30"], "1s", stuck, FIVE_SECONDS, 4..=5),
        case("submitted-late", ["slow:3s,job-stuck", well], "500ms", stuck, FIVE_SECONDS, 2..=4),
        case("over-at-the-last-look", ["job-runs-for:3500ms", well], "3s", fine, 3900..=4900, 2..=2),
        case("over-at-once", ["job-runs-for:0s", well], "500ms", fine, 400..=950, 1..=1),
    ]
}

#[tokio::test]
async fn a_job_is_given_up_at_its_steps_deadline_and_not_before() {
    let cases = cases();
    let rules: Vec<String> = cases
        .iter()
        .flat_map(|Case { name, faults: [calls, polls], .. }| {
            [format!("da-{name}={calls}"), format!("da-{name}@poll={polls}")]
        })
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let settings = jobs(&rules, Duration::ZERO, Duration::from_secs(1));
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    let url = stage.simulator.url();
    for case in &cases {
        for (key, value) in [
            ("base_url", url.as_str()),
            ("auth.client_id", "simulator-client"),
            ("auth.client_secret", "simulator-secret"),
            ("jobs.poll", case.pace),
        ] {
            stage.set(&format!("tenants.{}.{key}", case.name), value);
        }
    }
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    // Whoever comes first pays for the token and the first connection: none of the cases.
    for case in &cases {
        let first = with(chain(&[step("da-first")]), &json!({"tenant": case.name}));
        submit(&stage, &channel, &first, &format!("first-{}", case.name)).await;
    }
    stage.distinct_results(&channel, cases.len(), SOON).await;
    let hiccups = Hiccups::watch();

    for case in &cases {
        let step = with(job(&format!("da-{}", case.name)), &json!({"timeout_seconds": 5}));
        submit(&stage, &channel, &with(chain(&[step]), &json!({"tenant": case.name})), case.name).await;
    }
    let results = stage.distinct_results(&channel, cases.len(), SOON).await;
    stage.events(&channel).await;
    let calls = stage.simulator.wait_until(|calls| calls.polls.open == 0 && calls.totals.open == 0).await;
    nothing_is_left(&stage, &channel, worker).await;

    for case in &cases {
        let name = case.name;
        let (step, seen) = (&results[name]["aggregated_responses"][0], calls.step(name, "step_0"));
        let told = json!([step["status"], step["error_classification"], step["attempts"]]);
        assert_eq!(told, json!([case.status, case.class, 1]), "{name}");
        assert_eq!((seen.calls, seen.ran), (1, 1), "{name}");
        assert!(case.polls.contains(&seen.polls.calls), "{name}: {:?}", seen.polls);
        let latency = step["latency_ms"].as_u64().unwrap();
        assert!(in_time(&hiccups, &case.latency_ms, latency), "{name} took {latency} ms");
        let total = results[name]["total_latency_ms"].as_u64().unwrap();
        assert!((latency..=latency + 1000).contains(&total), "{name}: {latency} ms of {total} ms");
    }
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_polls_its_jobs_to_their_end() {
    const RUNS: u64 = 5;
    let settings = jobs(&[], Duration::ZERO, Duration::from_secs(3));
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.jobs.poll", "300ms").set("worker.drain_timeout", "30s").in_memory();
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = chain(&[job("da-job"), step("da-after")]);
    for run in 0..RUNS {
        submit(&stage, &channel, &definition, &format!("run-{run}")).await;
    }
    stage.simulator.wait_until(|calls| calls.jobs.submitted == RUNS && calls.polls.calls > 0).await;
    worker.signal("TERM").await;
    let asked = Instant::now();
    // It takes nothing new meanwhile.
    submit(&stage, &channel, &chain(&[step("da-late")]), "late").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert!(asked.elapsed() > Duration::from_secs(1), "no test of anything: the jobs were over");

    let results = stage.distinct_results(&channel, 5, SOON).await;
    assert!(results.values().all(|result| result["completion_rate_percent"] == 100), "{results:#?}");
    let calls = stage.simulator.calls();
    assert_eq!((calls.jobs.submitted, calls.action("da-after").ran, calls.action("da-late").calls), (RUNS, RUNS, 0));
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 1, "the late one waits for another worker");
}

#[tokio::test]
async fn a_job_that_outlasts_the_drain_timeout_is_left_with_its_message_in_the_queue() {
    let settings = jobs(&["da-job=job-runs"], Duration::ZERO, Duration::ZERO);
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.jobs.poll", "300ms").set("worker.drain_timeout", "1s").in_memory();
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&stage, &channel, &chain(&[job("da-job")]), "run-1").await;
    stage.simulator.wait_until(|calls| calls.polls.calls > 0).await;
    worker.signal("TERM").await;
    let code = worker.ended(SOON).await;
    assert_eq!(code, 1, "{}", worker.log());
    eventually("the message is back", SOON, async || (amqp::depth(&channel, &stage.queue).await == 1).then_some(()))
        .await;
    let told: Vec<Value> = stage.events(&channel).await.into_iter().map(|event| event.body["event"].clone()).collect();
    assert_eq!(told, ["run.accepted"], "nothing is known of the step");
    assert_eq!(stage.simulator.calls().jobs.submitted, 1);
}
