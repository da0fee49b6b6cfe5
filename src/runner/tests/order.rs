//! The order of things, from the claim to `settled`.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

const WRITTEN: [&str; 5] = ["journal", "send", "publish", "confirmed", "reply"];

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_well() {
    let world = World::new();
    world.actions.reply([good(100), good(200)]);
    world.gate.hold([0, 50]);
    let ended = world.drive(&steps([json!({}), json!({})])).await;
    assert_eq!(
        ended,
        Ended::Settled { status: FinalStatus::Completed, reason: None, took: Duration::from_millis(350) }
    );
    insta::assert_snapshot!(world.tape.all(), @r"
      0 token 1
      0 permit
      0 journal definition + run.accepted@1 + intent step_0 #1
      0 send step_0 #1 with token 1
      0 publish r:1 t.run.accepted
      0 confirmed r:1
    100 answer step_0 #1
    100 gate Answered
    100 token 1
    100 journal data + step.finished@2
    100 publish r:2 t.step.finished.success
    100 confirmed r:2
    150 permit
    150 journal intent step_1 #1
    150 send step_1 #1 with token 1
    350 answer step_1 #1
    350 gate Answered
    350 journal data + step.finished@3 + run.finished@4 + result
    350 publish r:3 t.step.finished.success
    350 confirmed r:3
    350 publish r:4 t.run.finished.completed
    350 confirmed r:4
    350 publish r:result t.completed
    350 confirmed r:result
    350 journal settled
    350 release
    ");
}

#[tokio::test(start_paused = true)]
async fn publishing_overlaps_the_next_step_and_the_result_waits_for_it() {
    let world = World::new();
    world.actions.reply([good(100), good(100)]);
    world.outbox.confirm_after("r:1", 1_000);
    world.drive(&steps([json!({}), json!({})])).await;
    insta::assert_snapshot!(world.tape.timed(&WRITTEN), @r"
       0 journal definition + run.accepted@1 + intent step_0 #1
       0 send step_0 #1 with token 1
       0 publish r:1 t.run.accepted
     100 journal data + step.finished@2 + intent step_1 #1
     100 send step_1 #1 with token 1
     200 journal data + step.finished@3 + run.finished@4 + result
    1000 confirmed r:1
    1000 publish r:2 t.step.finished.success
    1000 confirmed r:2
    1000 publish r:3 t.step.finished.success
    1000 confirmed r:3
    1000 publish r:4 t.run.finished.completed
    1000 confirmed r:4
    1000 publish r:result t.completed
    1000 confirmed r:result
    1000 journal settled
    ");
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_an_event_of_its_own_and_the_result_goes_to_whoever_asked_too() {
    let world = World::new();
    world.actions.reply([failed(10, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes), good(10)]);
    let mut run = world.claim(&one(json!({}))).await;
    run.origin.reply_to = Some("asker".into());
    run.origin.correlation_id = Some("corr".into());
    run.origin.traceparent = Some("trace".into());
    world.drive_from(run).await;
    insta::assert_snapshot!(world.tape.timed(&WRITTEN), @r"
       0 journal definition + run.accepted@1 + intent step_0 #1
       0 send step_0 #1 with token 1
       0 publish r:1 t.run.accepted
       0 confirmed r:1
      10 journal attempted + step.retried@2
      10 publish r:2 t.step.retried
      10 confirmed r:2
    2010 journal intent step_0 #2
    2010 send step_0 #2 with token 1
    2020 journal data + step.finished@3 + run.finished@4 + result
    2020 publish r:3 t.step.finished.success
    2020 confirmed r:3
    2020 publish r:4 t.run.finished.completed
    2020 confirmed r:4
    2020 publish r:result t.completed
    2020 confirmed r:result
    2020 reply to asker r:result
    2020 journal settled
    ");
    for message in world.outbox.sent.lock().unwrap().iter() {
        assert_eq!(message.correlation_id.as_deref(), Some("corr"));
        assert_eq!(message.traceparent.as_deref(), Some("trace"));
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["schema"], message.schema);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_named_by_its_run_and_correlated_by_it_where_nothing_else_is_said() {
    let world = World::new();
    world.drive(&one(json!({}))).await;
    let sent = world.outbox.sent.lock().unwrap();
    let ids: Vec<&str> = sent.iter().map(|message| message.message_id.as_str()).collect();
    assert_eq!(ids, ["r:1", "r:2", "r:3", "r:result"]);
    assert!(sent.iter().all(|message| message.correlation_id.as_deref() == Some("r")));
}

#[tokio::test(start_paused = true)]
async fn nobody_who_stops_publishing_settles_a_run() {
    let world = World::new();
    world.outbox.confirm_after("r:2", 10_000);
    let stop = world.outbox.stopped.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send_replace(true);
    });
    assert_eq!(world.drive(&one(json!({}))).await, Ended::Stopped);
    assert_eq!(world.tape.only(&["confirmed", "journal settled"]), ["confirmed r:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_for_long_does_not_cost_the_lease() {
    let world = World::new();
    world.outbox.confirm_after("r:1", 100_000);
    world.outbox.confirm_after("r:result", 100_000);
    let ended = world.drive(&one(json!({}))).await;
    assert_eq!(status(&ended), FinalStatus::Completed);
    assert!(world.tape.count("renew") >= 36, "{}", world.tape.all());
}

#[tokio::test(start_paused = true)]
async fn while_token_and_permit_are_at_hand_a_step_costs_one_append() {
    for count in 1..=10 {
        let world = World::new();
        world.drive(&steps(vec![json!({}); count])).await;
        assert_eq!(world.tape.count("send"), count);
        // One with each intent, one with the last outcome and the end, `settled`.
        assert_eq!(world.tape.count("journal"), count + 2, "{}", world.tape.all());
    }
    // The first token has to be fetched, in a worker that has just started: what is accepted is journaled meanwhile.
    let world = World::new();
    world.actions.grant([Token::Good { after: Duration::from_millis(10), life: Duration::from_secs(3600) }]);
    world.drive(&steps(vec![json!({}); 4])).await;
    assert_eq!(world.tape.count("journal"), 4 + 3, "{}", world.tape.all());
}
