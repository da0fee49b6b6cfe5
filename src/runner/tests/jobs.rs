//! Steps that are jobs: submitted once, polled until they are over.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, JobEnd, JobProgress, Retryable};
use crate::ports::Seen;

const TOLD: [&str; 3] = ["journal", "send", "poll"];
const DONE: JobEnd = JobEnd::Completed;

fn job(mut step: Value) -> Value {
    step["mode"] = json!("job");
    step
}

fn queued() -> (Duration, crate::ports::Polled) {
    pending(0, JobProgress::Queued)
}

fn running() -> (Duration, crate::ports::Polled) {
    pending(0, JobProgress::Running)
}

/// The one step of a run, and how often it was submitted and polled.
fn outcome(world: &World) -> (Value, Value, Value) {
    let step = &world.events_named("step.finished")[0];
    (step["status"].clone(), step["error_classification"].clone(), step["polls"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_job_is_submitted_once_and_polled_until_it_is_over() {
    let world = World::new();
    world.actions.reply([submitted(100)]);
    world.actions.poll([queued(), running(), running(), over(50, DONE)]);
    let ended = world.drive(&one(job(json!({"payload": {"a": 1}})))).await;
    assert_eq!(status(&ended), FinalStatus::Completed);
    insta::assert_snapshot!(world.tape.timed(&TOLD), @r"
        0 journal definition + run.accepted@1 + intent step_0 #1
        0 send step_0 #1 with token 1
      100 journal submitted step_0
     3100 poll step_0 j with token 1
     6100 poll step_0 j with token 1
     6100 journal progressed Running
     9100 poll step_0 j with token 1
    12100 poll step_0 j with token 1
    12150 journal data + step.finished@2 + run.finished@3 + result
    12150 journal settled
    ");
    let step = &world.events_named("step.finished")[0];
    assert_eq!((&step["job_id"], &step["attempts"], &step["polls"]), (&json!("j"), &json!(1), &json!(4)));
    assert_eq!(step["payload_hash"], crate::chain::hash::sha256_hex(br#"{"job":{"a":1}}"#));
    assert_eq!(step["response_hash"], crate::chain::hash::sha256_hex(b"body"));
    assert_eq!((&step["latency_ms"], &step["http_status"]), (&json!(12_150), &json!(200)));
    let response = &world.result()["aggregated_responses"][0];
    assert_eq!((&response["response_data"], &response["job_id"]), (&json!({"out": 1}), &json!("j")));
}

#[tokio::test(start_paused = true)]
async fn a_job_ends_as_the_platform_says() {
    for (end, status, class) in [
        (DONE, "success", "NONE"),
        (JobEnd::TooLarge, "success", "RESPONSE_TOO_LARGE"),
        (JobEnd::Unusable, "failed", "RESPONSE_INVALID"),
        (JobEnd::Failed, "failed", "COMPUTE_FAILURE"),
        (JobEnd::TimedOut, "failed", "TIMEOUT"),
    ] {
        // Whatever is harmless and wished for: a known job is not submitted again.
        let world = World::new();
        world.actions.reply([submitted(0)]);
        world.actions.poll([over(0, end)]);
        world.drive(&one(job(json!({"idempotent": true, "on_unknown": "retry", "on_failure": "continue"})))).await;
        assert_eq!(outcome(&world), (json!(status), json!(class), json!(1)));
        assert_eq!(world.tape.count("send"), 1);
        let response = &world.result()["aggregated_responses"][0];
        assert_eq!(response["response_omitted"], end == JobEnd::TooLarge);
        if status == "failed" {
            assert_eq!(response["error_message"], "secret-words");
            assert!(!world.events().iter().any(|event| event.to_string().contains("secret-words")));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_not_over_at_the_deadline_is_unknown() {
    for (found, class) in [(JobProgress::Queued, "STUCK_QUEUED"), (JobProgress::Running, "TIMEOUT")] {
        for (on_unknown, on_failure, ends) in [
            ("as_failure", "abort", FinalStatus::Indeterminate),
            ("as_failure", "continue", FinalStatus::Completed),
            ("retry", "continue", FinalStatus::Completed),
            ("stop", "continue", FinalStatus::Indeterminate),
        ] {
            let world = World::new();
            let step = json!({"on_unknown": on_unknown, "on_failure": on_failure, "idempotent": true});
            let mut step = job(step);
            step["timeout_seconds"] = json!(10);
            world.actions.reply([submitted(500)]);
            world.actions.poll(std::iter::repeat_with(|| pending(0, found)).take(100));
            assert_eq!(status(&world.drive(&one(step)).await), ends);
            assert_eq!(outcome(&world), (json!("unknown"), json!(class), json!(3)));
            assert_eq!(world.events_named("step.finished")[0]["latency_ms"], 10_000);
            assert_eq!(world.tape.count("send"), 1, "a known job is never submitted again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_look_is_a_second_before_the_deadline() {
    let world = World::new();
    let mut step = job(json!({}));
    step["timeout_seconds"] = json!(5);
    world.actions.reply([submitted(0)]);
    world.actions.poll([running(), over(0, DONE)]);
    assert_eq!(status(&world.drive(&one(step)).await), FinalStatus::Completed);
    insta::assert_snapshot!(world.tape.timed(&["poll"]), @r"
    3000 poll step_0 j with token 1
    4000 poll step_0 j with token 1
    ");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_due_when_the_steps_time_is_over_is_not_made() {
    let world = World::new();
    let mut step = job(json!({}));
    step["timeout_seconds"] = json!(5);
    world.actions.reply([submitted(0)]);
    // It is to be repeated at once, with another token, and that would be too late.
    world.actions.poll([polled(2_000, Some(401), Seen::Unauthorized), over(0, DONE)]);
    assert_eq!(status(&world.drive(&one(step)).await), FinalStatus::Indeterminate);
    assert_eq!(outcome(&world), (json!("unknown"), json!("STUCK_QUEUED"), json!(1)));
    assert_eq!(world.events_named("step.finished")[0]["latency_ms"], 5_000);
}

#[tokio::test(start_paused = true)]
async fn polls_are_further_apart_where_the_quota_is_tight() {
    for (line_s, polls_at) in [(0, [3, 6]), (4, [19, 38]), (1_000, [30, 60])] {
        let world = World::new();
        world.gate.lines.lock().unwrap().insert(tenant(), (Duration::from_secs(line_s), Duration::ZERO));
        world.actions.reply([submitted(0)]);
        world.actions.poll([running(), over(0, DONE)]);
        world.drive(&one(job(json!({})))).await;
        let lines = world.tape.timed(&["poll"]);
        let at: Vec<u64> = lines.lines().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
        assert_eq!(at, polls_at.map(|s| s * 1_000));
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_with_a_poll_it_is_made_again() {
    let world = World::new();
    world.actions.reply([submitted(0)]);
    world.actions.poll([
        polled(10, Some(404), Seen::Unread),
        polled(10, None, Seen::Trouble),
        pending(1_000_000, JobProgress::Running),
        polled(0, Some(429), Seen::Throttled(Some(Duration::from_secs(7)))),
        polled(0, Some(401), Seen::Unauthorized),
        polled(0, Some(401), Seen::Unauthorized),
        over(0, DONE),
    ]);
    assert_eq!(status(&world.drive(&one(job(json!({})))).await), FinalStatus::Completed);
    assert_eq!(outcome(&world), (json!("success"), json!("NONE"), json!(7)));
    assert_eq!(world.events_named("step.retried").len(), 0, "polls are counted, not told");
    insta::assert_snapshot!(world.tape.timed(&["poll", "gate", "refused"]), @r"
        0 gate Answered
     3000 poll step_0 j with token 1
     3010 gate Answered
     6010 poll step_0 j with token 1
     6020 gate Trouble
     9020 poll step_0 j with token 1
    24020 gate Trouble
    27020 poll step_0 j with token 1
    27020 gate Throttled(7s)
    27020 poll step_0 j with token 1
    27020 gate Answered
    27020 refused token 1
    27020 poll step_0 j with token 2
    27020 gate Answered
    30020 poll step_0 j with token 2
    30020 gate Answered
    ");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_had_is_no_reason_to_give_a_job_up() {
    for retryable in [true, false] {
        let world = World::new();
        let good = || Token::Good { after: Duration::ZERO, life: Duration::from_secs(1) };
        let bad = || Token::Bad { after: Duration::ZERO, class: ErrorClass::Authentication, retryable };
        world.actions.grant([good(), bad(), bad()]);
        world.actions.reply([submitted(0)]);
        world.actions.poll([over(0, DONE)]);
        assert_eq!(status(&world.drive(&one(job(json!({})))).await), FinalStatus::Completed);
        assert_eq!(outcome(&world), (json!("success"), json!("NONE"), json!(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_step_clock_stands_still_while_the_gate_holds_a_poll() {
    let world = World::new();
    world.gate.hold([0, 100_000]);
    let mut step = job(json!({}));
    step["timeout_seconds"] = json!(10);
    world.actions.reply([submitted(0)]);
    world.actions.poll([over(0, DONE)]);
    assert_eq!(status(&world.drive(&one(step)).await), FinalStatus::Completed);
    let step = &world.events_named("step.finished")[0];
    assert_eq!((&step["latency_ms"], &step["gate_wait_ms"]), (&json!(3_000), &json!(100_000)));
}

#[tokio::test(start_paused = true)]
async fn the_run_clock_ends_a_job_that_is_polled() {
    for (found, class) in [(JobProgress::Queued, "STUCK_QUEUED"), (JobProgress::Running, "TIMEOUT")] {
        let world = World::new();
        let mut chain = one(job(json!({"timeout_seconds": 900})));
        chain.global_timeout = Duration::from_secs(60);
        world.actions.reply([submitted(0)]);
        world.actions.poll(std::iter::repeat_with(|| pending(0, found)).take(100));
        assert_eq!(status(&world.drive(&chain).await), FinalStatus::TimedOut);
        let (status, said, _) = outcome(&world);
        assert_eq!((status, said), (json!("unknown"), json!(class)));
        assert_eq!(world.result()["total_latency_ms"], 60_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_submission_meets_the_table_like_any_call() {
    let world = World::new();
    let busy = failed(10, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    world.actions.reply([busy, refused_by_429(10, Some(5)), unauthorized(10), submitted(10)]);
    world.actions.poll([over(0, DONE)]);
    assert_eq!(status(&world.drive(&one(job(json!({})))).await), FinalStatus::Completed);
    let step = &world.events_named("step.finished")[0];
    assert_eq!((&step["attempts"], &step["polls"], &step["maybe_repeated"]), (&json!(4), &json!(1), &json!(false)));

    let world = World::new();
    world.actions.reply([lost(10)]);
    assert_eq!(status(&world.drive(&one(job(json!({})))).await), FinalStatus::Indeterminate);
    assert_eq!(outcome(&world), (json!("unknown"), json!("NETWORK"), json!(0)));
    assert_eq!(world.events_named("step.finished")[0]["job_id"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_a_known_job_is_polled_on_and_never_submitted_again() {
    let chain = one(job(json!({"idempotent": true, "on_unknown": "retry"})));
    // While it is queued; while it runs; during a poll.
    for crash_ms in [1_000, 7_000, 9_500] {
        let world = World::new();
        world.actions.reply([submitted(100)]);
        world.actions.poll([queued(), running(), pending(2_000, JobProgress::Running)]);
        world.crash_after(&chain, crash_ms).await;
        world.actions.poll([over(0, DONE)]);
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
        assert_eq!(world.tape.count("send"), 1, "{}", world.tape.all());
        let step = &world.events_named("step.finished")[0];
        assert_eq!((&step["status"], &step["attempts"]), (&json!("success"), &json!(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_hands_a_run_back_between_two_polls() {
    let world = World::new();
    let chain = one(job(json!({})));
    world.actions.reply([submitted(100)]);
    world.actions.poll([pending(1_000, JobProgress::Running), over(0, DONE)]);
    let run = world.claim(&chain).await;
    let runner = Runner::new(world.ports.clone(), world.settings.clone());
    let stop = async {
        tokio::time::sleep(Duration::from_millis(3_500)).await;
        world.hand_back.send_replace(true);
    };
    let (ended, ()) = tokio::join!(runner.drive(run), stop);
    assert_eq!(ended, Ended::HandedBack);
    assert_eq!(world.tape.count("CUT"), 0, "the poll in flight is not cut off");
    world.hand_back.send_replace(false);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    assert_eq!(world.tape.count("send"), 1);
    let step = &world.events_named("step.finished")[0];
    // 0.1 s of the submission, 3 s until the poll that took 1 s; the next one is made at once.
    assert_eq!((&step["polls"], &step["latency_ms"]), (&json!(2), &json!(4_100)), "what was before counts: {step}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_given_up_tells_its_own_last_status_and_what_was_wrong_with_its_polls() {
    let unread = |http_status| polled(0, Some(http_status), Seen::Unread);
    let silent = || polled(0, None, Seen::Trouble);
    let (as_queued, as_running) = (JobProgress::Queued, JobProgress::Running);
    for (at_first, polls, words, class, http_status) in [
        (as_queued, [queued(), queued()], "the job was still queued when", "STUCK_QUEUED", json!(200)),
        (
            as_queued,
            [unread(500), unread(404)],
            "more than queued: its last poll got HTTP 404",
            "STUCK_QUEUED",
            json!(404),
        ),
        (
            as_running,
            [unread(404), unread(500)],
            "more than running: its last poll got HTTP 500",
            "TIMEOUT",
            json!(500),
        ),
        (as_running, [unread(500), unread(200)], "its last poll (HTTP 200) tells no state", "TIMEOUT", json!(200)),
        (as_running, [unread(500), silent()], "its last poll was not answered", "TIMEOUT", Value::Null),
    ] {
        let world = World::new();
        let away = failed(0, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
        world.actions.reply([away, submitted_as(0, at_first)]);
        world.actions.poll(polls);
        world.drive(&one(job(json!({"timeout_seconds": 8, "on_failure": "continue"})))).await;
        let step = &world.events_named("step.finished")[0];
        assert_eq!((&step["error_classification"], &step["http_status"]), (&json!(class), &http_status), "{words}");
        let message = &world.result()["aggregated_responses"][0]["error_message"];
        assert!(message.as_str().is_some_and(|message| message.contains(words)), "{message} for {words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_required_parameter_that_is_null_fails_the_step_before_anything_is_sent() {
    let world = World::new();
    let null = json!({"payload": {"id": null}, "required_params": ["id"], "on_failure": "continue"});
    let given = json!({"payload": {"id": 7}, "required_params": ["id"]});
    assert_eq!(status(&world.drive(&steps([null, given])).await), FinalStatus::Completed);
    assert_eq!(world.tape.count("send"), 1);
    let step = &world.events_named("step.finished")[0];
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("failed"), &json!("VALIDATION")));
    assert_eq!((&step["attempts"], &step["payload_hash"]), (&json!(0), &Value::Null));
    assert_eq!(step["directive"], "continue");
}
