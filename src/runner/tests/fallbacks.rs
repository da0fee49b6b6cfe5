//! A step that does not succeed, and what takes its place: another call, or a fixed output.

use super::fakes::*;
use super::*;
use crate::chain::hash::sha256_hex;
use crate::chain::{ErrorClass, JobEnd, JobProgress, Retryable};

/// A step with `fallback`; the operation that is called in its place is `b`.
fn or(fallback: &Value) -> Value {
    json!({"on_failure": "fallback", "fallback": fallback, "payload": {"own": 1}})
}

fn or_call() -> Value {
    or(&json!({"action_id": "b", "payload": {"instead": 1}}))
}

/// A chain of one step that is called differently when it fails.
fn either() -> Chain {
    one(or_call())
}

fn broken(ms: u64) -> Reply {
    failed(ms, 500, ErrorClass::ComputeFailure, Retryable::No)
}

fn busy(ms: u64) -> Reply {
    failed(ms, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes)
}

fn no_token() -> Token {
    Token::Bad { after: Duration::ZERO, class: ErrorClass::Authentication, retryable: false }
}

/// A token that nobody can wait for.
fn late_token() -> Token {
    Token::Good { after: Duration::from_secs(10_000), life: Duration::from_secs(900) }
}

fn sent(world: &World) -> Vec<String> {
    let calls = world.actions.calls.lock().unwrap();
    calls.iter().map(|call| format!("{} #{} {} {}", call.step_id, call.attempt, call.action, call.fallback)).collect()
}

const OWN: &str = "step_0 #1 a-0 false";
const INSTEAD: &str = "step_0 #2 b true";

fn ended(world: &World) -> Value {
    let steps = world.events_named("step.finished");
    assert_eq!(steps.len(), 1, "{}", world.tape.all());
    steps[0].clone()
}

/// Status, class and directive of the only step.
fn outcome(world: &World) -> String {
    let step = ended(world);
    let word = |field: &str| step[field].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", word("status"), word("error_classification"), word("directive"))
}

#[tokio::test(start_paused = true)]
async fn another_call_takes_the_place_of_a_step_that_failed() {
    let world = World::new();
    world.gate.hold([1_000, 2_000]);
    world.actions.reply([broken(100), good_with(200, json!({"from": "b"}))]);
    let chain = steps([or_call(), json!({})]);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    assert_eq!(sent(&world), [OWN, INSTEAD, "step_1 #1 a-1 false"]);
    insta::assert_snapshot!(world.tape.timed(&["journal", "send"]), @r"
       0 journal definition + run.accepted@1
    1000 journal intent step_0 #1
    1000 send step_0 #1 with token 1
    1100 journal fell back step_0 + step.retried@2
    3100 journal intent step_0 #2
    3100 send step_0 #2 with token 1
    3300 journal data + step.finished@3 + intent step_1 #1
    3300 send step_1 #1 with token 1
    3300 journal data + step.finished@4 + run.finished@5 + result
    3300 journal settled
    ");

    let retried = &world.events_named("step.retried")[0];
    let told = |event: &Value, fields: &[&str]| {
        fields.iter().map(|field| event[*field].to_string()).collect::<Vec<_>>().join(" ")
    };
    let fields = ["step_id", "action_id", "attempt", "error_classification", "http_status", "delay_ms"];
    assert_eq!(told(retried, &fields), r#""step_0" "a-0" 1 "COMPUTE_FAILURE" 500 0"#);
    assert_eq!(retried["payload_hash"], sha256_hex(br#"{"own":1}"#));
    assert_eq!(retried["response_hash"], sha256_hex(br#"{"error":"secret-words"}"#));

    let step = &world.events_named("step.finished")[0];
    let fields = ["action_id", "fallback_action_id", "status", "http_status", "attempts", "latency_ms", "gate_wait_ms"];
    assert_eq!(told(step, &fields), r#""a-0" "b" "success" 200 2 300 3000"#);
    let fields = ["error_classification", "directive", "fallback_used", "maybe_repeated"];
    assert_eq!(told(step, &fields), r#""COMPUTE_FAILURE" "fallback" true false"#);
    assert_eq!(step["payload_hash"], sha256_hex(br#"{"instead":1}"#));
    assert_eq!(step["response_hash"], sha256_hex(br#"{"from":"b"}"#));

    let result = world.result();
    let response = &result["aggregated_responses"][0];
    assert_eq!(response["response_data"], json!({"from": "b"}));
    for field in ["status", "error_classification", "directive", "fallback_used", "attempts", "latency_ms"] {
        assert_eq!(response[field], step[field], "{field}");
    }
    assert_eq!((&result["steps_executed"], &result["completion_rate_percent"]), (&json!(2), &json!(100)));
}

#[tokio::test(start_paused = true)]
async fn a_fixed_output_takes_the_place_of_a_step_that_failed_and_nothing_is_sent_for_it() {
    let world = World::new();
    world.actions.reply([broken(100)]);
    let chain = one(or(&json!({"output": {"tier": "none"}})));
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    assert_eq!((sent(&world), world.events_named("step.retried").len()), (vec![OWN.to_owned()], 0));
    let step = ended(&world);
    assert_eq!(outcome(&world), "success COMPUTE_FAILURE fallback");
    assert_eq!(
        (&step["fallback_used"], &step["http_status"], &step["attempts"]),
        (&json!(true), &json!(500), &json!(1))
    );
    assert_eq!(step["payload_hash"], sha256_hex(br#"{"own":1}"#));
    assert_eq!(step.get("fallback_action_id"), None, "nothing was called");
    let result = world.result();
    assert_eq!(result["aggregated_responses"][0]["response_data"], json!({"tier": "none"}));
    assert_eq!(result["completion_rate_percent"], 100);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_is_for_a_step_that_failed_or_is_unknown_and_for_no_other() {
    for (reply, on_unknown, sent, how, ends) in [
        (good(0), "as_failure", 1, "success NONE -", FinalStatus::Completed),
        (broken(0), "as_failure", 2, "success COMPUTE_FAILURE fallback", FinalStatus::Completed),
        (lost(0), "as_failure", 2, "success NETWORK fallback", FinalStatus::Completed),
        (never(), "as_failure", 2, "success TIMEOUT fallback", FinalStatus::Completed),
        (lost(0), "stop", 1, "unknown NETWORK -", FinalStatus::Indeterminate),
    ] {
        let world = World::new();
        let mut step = or_call();
        step["on_unknown"] = json!(on_unknown);
        world.actions.reply([reply]);
        assert_eq!(status(&world.drive(&one(step)).await), ends);
        assert_eq!((world.tape.count("send"), outcome(&world)), (sent, how.into()));
        assert_eq!(ended(&world)["fallback_used"], sent == 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_that_fails_leaves_the_step_as_it_is_itself_and_the_chain_goes_on() {
    for (reply, how) in [
        (failed(0, 404, ErrorClass::NotFound, Retryable::No), "failed COMPUTE_FAILURE fallback"),
        (lost(0), "unknown COMPUTE_FAILURE fallback"),
    ] {
        let world = World::new();
        world.actions.reply([broken(0), reply.with(|answer| answer.message = Some("of b".into()))]);
        assert_eq!(status(&world.drive(&steps([or_call(), json!({})])).await), FinalStatus::Completed);
        assert_eq!(sent(&world), [OWN, INSTEAD, "step_1 #1 a-1 false"]);
        let result = world.result();
        let first = &result["aggregated_responses"][0];
        assert_eq!((&first["error_message"], &first["fallback_used"]), (&json!("of b"), &json!(true)));
        let word = |field: &str| first[field].as_str().unwrap().to_owned();
        assert_eq!(format!("{} {} {}", word("status"), word("error_classification"), word("directive")), how);
        assert_eq!(result["completion_rate_percent"], 50);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_has_attempts_a_clock_and_a_repeat_after_a_401_of_its_own() {
    let world = World::new();
    let step = or(&json!({"action_id": "b", "timeout_seconds": 20}));
    world.actions.reply([unauthorized(0), busy(0), busy(0), busy(0), busy(9_000)]);
    world.actions.reply([unauthorized(0), refused_by_429(0, Some(1)), busy(0), busy(0), busy(0), good(500)]);
    assert_eq!(status(&world.drive(&one(step)).await), FinalStatus::Completed);
    assert_eq!(outcome(&world), "success COMPUTE_CLUSTER_UNAVAILABLE fallback");
    // Back-off of 2, 3 and 4.5 s twice, and the exchanges; its own tokens were refused once each.
    let step = ended(&world);
    assert_eq!((&step["attempts"], &step["latency_ms"]), (&json!(11), &json!(9_500 + 9_000 + 9_500 + 500)));
    assert_eq!(
        world.tape.only(&["refused", "gate Throttled"]),
        ["refused token 1", "refused token 2", "gate Throttled(1s)"]
    );
    let numbers: Vec<Value> = world.events_named("step.retried").iter().map(|event| event["attempt"].clone()).collect();
    assert_eq!(numbers, (1..=10).map(Value::from).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_succeed_has_its_submission_told_before_its_fallback_is_called() {
    let queued = || std::iter::repeat_with(|| pending(0, JobProgress::Queued)).take(100).collect::<Vec<_>>();
    for (polls, asked, class) in [(vec![over(0, JobEnd::Failed)], 1, "COMPUTE_FAILURE"), (queued(), 3, "STUCK_QUEUED")]
    {
        let world = World::new();
        let mut step = or_call();
        (step["mode"], step["timeout_seconds"]) = (json!("job"), json!(10));
        world.actions.reply([submitted(500), good(100)]);
        world.actions.poll(polls);
        assert_eq!(status(&world.drive(&one(step)).await), FinalStatus::Completed);
        assert_eq!(sent(&world), [OWN, INSTEAD]);
        let retried = &world.events_named("step.retried")[0];
        assert_eq!((&retried["attempt"], &retried["error_classification"]), (&json!(1), &json!(class)));
        let step = ended(&world);
        assert_eq!(outcome(&world), format!("success {class} fallback"));
        assert_eq!((&step["job_id"], &step["polls"], &step["attempts"]), (&json!("j"), &json!(asked), &json!(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_could_not_be_sent_has_its_fallback_called_with_the_first_number() {
    let world = World::new();
    world.actions.grant([no_token()]);
    assert_eq!(status(&world.drive(&either()).await), FinalStatus::Completed);
    assert_eq!(sent(&world), ["step_0 #1 b true"]);
    assert_eq!(world.events_named("step.retried").len(), 0, "there was no exchange to tell of");
    assert_eq!(outcome(&world), "success AUTHENTICATION fallback");
    assert_eq!(ended(&world)["attempts"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_that_is_never_sent_leaves_the_step_as_it_was() {
    for (reply, how) in [(broken(0), "failed COMPUTE_FAILURE fallback"), (lost(0), "unknown NETWORK fallback")] {
        let world = World::new();
        // The one that the step has is stale by then.
        world.actions.grant([Token::Good { after: Duration::ZERO, life: Duration::from_secs(1) }, no_token()]);
        world.actions.reply([reply]);
        assert_eq!(status(&world.drive(&either()).await), FinalStatus::Completed);
        assert_eq!((sent(&world), outcome(&world)), (vec![OWN.to_owned()], how.into()));
        let step = ended(&world);
        assert_eq!((&step["attempts"], &step["payload_hash"]), (&json!(1), &Value::Null));
        let figures = (&step["fallback_used"], step.get("fallback_action_id"), &step["http_status"]);
        let own_status = if how.starts_with("failed") { json!(500) } else { Value::Null };
        assert_eq!(figures, (&json!(false), None, &own_status), "it took nobody's place");
        assert_eq!(world.result()["aggregated_responses"][0]["error_message"], "the fallback: no token for you");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_never_recorded_is_unknown_and_the_fallback_acts_for_it() {
    let world = World::new();
    let chain = either();
    world.actions.reply([broken(100)]);
    // The worker dies while the fallback and the end of the step's own exchange are on their way into the journal.
    world.gate.hold([0, 60_000]);
    world.journal.slow.lock().unwrap().extend([0, 60].map(Duration::from_secs));
    world.crash_after(&chain, 10_000).await;
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
    assert_eq!(sent(&world), [OWN, INSTEAD]);
    assert_eq!(outcome(&world), "success OUTCOME_UNKNOWN fallback");
    let retried = &world.events_named("step.retried")[0];
    assert_eq!((&retried["attempt"], &retried["error_classification"]), (&json!(1), &json!("OUTCOME_UNKNOWN")));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_before_the_fallback_is_sent_leaves_it_to_the_next() {
    let world = World::new();
    let chain = either();
    world.actions.reply([broken(100), good(200)]);
    world.gate.hold([0, 60_000, 0]);
    world.crash_after(&chain, 10_000).await;
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
    assert_eq!(sent(&world), [OWN, INSTEAD]);
    assert_eq!(outcome(&world), "success COMPUTE_FAILURE fallback");
    assert_eq!(ended(&world)["latency_ms"], 300);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_that_was_in_flight_is_unknown_and_sent_again_only_where_that_is_harmless() {
    for (on_unknown, calls, how) in [
        ("as_failure", vec![OWN, INSTEAD], "unknown COMPUTE_FAILURE fallback"),
        ("retry", vec![OWN, INSTEAD, "step_0 #3 b true"], "success COMPUTE_FAILURE fallback"),
    ] {
        let world = World::new();
        let mut step = or_call();
        step["on_unknown"] = json!(on_unknown);
        let chain = one(step);
        world.actions.reply([broken(100), never()]);
        world.crash_after(&chain, 10_000).await;
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
        assert_eq!(sent(&world), calls);
        assert_eq!(outcome(&world), how);
        assert_eq!(ended(&world)["maybe_repeated"], calls.len() == 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_hands_the_fallback_on() {
    let world = World::new();
    let chain = either();
    world.actions.reply([broken(2_000), good(500)]);
    let stop = world.hand_back.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send_replace(true);
    });
    assert_eq!(world.drive(&chain).await, Ended::HandedBack);
    assert_eq!(sent(&world), [OWN]);
    world.hand_back.send_replace(false);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    assert_eq!(sent(&world), [OWN, INSTEAD]);
    assert_eq!(ended(&world)["latency_ms"], 2_500);
    assert_eq!(world.events_named("run.resumed")[0]["from_step"], "step_0");
}

#[tokio::test(start_paused = true)]
async fn the_run_clock_ends_a_fallback_in_flight_or_before_it_is_sent() {
    for (held, ms, how) in
        [(0, 0, "unknown COMPUTE_FAILURE fallback"), (1_000_000, 60_000, "failed COMPUTE_FAILURE fallback")]
    {
        let world = World::new();
        let mut chain = one(or(&json!({"action_id": "b", "timeout_seconds": 120})));
        chain.global_timeout = Duration::from_secs(60);
        world.actions.reply([broken(0), never()]);
        world.gate.hold([0, held]);
        assert_eq!(status(&world.drive(&chain).await), FinalStatus::TimedOut);
        assert_eq!(outcome(&world), how);
        assert_eq!(ended(&world)["gate_wait_ms"], ms);
        let result = world.result();
        assert_eq!((&result["reason"]["step_id"], &result["total_latency_ms"]), (&json!("step_0"), &json!(60_000)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fallback_that_kills_five_workers_in_a_row_is_given_up() {
    let world = World::new();
    let chain = either();
    world.actions.reply([broken(0)]);
    world.actions.grant([Token::Good { after: Duration::ZERO, life: Duration::from_secs(1) }]);
    world.actions.grant(std::iter::repeat_with(late_token).take(9));
    for _ in 0..5 {
        world.crash_after(&chain, 5_000).await;
    }
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::TerminatedEarly);
    assert_eq!((sent(&world), outcome(&world)), (vec![OWN.to_owned()], "failed SYSTEM fallback".into()));
    assert_eq!(world.result()["reason"]["code"], "crash_loop");
}
