//! Permits and the tokens that go with them: what grows old is not used.

use super::fakes::*;
use super::*;

const WORDS: [&str; 5] = ["token", "permit", "journal", "send", "gate"];
/// From the token to the answer.
fn of_the_first_exchange(world: &World) -> String {
    let tape = world.tape.timed(&WORDS);
    let answered = tape.lines().position(|line| line.contains("gate ")).unwrap();
    tape.lines().take(answered + 1).map(|line| format!("{line}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_grew_old_in_the_journal_is_withdrawn_and_costs_no_attempt_number() {
    let world = World::new();
    world.gate.brief(20);
    world.gate.hold([5]);
    world.journal.slow.lock().unwrap().push_back(Duration::from_millis(21));
    world.drive(&one(json!({}))).await;
    insta::assert_snapshot!(of_the_first_exchange(&world), @r"
     0 token 1
     0 permit
    21 journal definition + run.accepted@1 + intent step_0 #1
    21 journal withdrawn step_0 #1
    26 permit
    26 journal intent step_0 #1
    68 send step_0 #1 with token 1
    68 gate Answered
    ");
    let step = &world.events_named("step.finished")[0];
    assert_eq!((&step["attempts"], &step["latency_ms"], &step["gate_wait_ms"]), (&json!(1), &json!(0), &json!(47)));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_uses_the_runs_time_up_withdraws_the_intent_and_nothing_is_sent() {
    let world = World::new();
    let mut chain = one(json!({"on_failure": "continue"}));
    chain.global_timeout = Duration::from_secs(60);
    world.journal.slow.lock().unwrap().push_back(Duration::from_secs(61));
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::TimedOut);
    assert_eq!(world.tape.count("send"), 0);
    let step = &world.events_named("step.finished")[0];
    assert_eq!(
        (&step["status"], &step["attempts"]),
        (&json!("failed"), &json!(0)),
        "it is known that nothing was sent"
    );
}

#[tokio::test(start_paused = true)]
async fn a_journal_slower_than_the_slack_does_not_keep_a_run_from_being_sent() {
    let world = World::new();
    for _ in 0..1_000 {
        world.gate.brief(20);
    }
    world.journal.slow.lock().unwrap().extend([Duration::from_millis(30); 1_000]);
    assert_eq!(status(&world.drive(&one(json!({}))).await), FinalStatus::Completed);
    insta::assert_snapshot!(of_the_first_exchange(&world), @r"
     0 token 1
     0 permit
    30 journal definition + run.accepted@1 + intent step_0 #1
    30 permit
    30 send step_0 #1 with token 1
    30 gate Answered
    ");
}

#[tokio::test(start_paused = true)]
async fn behind_a_slow_journal_permits_are_asked_for_ahead_and_used_when_they_are_due_not_before() {
    let world = World::new();
    // An append for the acceptance, which is no intent's; an intent; an outcome, an intent; … The last ones are fast.
    world.journal.slow.lock().unwrap().extend([Duration::from_millis(30); 6]);
    world.gate.hold([100; 4]);
    assert_eq!(status(&world.drive(&steps(vec![json!({}); 4])).await), FinalStatus::Completed);
    let tape = world.tape.timed(&["permit", "send"]);
    let times: Vec<u64> = tape.lines().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    let each: Vec<_> = times.chunks(2).map(|step| (step[0], step[1] - step[0])).collect();
    assert_eq!(each, [(130, 30), (290, 60), (480, 60), (640, 60)], "{tape}");
    let waits: Vec<_> = world.events_named("step.finished").iter().map(|step| step["gate_wait_ms"].clone()).collect();
    assert_eq!(waits, [100, 130, 130, 160], "the journal's time is nobody's, and what was left of the lead the gate's");
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_old_when_it_comes_is_given_up_for_another() {
    let world = World::new();
    world.gate.brief(0);
    world.gate.brief(20);
    world.drive(&one(json!({}))).await;
    insta::assert_snapshot!(of_the_first_exchange(&world), @r"
    0 token 1
    0 permit
    0 permit
    0 journal definition + run.accepted@1 + intent step_0 #1
    0 send step_0 #1 with token 1
    0 gate Answered
    ");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_grew_old_at_the_gate_is_renewed_before_anything_is_sent() {
    let world = World::new();
    let minute = Duration::from_secs(60);
    world.actions.grant([Token::Good { after: Duration::ZERO, life: minute }]);
    world.gate.hold([60_000, 100]);
    world.drive(&one(json!({}))).await;
    insta::assert_snapshot!(of_the_first_exchange(&world), @r"
        0 token 1
        0 journal definition + run.accepted@1
    60000 permit
    60000 token 1
    60100 permit
    60100 journal intent step_0 #1
    60100 send step_0 #1 with token 1
    60100 gate Answered
    ");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_always_old_ends_with_the_step() {
    let world = World::new();
    let old = Token::Good { after: Duration::from_millis(10), life: Duration::ZERO };
    world.actions.grant(vec![old; 10_000]);
    world.drive(&one(json!({"timeout_seconds": 5, "on_failure": "continue"}))).await;
    assert_eq!(world.tape.count("send"), 0);
    let step = &world.events_named("step.finished")[0];
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("failed"), &json!("TIMEOUT")));
    assert_eq!((&step["attempts"], &step["payload_hash"]), (&json!(0), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_keeps_its_lease() {
    let world = World::new();
    world.gate.hold([100_000]);
    assert_eq!(status(&world.drive(&one(json!({}))).await), FinalStatus::Completed);
    assert_eq!(world.tape.count("renew"), 19);
}

#[tokio::test(start_paused = true)]
async fn the_gate_hears_how_each_exchange_went() {
    use crate::chain::{ErrorClass::*, Retryable};
    let told = [
        (good(0), "gate Answered"),
        (failed(0, 400, Validation, Retryable::No), "gate Answered"),
        (failed(0, 500, ComputeFailure, Retryable::No), "gate Answered"),
        (failed(0, 200, ResponseInvalid, Retryable::IfIdempotent), "gate Answered"),
        (failed(0, 503, ComputeClusterUnavailable, Retryable::No), "gate Trouble"),
        (failed(0, 0, Network, Retryable::Yes), "gate Trouble"),
        (failed(0, 0, Timeout, Retryable::Yes), "gate Trouble"),
        (lost(0), "gate Trouble"),
        (never(), "gate Trouble"),
        (refused_by_429(0, Some(3)), "gate Throttled(3s)"),
        (unauthorized(0), "gate Answered"),
    ];
    for (reply, said) in told {
        let world = World::new();
        world.actions.reply([reply.clone()]);
        world.drive(&one(json!({"on_failure": "continue", "retry": {"max_attempts": 1}}))).await;
        assert_eq!(world.tape.only(&["gate"])[0], said, "{:?}", reply.verdict());
    }
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_asked_for_the_action_of_an_exchange_and_for_none_of_a_poll() {
    use crate::chain::{ErrorClass, JobEnd, Retryable};
    let world = World::new();
    world.actions.reply([submitted(0), failed(0, 400, ErrorClass::Validation, Retryable::No), good(0)]);
    world.actions.poll([over(0, JobEnd::Completed)]);
    let fallback = json!({"action_id": "b"});
    let chain = steps([json!({"mode": "job"}), json!({"on_failure": "fallback", "fallback": fallback})]);
    world.drive(&chain).await;
    let asked = world.gate.asked.lock().unwrap();
    let asked: Vec<&str> = asked.iter().map(|action| action.as_ref().map_or("", |action| action.as_str())).collect();
    assert_eq!(asked, ["a-0", "", "a-1", "b"]);
}
