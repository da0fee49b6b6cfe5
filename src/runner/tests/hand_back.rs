//! The worker stops: the rest of the chain goes back, but never in the middle of an exchange.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

fn stop_after(world: &World, ms: u64) {
    let stop = world.hand_back.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        stop.send_replace(true);
    });
}

async fn and_another_worker_ends_it(world: &World, chain: &Chain) {
    world.hand_back.send_replace(false);
    let ended = world.drive(chain).await;
    assert_eq!(status(&ended), FinalStatus::Completed);
    let seqs: Vec<Value> = world.events().iter().map(|event| event["seq"].clone()).collect();
    assert_eq!(seqs, (1..=seqs.len()).map(|seq| json!(seq)).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_exchange_is_finished_and_the_next_step_is_somebody_elses() {
    let world = World::new();
    let chain = steps([json!({}), json!({})]);
    world.actions.reply([good(10_000)]);
    stop_after(&world, 1_000);
    assert_eq!(world.drive(&chain).await, Ended::HandedBack);
    insta::assert_snapshot!(world.tape.timed(&["send", "answer", "journal", "release"]), @r"
        0 journal definition + run.accepted@1 + intent step_0 #1
        0 send step_0 #1 with token 1
    10000 answer step_0 #1
    10000 journal data + step.finished@2 + handed back
    10000 release
    ");
    and_another_worker_ends_it(&world, &chain).await;
    assert_eq!(world.tape.only(&["send"]), ["send step_0 #1 with token 1", "send step_1 #1 with token 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_given_back_while_it_waits_at_the_gate() {
    let world = World::new();
    let chain = one(json!({}));
    world.gate.hold([100_000]);
    stop_after(&world, 1_000);
    assert_eq!(world.drive(&chain).await, Ended::HandedBack);
    insta::assert_snapshot!(world.tape.timed(&["permit", "journal", "release"]), @r"
       0 journal definition + run.accepted@1
    1000 journal handed back
    1000 release
    ");
    and_another_worker_ends_it(&world, &chain).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_is_given_back_in_its_back_off_and_goes_on_where_it_was() {
    let world = World::new();
    let chain = one(json!({}));
    world.actions.reply([failed(100, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes)]);
    stop_after(&world, 1_000);
    assert_eq!(world.drive(&chain).await, Ended::HandedBack);
    assert_eq!(world.tape.timed(&["release"]), "  1000 release\n");
    and_another_worker_ends_it(&world, &chain).await;
    let step = &world.events_named("step.finished")[0];
    assert_eq!(
        (&step["attempts"], &step["latency_ms"]),
        (&json!(2), &json!(1_199)),
        "100 of one worker, 1099 of the other"
    );
    assert_eq!(world.tape.timed(&["send step_0 #2"]), "  2100 send step_0 #2 with token 1\n", "the back-off is kept");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_given_back_while_it_waits_for_a_token() {
    let world = World::new();
    let chain = one(json!({}));
    world.actions.grant([Token::Good { after: Duration::from_secs(20), life: Duration::from_secs(900) }]);
    stop_after(&world, 1_000);
    assert_eq!(world.drive(&chain).await, Ended::HandedBack);
    and_another_worker_ends_it(&world, &chain).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_takes_nothing_new_up() {
    let world = World::new();
    world.hand_back.send_replace(true);
    assert_eq!(world.drive(&one(json!({}))).await, Ended::HandedBack);
    assert_eq!(world.tape.lines(), ["release"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_last_exchange_is_over_is_ended_and_not_given_back() {
    let world = World::new();
    world.actions.reply([good(10_000)]);
    stop_after(&world, 1_000);
    assert_eq!(status(&world.drive(&one(json!({}))).await), FinalStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_given_back_only_after_its_events_are_out() {
    let world = World::new();
    world.outbox.confirm_after("r:1", 60_000);
    world.gate.hold([100_000]);
    stop_after(&world, 1_000);
    assert_eq!(world.drive(&one(json!({}))).await, Ended::HandedBack);
    assert_eq!(world.tape.timed(&["confirmed", "release"]), " 60000 confirmed r:1\n 60000 release\n");
}
