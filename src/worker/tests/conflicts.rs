//! Two definitions under one run id, the later of which comes first after a fault.

use super::*;
use crate::chain::RunId;
use crate::ports::{Claimed, RunKey};
use crate::runner::tests::fakes::{good, panicking};

fn two() -> Value {
    json!({"chain_id": "c", "steps": [{"action_id": "a", "on_failure": "continue"}, {"action_id": "b"}]})
}

fn other() -> Value {
    json!({"chain_id": "other", "steps": [{"action_id": "b"}]})
}

/// The run of `definition()` is open, nobody has it, and its message is away.
async fn open_run() -> Office {
    let office = Office::open(World::new());
    office.world.actions.reply([panicking()]);
    office.deliver(message("m1", &two()));
    office.after(2_000).await;
    assert_eq!(office.world.tape.count("requeue m1"), 1);
    office
}

fn mine(name: &'static str) -> Message {
    message(name, &two()).again()
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_turn_gives_way_to_the_run_whose_id_it_has() {
    let office = open_run().await;
    office.line("t", Duration::from_secs(3600), Duration::ZERO);
    office.deliver(message("m2", &other()));
    office.after(1_000).await;
    office.deliver(mine("m3"));
    office.after(1_000).await;
    assert_eq!(office.world.tape.only(&["bury m", "ack m"]), ["bury m2 conflict", "ack m2", "ack m3"]);
    assert_eq!(office.world.tape.only(&["send"]).len(), 2, "{}", office.world.tape.all());
    assert_eq!(office.world.tape.only(&["publish r:result"]), ["publish r:result t.completed"]);
    // Nothing of it is left at the door.
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(10_000).await;
    assert_eq!(office.world.tape.count("send"), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_just_asked_after_gives_way_to_the_run_whose_id_it_has() {
    let office = open_run().await;
    *office.world.journal.claims_take.lock().unwrap() = Duration::from_secs(2);
    office.deliver(message("m2", &other()).again());
    office.after(500).await;
    office.deliver(mine("m3"));
    office.after(20_000).await;
    assert_eq!(office.world.tape.only(&["bury m", "ack m"]), ["bury m2 conflict", "ack m2", "ack m3"]);
    assert_eq!(office.world.tape.only(&["publish r:result"]), ["publish r:result t.completed"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_about_to_be_asked_after_finds_out_for_itself() {
    let office = open_run().await;
    office.world.actions.reply([good(5_000)]);
    let key = RunKey { queue: "q".into(), run_id: RunId::parse("r").unwrap() };
    let Ok(Claimed::Ours { lease, .. }) = office.world.ports.journal.claim(&key).await else { panic!("it is free") };
    office.deliver(message("m2", &other()).again());
    office.after(500).await;
    office.deliver(mine("m3"));
    office.after(100).await;
    // The later one asks before the other does.
    office.world.ports.journal.release(&lease).await;
    office.after(20_000).await;
    assert_eq!(office.world.tape.only(&["bury m", "ack m"]), ["bury m2 conflict", "ack m2", "ack m3"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_that_have_not_begun_the_first_is_the_run() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(10)]);
    office.line("t", Duration::from_secs(3600), Duration::ZERO);
    office.deliver(message("m1", &other()));
    office.deliver(mine("m2"));
    office.deliver(mine("m3"));
    office.after(1_000).await;
    assert_eq!(office.world.tape.only(&["bury m"]), ["bury m2 conflict", "bury m3 conflict"]);
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(1_000).await;
    assert_eq!(office.world.tape.count("ack m1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_meanwhile_gives_the_later_one_back() {
    let office = open_run().await;
    office.line("t", Duration::from_secs(3600), Duration::ZERO);
    office.deliver(message("m2", &other()));
    office.after(500).await;
    office.world.journal.down.store(true, Ordering::Relaxed);
    office.deliver(mine("m3"));
    office.after(500).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    assert_eq!((world.tape.count("requeue m2"), world.tape.count("requeue m3"), world.tape.count("bury")), (1, 1, 0));
}
