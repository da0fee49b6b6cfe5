//! The two clocks: exact under a paused clock, so that ±250 ms hold under any other.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

const BUSY: u16 = 503;

fn busy(ms: u64) -> Reply {
    failed(ms, BUSY, ErrorClass::ComputeClusterUnavailable, Retryable::Yes)
}

fn only_step(world: &World) -> Value {
    let steps = world.events_named("step.finished");
    assert_eq!(steps.len(), 1, "{}", world.tape.all());
    steps[0].clone()
}

#[tokio::test(start_paused = true)]
async fn the_step_clock_stands_still_at_the_gate() {
    let world = World::new();
    world.gate.hold([60_000]);
    world.actions.reply([never()]);
    world.drive(&one(json!({"timeout_seconds": 5, "on_failure": "continue"}))).await;
    let step = only_step(&world);
    assert_eq!((&step["latency_ms"], &step["gate_wait_ms"]), (&json!(5_000), &json!(60_000)));
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("unknown"), &json!("TIMEOUT")));
    insta::assert_snapshot!(world.tape.timed(&["send", "answer"]), @r"
    60000 send step_0 #1 with token 1
    65000 answer step_0 #1
    ");
}

#[tokio::test(start_paused = true)]
async fn the_step_clock_goes_on_through_attempts_back_off_and_token() {
    let world = World::new();
    world.actions.grant([Token::Good { after: Duration::from_millis(300), life: Duration::from_secs(900) }]);
    world.gate.hold([10_000, 20_000]);
    world.actions.reply([busy(500), never()]);
    world.drive(&one(json!({"timeout_seconds": 5, "on_failure": "continue"}))).await;
    let step = only_step(&world);
    assert_eq!((&step["latency_ms"], &step["gate_wait_ms"]), (&json!(5_000), &json!(30_000)));
    // 300 token, 500 exchange, 2000 back-off: 2200 are left for the second exchange.
    insta::assert_snapshot!(world.tape.timed(&["send", "answer"]), @r"
    10300 send step_0 #1 with token 1
    10800 answer step_0 #1
    32800 send step_0 #2 with token 1
    35000 answer step_0 #2
    ");
}

#[tokio::test(start_paused = true)]
async fn back_off_grows_and_attempts_end() {
    let world = World::new();
    world.actions.reply([busy(0), busy(0), busy(0), busy(0), good(0)]);
    world.drive(&one(json!({"timeout_seconds": 60}))).await;
    let delays: Vec<Value> = world.events_named("step.retried").iter().map(|event| event["delay_ms"].clone()).collect();
    assert_eq!(delays, [2_000, 3_000, 4_500]);
    let step = only_step(&world);
    assert_eq!((&step["attempts"], &step["http_status"]), (&json!(4), &json!(503)));
    insta::assert_snapshot!(world.tape.timed(&["send"]), @r"
       0 send step_0 #1 with token 1
    2000 send step_0 #2 with token 1
    5000 send step_0 #3 with token 1
    9500 send step_0 #4 with token 1
    ");
}

#[tokio::test(start_paused = true)]
async fn a_back_off_that_would_pass_the_deadline_fails_at_once_with_the_last_class() {
    for (exchange_ms, sent) in [(2_999, 2), (3_000, 1)] {
        let world = World::new();
        world.actions.reply([busy(exchange_ms), good(0)]);
        world.drive(&one(json!({"timeout_seconds": 5, "on_failure": "continue"}))).await;
        assert_eq!(world.tape.count("send"), sent);
        if sent == 1 {
            let step = only_step(&world);
            assert_eq!(step["error_classification"], "COMPUTE_CLUSTER_UNAVAILABLE");
            assert_eq!((&step["status"], &step["latency_ms"]), (&json!("failed"), &json!(exchange_ms)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peers_retry_after_is_kept_where_it_is_longer_than_the_back_off() {
    for (says, waits) in [(1, 2_000), (7, 7_000)] {
        let world = World::new();
        let reply = busy(0).with(|answer| answer.retry_after = Some(Duration::from_secs(says)));
        world.actions.reply([reply, good(0)]);
        world.drive(&one(json!({}))).await;
        assert_eq!(only_step(&world)["latency_ms"], waits);
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_costs_no_attempt_and_pauses_the_tenant() {
    let world = World::new();
    world.actions.reply((0..6).map(|_| refused_by_429(10, Some(7))));
    world.actions.reply([refused_by_429(10, None), refused_by_429(10, None), good(10)]);
    let ended = world.drive(&one(json!({"retry": {"max_attempts": 1}}))).await;
    assert_eq!(status(&ended), FinalStatus::Completed);
    let step = only_step(&world);
    assert_eq!((&step["attempts"], &step["error_classification"]), (&json!(9), &json!("NONE")));
    let gate = world.tape.only(&["gate"]);
    assert_eq!(gate[0], "gate Throttled(7s)", "as long as the tenant says");
    assert_eq!(gate[6], "gate Throttled(12s)", "as long as the back-off of a seventh one");
    assert_eq!(gate[8], "gate Answered");
    let retried = &world.events_named("step.retried")[0];
    assert_eq!((&retried["error_classification"], &retried["delay_ms"]), (&json!("RATE_LIMITED"), &json!(7_000)));
}

#[tokio::test(start_paused = true)]
async fn a_429_that_says_at_once_pauses_all_the_same() {
    let world = World::new();
    world.actions.reply([refused_by_429(0, Some(0)), good(0)]);
    world.drive(&one(json!({}))).await;
    assert_eq!(world.tape.only(&["gate"]), ["gate Throttled(1s)", "gate Answered"]);
}

#[tokio::test(start_paused = true)]
async fn the_run_clock_never_stands_still() {
    let world = World::new();
    *world.gate.usual_wait.lock().unwrap() = Duration::from_secs(25);
    let three = [json!({"on_failure": "continue"}), json!({}), json!({})];
    let mut chain = steps(three);
    chain.global_timeout = Duration::from_secs(60);
    let ended = world.drive(&chain).await;
    assert_eq!(status(&ended), FinalStatus::TimedOut);
    let result = world.result();
    assert_eq!(result["total_latency_ms"], 60_000);
    assert_eq!(result["steps_executed"], 2);
    assert_eq!(result["aggregated_responses"].as_array().unwrap().len(), 2, "the third one was never reached");
    assert_eq!(result["reason"]["step_id"], "step_2");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_waits_at_the_gate_when_the_run_clock_ends_keeps_what_it_had() {
    let world = World::new();
    world.gate.hold([0, 1_000_000]);
    world.actions.reply([busy(100)]);
    let mut chain = one(json!({"on_failure": "continue"}));
    chain.global_timeout = Duration::from_secs(60);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::TimedOut);
    let result = world.result();
    assert_eq!(result["reason"]["code"], "global_timeout");
    assert_eq!((&result["total_latency_ms"], &result["steps_executed"]), (&json!(60_000), &json!(1)));
    let step = only_step(&world);
    assert_eq!((&step["status"], &step["attempts"]), (&json!("failed"), &json!(1)));
    assert_eq!(
        (&step["error_classification"], &step["http_status"]),
        (&json!("COMPUTE_CLUSTER_UNAVAILABLE"), &json!(503))
    );
    assert_eq!(step["directive"], Value::Null, "the chain did not go on");
}

#[tokio::test(start_paused = true)]
async fn a_run_clock_that_ends_in_an_exchange_leaves_it_unknown() {
    for on_failure in ["abort", "continue", "fallback"] {
        let world = World::new();
        world.actions.reply([good(0), never()]);
        world.gate.hold([0, 50_000]);
        let mut chain = steps([json!({}), json!({"on_failure": on_failure}), json!({})]);
        chain.global_timeout = Duration::from_secs(60);
        assert_eq!(status(&world.drive(&chain).await), FinalStatus::TimedOut);
        let result = world.result();
        let step = &result["aggregated_responses"][1];
        assert_eq!((&step["status"], &step["error_classification"]), (&json!("unknown"), &json!("TIMEOUT")));
        assert_eq!((&step["latency_ms"], &step["directive"]), (&json!(10_000), &Value::Null));
        assert_eq!((&result["total_latency_ms"], &result["steps_executed"]), (&json!(60_000), &json!(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_past_its_expiry_makes_no_call() {
    let world = World::new();
    let mut chain = one(json!({}));
    chain.expires_at = Some(TapeClock::at(Duration::ZERO));
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Expired);
    assert_eq!(world.tape.only(&["send", "token", "permit", "journal intent"]), [""; 0]);
    let result = world.result();
    assert_eq!((&result["reason"]["code"], &result["steps_executed"]), (&json!("expired"), &json!(0)));
    assert_eq!(result["reason"]["step_id"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_expires_at_the_gate_makes_no_call_either_but_one_that_has_begun_goes_on() {
    let world = World::new();
    let mut chain = steps([json!({}), json!({})]);
    chain.expires_at = Some(TapeClock::at(Duration::from_secs(5)));
    world.gate.hold([6_000]);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Expired);
    assert_eq!(world.tape.count("send"), 0);

    let world = World::new();
    chain.expires_at = Some(TapeClock::at(Duration::from_secs(5)));
    world.gate.hold([0, 6_000]);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_costs_the_runs_time_and_not_the_steps() {
    let world = World::new();
    world.actions.reply([busy(1_000), good(1_000)]);
    let slow = [7_000, 7_000, 7_000].map(Duration::from_millis);
    world.journal.slow.lock().unwrap().extend(slow);
    world.drive(&one(json!({"timeout_seconds": 5, "on_failure": "continue"}))).await;
    let step = only_step(&world);
    assert_eq!(
        (&step["status"], &step["attempts"], &step["latency_ms"]),
        (&json!("success"), &json!(2), &json!(2_000))
    );
    assert_eq!(world.result()["total_latency_ms"], 23_000);
}
