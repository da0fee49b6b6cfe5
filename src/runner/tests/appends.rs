//! What shares an append, and what never waits for one.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

const DONE: [&str; 3] = ["journal", "send", "NOT JOURNALED"];

#[tokio::test(start_paused = true)]
async fn where_nothing_holds_a_run_it_costs_one_append_a_step_and_two_more() {
    for count in [1, 5, 10] {
        let world = World::new();
        let chain = steps((0..count).map(|_| json!({})));
        world.actions.reply((0..count).map(|_| good(100)));
        assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
        assert_eq!(world.tape.count("journal"), count + 2, "{}", world.tape.all());
        assert_eq!(world.tape.count("journal data + step.finished"), count);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_has_to_wait_journals_first() {
    let token = |ms| Token::Good { after: Duration::from_millis(ms), life: Duration::from_secs(900) };
    let world = World::new();
    world.actions.grant([token(500), token(0), token(700)]);
    world.gate.hold([0, 300]);
    world.actions.reply([good(100), good(100), good(100)]);
    world.drive(&steps([json!({}), json!({}), json!({})])).await;
    insta::assert_snapshot!(world.tape.timed(&["token", "permit", "journal", "send"]), @r"
       0 journal definition + run.accepted@1
     500 token 1
     500 permit
     500 journal intent step_0 #1
     500 send step_0 #1 with token 1
     600 token 1
     600 journal data + step.finished@2
     900 permit
     900 journal intent step_1 #1
     900 send step_1 #1 with token 1
    1000 journal data + step.finished@3
    1700 token 1
    1700 permit
    1700 journal intent step_2 #1
    1700 send step_2 #1 with token 1
    1800 journal data + step.finished@4 + run.finished@5 + result
    1800 journal settled
    ");
}

#[tokio::test(start_paused = true)]
async fn steps_that_end_unsent_share_the_append_of_what_comes_after_them() {
    let world = World::new();
    let null = || json!({"payload": {"id": null}, "required_params": ["id"], "on_failure": "continue"});
    world.drive(&steps([null(), null(), json!({}), null()])).await;
    assert_eq!(
        world.tape.only(&DONE),
        [
            "journal definition + run.accepted@1 + data + step.finished@2 + data + step.finished@3 + intent step_2 #1",
            "send step_2 #1 with token 1",
            "journal data + step.finished@4 + data + step.finished@5 + run.finished@6 + result",
            "journal settled",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn events_come_out_after_the_append_that_they_share_and_nothing_is_sent_meanwhile() {
    let world = World::new();
    world.journal.slow.lock().unwrap().extend([0, 1_000].map(Duration::from_millis));
    world.drive(&steps([json!({}), json!({})])).await;
    insta::assert_snapshot!(world.tape.timed(&["answer", "journal", "send", "publish r:2", "publish r:3"]), @r"
       0 journal definition + run.accepted@1 + intent step_0 #1
       0 send step_0 #1 with token 1
       0 answer step_0 #1
    1000 journal data + step.finished@2 + intent step_1 #1
    1000 send step_1 #1 with token 1
    1000 answer step_1 #1
    1000 journal data + step.finished@3 + run.finished@4 + result
    1000 publish r:2 t.step.finished.success
    1000 publish r:3 t.step.finished.success
    1000 journal settled
    ");
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_a_shared_append_loses_the_outcome_and_leaves_the_next_step_uncalled() {
    let world = World::new();
    let chain = steps([json!({"on_failure": "continue"}), json!({})]);
    world.journal.slow.lock().unwrap().extend([0, 1_000].map(Duration::from_millis));
    world.crash_after(&chain, 500).await;
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
    let outcomes = world.events_named("step.finished");
    let outcomes: Vec<_> = outcomes.iter().map(|step| (&step["status"], &step["error_classification"])).collect();
    assert_eq!(outcomes, [(&json!("unknown"), &json!("OUTCOME_UNKNOWN")), (&json!("success"), &json!("NONE"))]);
    assert_eq!(world.tape.only(&["send"]), ["send step_0 #1 with token 1", "send step_1 #1 with token 1"]);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_in_flight_is_not_cut_and_nothing_follows_it_while_the_journal_waits() {
    let world = World::new();
    world.actions.reply([good(1_000), good(1_000)]);
    // The renewal hangs with it, as a disk does that is full.
    world.journal.renewals.lock().unwrap().push_back((Duration::from_secs(50), Ok(())));
    world.journal.slow.lock().unwrap().extend([0, 50_000].map(Duration::from_millis));
    assert_eq!(status(&world.drive(&steps([json!({}), json!({})])).await), FinalStatus::Completed);
    insta::assert_snapshot!(world.tape.timed(&["send", "answer", "journal data"]), @r"
        0 send step_0 #1 with token 1
     1000 answer step_0 #1
    51000 journal data + step.finished@2 + intent step_1 #1
    51000 send step_1 #1 with token 1
    52000 answer step_1 #1
    52000 journal data + step.finished@3 + run.finished@4 + result
    ");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_exchange_is_journaled_before_the_pause_and_a_token_refused_before_the_next() {
    let world = World::new();
    world.gate.hold([0, 5_000]);
    let short = Token::Good { after: Duration::from_millis(10), life: Duration::from_secs(900) };
    let long = Token::Good { after: Duration::ZERO, life: Duration::from_secs(900) };
    world.actions.grant([long.clone(), long, short]);
    world.actions.reply([refused_by_429(0, Some(5)), unauthorized(0)]);
    world.actions.reply([failed(0, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes), good(0)]);
    world.drive(&one(json!({}))).await;
    insta::assert_snapshot!(world.tape.timed(&["permit", "journal", "send", "token"]), @r"
       0 token 1
       0 permit
       0 journal definition + run.accepted@1 + intent step_0 #1
       0 send step_0 #1 with token 1
       0 token 1
       0 journal attempted + step.retried@2
    5000 permit
    5000 journal intent step_0 #2
    5000 send step_0 #2 with token 1
    5000 journal attempted + step.retried@3
    5010 token 2
    5010 permit
    5010 journal intent step_0 #3
    5010 send step_0 #3 with token 2
    5010 journal attempted + step.retried@4
    7010 token 2
    7010 permit
    7010 journal intent step_0 #4
    7010 send step_0 #4 with token 2
    7010 journal data + step.finished@5 + run.finished@6 + result
    7010 journal settled
    ");
}
