//! The worker stops: what is in hand, what comes late, and what takes too long.

use super::*;
use crate::chain::RunId;
use crate::ports::RunKey;
use crate::runner::tests::fakes::{good, never};

fn two_steps() -> Value {
    let long = |action: &str| json!({"action_id": action, "timeout_seconds": 120});
    json!({"chain_id": "c", "global_timeout_seconds": 900, "steps": [long("a"), long("b")]})
}

fn volatile() -> World {
    let world = World::new();
    world.journal.survives.store(false, Ordering::Relaxed);
    world
}

#[tokio::test(start_paused = true)]
async fn with_a_durable_journal_the_rest_of_a_chain_goes_back_after_the_exchange_in_flight() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(10_000)]);
    office.deliver(message("m1", &two_steps()));
    office.after(1_000).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    insta::assert_snapshot!(world.tape.timed(&["send", "answer", "release", "requeue"]), @r"
        0 send step_0 #1 with token 1
    10000 answer step_0 #1
    10000 release
    10000 requeue m1
    ");
}

#[tokio::test(start_paused = true)]
async fn with_a_volatile_journal_what_is_in_hand_is_finished_and_what_comes_late_goes_back() {
    let office = Office::open(volatile());
    office.world.actions.reply([good(10_000), good(10_000)]);
    office.deliver(message("m1", &two_steps()));
    office.after(1_000).await;
    office.stop.cancel();
    office.deliver(message("late", &definition()).named("other"));
    office.deliver(message("broken", &json!([])).named("third"));
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    let settled = world.tape.timed(&SETTLED);
    assert_eq!(settled, "  1000 requeue late\n  1000 requeue broken\n 20000 ack m1\n 20000 acknowledged r\n");
    assert_eq!(world.tape.count("publish r:result t.completed"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_of_what_is_in_hand_is_taken_in_to_the_end() {
    let office = Office::open(volatile());
    office.world.actions.reply([good(10_000), good(10_000)]);
    office.deliver(message("m1", &definition()).lost());
    office.deliver(message("n1", &two_steps()).named(None).lost());
    office.after(1_000).await;
    office.stop.cancel();
    office.deliver(message("m2", &definition()).again());
    office.deliver(message("n2", &two_steps()).named(None).again());
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    assert_eq!(world.tape.count("requeue"), 0);
    assert_eq!((world.tape.count("ack m2"), world.tape.count("send step_0")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_waits_past_the_drain_timeout_is_given_back_and_the_drain_was_cut_short() {
    let office = Office::open_with(volatile(), |settings| settings.drain_timeout = Duration::from_secs(20));
    office.world.gate.hold([0, 1_000_000]);
    office.deliver(message("m1", &two_steps()));
    office.after(1_000).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::CutShort { runs: 1 });
    insta::assert_snapshot!(world.tape.timed(&["send", "release", "requeue", "ack", "left"]), @r"
        0 send step_0 #1 with token 1
    21000 release
    21000 requeue m1
    ");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_past_the_drain_timeout_is_left_alone() {
    let office = Office::open_with(World::new(), |settings| settings.drain_timeout = Duration::from_secs(20));
    office.world.actions.reply([never()]);
    office.deliver(message("m1", &two_steps()));
    office.after(1_000).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::CutShort { runs: 1 });
    assert_eq!(world.tape.count("CUT"), 0);
    assert_eq!(world.tape.timed(&SETTLED), "");
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_run_is_elsewhere_goes_back() {
    let office = Office::open(World::new());
    let key = RunKey { queue: "q".into(), run_id: RunId::parse("r").unwrap() };
    office.world.ports.journal.claim(&key).await.unwrap();
    office.deliver(message("m1", &definition()));
    office.after(1_000).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    assert_eq!(world.tape.timed(&SETTLED), "  1000 requeue m1\n");
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_work_stops_at_once() {
    let (world, drained) = Office::open(World::new()).close().await;
    assert_eq!(drained, Drained::Clean);
    assert_eq!(world.tape.lines(), [""; 0]);
}
