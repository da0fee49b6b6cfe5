//! Tokens: refused, not to be had, and had again.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

fn bad(class: ErrorClass, retryable: bool) -> Token {
    Token::Bad { after: Duration::ZERO, class, retryable }
}

fn only_step(world: &World) -> Value {
    world.events_named("step.finished")[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_401_is_answered_with_one_fresh_token_and_costs_no_attempt() {
    let world = World::new();
    world.actions.reply([unauthorized(10), good(10)]);
    let ended = world.drive(&one(json!({"retry": {"max_attempts": 1}}))).await;
    assert_eq!(status(&ended), FinalStatus::Completed);
    insta::assert_snapshot!(world.tape.timed(&["token", "send", "refused"]), @r"
     0 token 1
     0 send step_0 #1 with token 1
    10 refused token 1
    10 token 2
    10 send step_0 #2 with token 2
    ");
    let retried = &world.events_named("step.retried")[0];
    assert_eq!((&retried["error_classification"], &retried["http_status"]), (&json!("AUTHENTICATION"), &json!(401)));
    assert_eq!(retried["delay_ms"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_401_in_a_row_is_the_outcome() {
    let world = World::new();
    world.actions.reply([unauthorized(10), refused_by_429(10, Some(1)), unauthorized(10), good(10)]);
    world.drive(&one(json!({}))).await;
    let step = only_step(&world);
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("failed"), &json!("AUTHENTICATION")));
    assert_eq!((&step["attempts"], &step["http_status"]), (&json!(3), &json!(401)));
    assert_eq!(world.result()["final_status"], "terminated_early");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_made_anew_has_a_401_of_its_own() {
    let world = World::new();
    let busy = failed(0, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    world.actions.reply([unauthorized(0), busy, unauthorized(0), good(0)]);
    assert_eq!(status(&world.drive(&one(json!({}))).await), FinalStatus::Completed);
    assert_eq!(only_step(&world)["attempts"], 4);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_fail_the_step_and_nothing_is_sent() {
    let world = World::new();
    world.actions.grant([bad(ErrorClass::Authentication, false)]);
    let ended = world.drive(&one(json!({}))).await;
    assert_eq!(status(&ended), FinalStatus::TerminatedEarly);
    assert_eq!(world.tape.only(&["permit", "journal intent", "send"]), [""; 0]);
    let step = only_step(&world);
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("failed"), &json!("AUTHENTICATION")));
    assert_eq!((&step["attempts"], &step["payload_hash"]), (&json!(0), &Value::Null));
    assert_eq!((&step["http_status"], &step["response_hash"]), (&Value::Null, &Value::Null));
    assert_eq!(world.result()["aggregated_responses"][0]["error_message"], "no token for you");
    assert_eq!(world.result()["steps_executed"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_comes_back_is_waited_for() {
    let world = World::new();
    world.actions.grant([bad(ErrorClass::Network, true), bad(ErrorClass::ComputeClusterUnavailable, true)]);
    assert_eq!(status(&world.drive(&one(json!({}))).await), FinalStatus::Completed);
    insta::assert_snapshot!(world.tape.timed(&["token", "no token", "send"]), @r"
       0 no token: NETWORK
    2000 no token: COMPUTE_CLUSTER_UNAVAILABLE
    5000 token 1
    5000 send step_0 #1 with token 1
    ");
    assert_eq!((&only_step(&world)["attempts"], &only_step(&world)["latency_ms"]), (&json!(1), &json!(5_000)));
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_stays_away_fails_the_step_within_its_time() {
    let world = World::new();
    world.actions.grant(vec![bad(ErrorClass::Network, true); 100]);
    world.drive(&one(json!({"timeout_seconds": 10, "on_failure": "continue"}))).await;
    let step = only_step(&world);
    // After 2 and 3 seconds; 4.5 more would be in time, the 6.75 after those would not.
    assert_eq!((&step["latency_ms"], &step["error_classification"]), (&json!(9_500), &json!("NETWORK")));
    assert_eq!((&step["status"], &step["attempts"]), (&json!("failed"), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_never_answers_is_left_at_the_deadline() {
    let world = World::new();
    world.actions.grant([Token::Good { after: Duration::from_secs(1_000), life: Duration::from_secs(1) }]);
    world.drive(&one(json!({"timeout_seconds": 5, "on_failure": "continue"}))).await;
    let step = only_step(&world);
    assert_eq!((&step["latency_ms"], &step["error_classification"]), (&json!(5_000), &json!("TIMEOUT")));
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_attempt_left_is_not_forgotten_when_there_is_no_token_any_more() {
    for (first, said) in [
        (lost(100), ("unknown", "indeterminate", Value::Null)),
        (
            failed(100, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes),
            ("failed", "terminated_early", json!(503)),
        ),
    ] {
        let world = World::new();
        let token = Token::Good { after: Duration::ZERO, life: Duration::from_secs(900) };
        world.actions.grant([token, bad(ErrorClass::Authentication, false)]);
        world.actions.reply([first]);
        world.drive(&one(json!({"idempotent": true}))).await;
        let step = only_step(&world);
        assert_eq!(step["status"], said.0);
        assert_eq!(world.result()["final_status"], said.1);
        assert_eq!(step["http_status"], said.2);
        assert_eq!((&step["attempts"], &step["error_classification"]), (&json!(1), &json!("AUTHENTICATION")));
    }
}
