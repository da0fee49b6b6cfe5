//! Jobs: submitted, polled, and what goes wrong with both.

use std::time::{Duration, Instant};

use cxchain::simulator::{Seen, Simulator, SimulatorSettings};
use reqwest::Response;
use serde_json::{Value, json};

use super::{Peer, quick, simulator};

/// A simulator whose jobs are over when they are submitted.
fn swift(faults: &[&str]) -> Simulator {
    let faults = faults.iter().map(|rule| rule.parse().unwrap()).collect();
    let (job_queued, job_running) = (Duration::ZERO, Duration::ZERO);
    Simulator::start(SimulatorSettings { faults, job_queued, job_running, ..quick() }).unwrap()
}

impl Peer {
    /// Submits a job of `action` as the given exchange: `run.step.attempt`.
    async fn submit(&self, action: &str, id: &str, body: &str) -> Response {
        let request = self.http.post(format!("{}/api/v2/dataactions/{action}/execute", self.url));
        let request = request.bearer_auth(&self.token).header("x-request-id", id).body(body.to_owned());
        request.send().await.unwrap()
    }

    /// Submits a job that is not to go wrong, and answers with its id.
    async fn job(&self, action: &str, id: &str) -> String {
        let body: Value = self.submit(action, id, r#"{"inputParameters":{"n":1}}"#).await.json().await.unwrap();
        body["jobId"].as_str().unwrap().to_owned()
    }

    async fn poll(&self, action: &str, job: &str) -> reqwest::Result<Response> {
        let request = self.http.get(format!("{}/api/v2/dataactions/{action}/jobs/{job}", self.url));
        request.bearer_auth(&self.token).header("x-request-id", "r.s.1").send().await
    }

    /// What a poll is told.
    async fn told(&self, action: &str, job: &str) -> Value {
        self.poll(action, job).await.unwrap().json().await.unwrap()
    }

    /// The states that polls are told until one is `last`, each once.
    async fn states_until(&self, action: &str, job: &str, last: &str) -> Vec<String> {
        let mut states: Vec<String> = Vec::new();
        let begun = Instant::now();
        while states.last().is_none_or(|state| state != last) {
            assert!(begun.elapsed() < Duration::from_secs(30), "never {last}: {states:?}");
            let told = self.told(action, job).await;
            states.push(told["status"].as_str().unwrap().to_owned());
            states.dedup();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        states
    }
}

#[tokio::test]
async fn a_job_is_submitted_polled_and_put_out_as_the_action_would() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let body = r#"{"environmentContext":{"region":"EU"},"executionTimeoutMs":30000,"inputParameters":{"n":1.0},"versionId":"v2"}"#;
    let answer = peer.submit("da-x", "r.s.1", body).await;
    assert_eq!(answer.status().as_u16(), 202);
    let receipt: Value = answer.json().await.unwrap();
    assert_eq!((&receipt["jobId"], &receipt["status"]), (&json!("simulated-job-1"), &json!("QUEUED")));
    let created = receipt["createdAt"].as_str().unwrap();
    assert!(created.ends_with('Z') && created.parse::<jiff::Timestamp>().is_ok(), "{created}");
    assert_eq!(receipt.as_object().unwrap().len(), 3);

    let states = peer.states_until("da-x", "simulated-job-1", "COMPLETED").await;
    assert_eq!(states, ["QUEUED", "RUNNING", "COMPLETED"]);
    let over = peer.poll("da-x", "simulated-job-1").await.unwrap();
    assert_eq!((over.status().as_u16(), over.headers()["content-type"].to_str().unwrap()), (200, "application/json"));
    let told =
        r#"{"jobId":"simulated-job-1","status":"COMPLETED","output":{"action":"da-x","ok":true,"echo":{"n":1.0}}}"#;
    assert_eq!(over.text().await.unwrap(), told);
}

#[tokio::test]
async fn submissions_count_as_calls_and_polls_apart_for_the_step_whose_job_it_is() {
    let simulator = swift(&[]);
    let peer = Peer::of(&simulator).await;
    let (first, second) = (peer.job("da-x", "r.s.1").await, peer.job("da-x", "r.s.2").await);
    let other = peer.job("da-y", "r.t.1").await;
    assert_ne!(first, second);
    let key = |request: reqwest::RequestBuilder| request.header("idempotency-key", "r:s");
    for id in ["r.s.1", "anything"] {
        let url = format!("{}/api/v2/dataactions/da-x/jobs/{first}", peer.url);
        let request = key(peer.http.get(url).bearer_auth(&peer.token).header("x-request-id", id));
        assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    }
    peer.told("da-y", &other).await;
    // Nobody's: another action's job, and none at all.
    for (action, job) in [("da-y", first.as_str()), ("da-x", "nothing")] {
        assert_eq!(peer.poll(action, job).await.unwrap().status().as_u16(), 404);
    }

    let calls = simulator.calls();
    let step = calls.step("r", "s");
    assert_eq!((step.calls, step.ran, step.attempts.as_slice()), (2, 2, [1, 2].as_slice()));
    assert_eq!((step.payload_hashes.len(), step.accepted_at_us.len()), (1, 2));
    // The polls of no job are counted for the step that they say they are for.
    assert_eq!((step.polls.calls, step.polls.answered, step.polls.ran), (4, 4, 0));
    assert_eq!(step.polls.request_ids, ["r.s.1", "anything", "r.s.1", "r.s.1"]);
    assert_eq!(step.polls.idempotency_keys, ["r:s"]);
    assert!(step.polls.accepted_at_us.is_sorted() && step.polls.accepted_at_us.len() == 4);
    assert_eq!(calls.step("r", "t").polls.request_ids, ["r.s.1"], "whatever it says, it is about the job of this step");
    assert_eq!((calls.totals.calls, calls.totals.ran, calls.polls.calls), (3, 3, 5));
    assert_eq!((calls.polls.statuses[&200], calls.polls.statuses[&404]), (3, 2));
    assert_eq!((calls.jobs.submitted, calls.jobs.unknown), (3, 2));
    assert_eq!((calls.action("da-x").calls, calls.unidentified), (2, 0));
    assert!(calls.idempotency_keys.values().all(|key| (key.calls, key.ran) == (0, 0)), "polls run nothing");
    assert_eq!(calls.accepted_at_us.len(), 8);
}

#[tokio::test]
async fn a_submission_that_is_none_is_refused_and_runs_nothing() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    for body in [
        "",
        "{",
        "{}",
        r#"{"inputParameters":[]}"#,
        r#"{"inputParameters":{},"executionTimeoutMs":0}"#,
        r#"{"inputParameters":{},"executionTimeoutMs":"30000"}"#,
        r#"{"inputParameters":{},"environmentContext":{"n":1}}"#,
        r#"{"inputParameters":{},"versionId":2}"#,
        r#"{"inputParameters":{},"version_id":"v2"}"#,
    ] {
        let answer = peer.submit("da-x", "r.s.1", body).await;
        assert_eq!(answer.status().as_u16(), 400, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["message"].is_string());
    }
    let calls = simulator.calls();
    assert_eq!((calls.totals.ran, calls.jobs.submitted), (0, 0));
}

#[tokio::test]
async fn jobs_go_as_their_faults_say() {
    let simulator = swift(&[
        "da-failing=job-fails:no such row,job-case:title",
        "da-late=job-times-out",
        "da-stuck=job-stuck",
        "da-busy=job-runs,job-state:PAUSED",
        "da-once=job-fails,times:1",
    ]);
    let peer = Peer::of(&simulator).await;
    let job = async |action: &str| {
        let id = peer.job(action, "r.s.1").await;
        peer.told(action, &id).await
    };
    let failed = job("da-failing").await;
    assert_eq!((&failed["status"], &failed["errorDetail"]), (&json!("Failed"), &json!("no such row")));
    assert_eq!(job("da-late").await["status"], "TIMED_OUT");
    assert_eq!(job("da-stuck").await["status"], "QUEUED");
    assert_eq!(job("da-busy").await["status"], "PAUSED");
    assert_eq!(job("da-once").await["status"], "FAILED");
    assert_eq!(job("da-once").await["status"], "COMPLETED");
    assert_eq!(simulator.calls().jobs.max_under_way, 3, "two that never end, and whichever else");
}

#[tokio::test]
async fn a_job_may_run_no_longer_than_it_says() {
    let simulator = Simulator::start(SimulatorSettings { job_running: Duration::from_secs(60), ..quick() }).unwrap();
    let peer = Peer::of(&simulator).await;
    peer.submit("da-x", "r.s.1", r#"{"inputParameters":{},"executionTimeoutMs":20}"#).await;
    let states = peer.states_until("da-x", "simulated-job-1", "TIMED_OUT").await;
    assert_eq!(states.last().unwrap(), "TIMED_OUT");
}

#[tokio::test]
async fn a_job_is_called_what_its_fault_says_and_found_by_that() {
    let simulator = swift(&["da-none=no-job-id", "da-up=job-id:../../x", "da-number=job-id:17", "da-null=job-id:null"]);
    let peer = Peer::of(&simulator).await;
    let mut said = Vec::new();
    for action in ["da-none", "da-up", "da-number", "da-null"] {
        let receipt: Value = peer.submit(action, "r.s.1", r#"{"inputParameters":{}}"#).await.json().await.unwrap();
        said.push(receipt.get("jobId").cloned());
    }
    assert_eq!(said, [None, Some(json!("../../x")), Some(json!(17)), Some(Value::Null)]);
    assert_eq!(peer.told("da-up", "..%2F..%2Fx").await["status"], "COMPLETED");
    assert_eq!(peer.told("da-number", "17").await["jobId"], 17);
    // Whoever does not encode it ends up elsewhere.
    assert_eq!(peer.poll("da-up", "../../x").await.unwrap().status().as_u16(), 404);
    let calls = simulator.calls();
    assert_eq!((calls.not_found, calls.jobs.unknown, calls.totals.ran), (1, 0, 4));
}

#[tokio::test]
async fn submissions_meet_the_faults_of_their_action_and_begin_a_job_only_when_it_ran() {
    let simulator = swift(&["da-x=status:503,times:1", "da-x=reset-after,times:1", "da-x=empty,times:1"]);
    let peer = Peer::of(&simulator).await;
    assert_eq!(peer.submit("da-x", "r.s.1", r#"{"inputParameters":{}}"#).await.status().as_u16(), 503);
    assert_eq!(simulator.calls().jobs.submitted, 0);
    let url = format!("{}/api/v2/dataactions/da-x/execute", peer.url);
    let reset = peer.http.post(url).bearer_auth(&peer.token).body(r#"{"inputParameters":{}}"#).send().await;
    assert!(reset.is_err());
    assert_eq!(peer.submit("da-x", "r.s.2", r#"{"inputParameters":{}}"#).await.status().as_u16(), 204);
    let calls = simulator.wait_until(|calls| calls.totals.open == 0).await;
    assert_eq!((calls.jobs.submitted, calls.totals.ran, calls.totals.broken_off), (2, 2, 1));
    assert_eq!(peer.told("da-x", "simulated-job-2").await["status"], "COMPLETED", "it is there, if nobody knows it");
}

#[tokio::test]
async fn polls_have_faults_of_their_own() {
    let simulator = swift(&[
        "da-x@poll=status:429,retry-after:7,times:1",
        "da-x@poll=broken-json,times:1",
        "da-x@poll=reset-after,times:1",
        "da-x@poll=unauthorized,times:1",
        "@poll=status:503,times:1,per:run",
    ]);
    let peer = Peer::of(&simulator).await;
    let (job, other) =
        (peer.job("da-x", "r.s.1").await, [peer.job("da-y", "1.s.1").await, peer.job("da-y", "2.s.1").await]);
    let answer = peer.poll("da-x", &job).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert!(peer.poll("da-x", &job).await.unwrap().json::<Value>().await.is_err());
    assert!(peer.poll("da-x", &job).await.is_err());
    let mut statuses = Vec::new();
    for job in [&other[0], &other[0], &other[1], &other[1]] {
        statuses.push(peer.poll("da-y", job).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [503, 200, 503, 200], "by the run whose job it is");
    assert_eq!(peer.poll("da-x", &job).await.unwrap().status().as_u16(), 401);
    assert_eq!(peer.poll("da-x", &job).await.unwrap().status().as_u16(), 401, "the token is gone");
    assert_eq!(Peer::of(&simulator).await.told("da-x", &job).await["status"], "COMPLETED");
    let step = simulator.wait_until(|calls| calls.polls.open == 0).await.step("r", "s");
    assert_eq!((step.calls, step.polls.calls, step.polls.accepted, step.polls.broken_off), (1, 6, 5, 1));
}

#[tokio::test]
async fn polls_use_up_the_quota() {
    let limits = vec!["3/60s".parse().unwrap()];
    let simulator = Simulator::start(SimulatorSettings { limits, ..quick() }).unwrap();
    let peer = Peer::of(&simulator).await;
    let job = peer.job("da-x", "r.s.1").await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(peer.poll("da-x", &job).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(peer.status("r.t.1").await, 429);
    let calls = simulator.calls();
    assert_eq!((calls.quota.accepted, calls.quota.throttled, calls.quota.windows[0].max), (3, 2, 3));
    assert_eq!((calls.polls.accepted, calls.step("r", "s").polls.accepted_at_us.len()), (2, 2));
}

#[tokio::test]
async fn jobs_under_way_are_counted_and_go_on_after_a_reset() {
    let simulator = swift(&["da-x=job-runs-for:60s", "da-y=job-fails"]);
    let peer = Peer::of(&simulator).await;
    let mut jobs = Vec::new();
    for run in 0..5 {
        jobs.push(peer.job("da-x", &format!("{run}.s.1")).await);
        peer.job("da-y", &format!("{run}.t.1")).await;
    }
    assert_eq!((simulator.calls().jobs.submitted, simulator.calls().jobs.max_under_way), (10, 6));
    simulator.reset();
    assert_eq!(simulator.calls(), Default::default());
    assert_eq!(peer.told("da-x", &jobs[3]).await["status"], "RUNNING");
    let calls = simulator.calls();
    assert_eq!((calls.step("3", "s").calls, calls.step("3", "s").polls.calls), (0, 1));
}

#[tokio::test]
async fn the_feed_tells_of_submissions_and_polls_with_their_job() {
    let simulator = swift(&[]);
    let mut feed = simulator.feed();
    let peer = Peer::of(&simulator).await;
    let job = peer.job("da-x", "a.step_0.2").await;
    peer.told("da-x", &job).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let Some(Seen::Call(call)) = feed.next().await else { panic!("a call") };
        told.push((call.target, call.run, call.attempt, call.job, call.job_state));
    }
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        ("@token".to_owned(), None, None, None, None),
        ("da-x".to_owned(), text("a"), Some(2), text("simulated-job-1"), text("QUEUED")),
        ("da-x@poll".to_owned(), text("a"), Some(2), text("simulated-job-1"), text("COMPLETED")),
    ];
    assert_eq!(told, expected);
}
