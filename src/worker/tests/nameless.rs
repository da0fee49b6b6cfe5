//! Messages without any id: the worker names their runs, and a redelivered one finds the run that it began.

use super::*;
use crate::runner::tests::fakes::{good, panicking};

fn nameless(name: &'static str) -> Message {
    message(name, &definition()).named(None)
}

/// The run ids of the results published, in order.
fn runs(office: &Office) -> Vec<String> {
    let sent = office.world.outbox.sent.lock().unwrap();
    sent.iter().filter_map(|message| message.message_id.strip_suffix(":result")).map(Into::into).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_without_a_name_gets_a_uuid_of_version_7() {
    let office = Office::open(World::new());
    office.work_off(nameless("m1")).await;
    let id = uuid::Uuid::parse_str(&runs(&office)[0]).unwrap();
    assert_eq!(id.get_version_num(), 7);
    let accepted: Value = serde_json::from_slice(&office.world.outbox.sent.lock().unwrap()[0].body).unwrap();
    assert_eq!(accepted["run_id_assigned"], true);
    assert_eq!(office.world.tape.count("ack m1"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_messages_of_equal_bytes_are_two_runs() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000), good(1_000)]);
    office.deliver(nameless("m1"));
    office.after(500).await;
    // Redelivered, but the first one's delivery still stands: it is not that one's.
    office.work_off(nameless("m2").again()).await;
    let runs = runs(&office);
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0], runs[1]);
    office.work_off(nameless("m3")).await;
    assert_eq!(office.world.tape.count("send"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_joins_the_live_run_whose_delivery_was_lost() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.deliver(nameless("m1").lost());
    office.after(500).await;
    office.work_off(nameless("m2").again()).await;
    assert_eq!((runs(&office).len(), office.world.tape.count("send")), (1, 1));
    assert_eq!(office.world.tape.only(&["left", "ack m"]), ["left m1", "ack m2"]);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_adopts_the_finished_run_that_nobody_acknowledged_and_only_once() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.work_off(nameless("m1").lost()).await;
    office.work_off(nameless("m2").again()).await;
    let twice = runs(&office);
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0], twice[1], "the same result again");
    assert_eq!(office.world.tape.count("send"), 1);
    office.work_off(nameless("m3").again()).await;
    assert_ne!(runs(&office)[2], twice[0], "that run is acknowledged: this is another message");
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_goes_on_with_the_run_that_a_fault_ended_and_does_not_begin_anew() {
    let office = Office::open(World::new());
    let two = json!({"chain_id": "c", "steps": [{"action_id": "a"}, {"action_id": "b"}]});
    office.world.actions.reply([good(100), panicking()]);
    office.deliver(message("m1", &two).named(None));
    office.after(1_200).await;
    assert_eq!(office.world.tape.count("requeue m1"), 1, "{}", office.world.tape.all());
    office.work_off(message("m2", &two).named(None).again()).await;
    assert_eq!(office.world.tape.count("send step_0"), 1, "a step with an outcome is not sent again");
    assert_eq!(runs(&office).len(), 1);
    assert_eq!(office.world.tape.count("ack m2"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_redeliveries_of_equal_bytes_go_on_with_a_run_each() {
    let office = Office::open(World::new());
    office.world.actions.reply([panicking(), panicking()]);
    office.deliver(nameless("m1"));
    office.deliver(nameless("m2"));
    office.after(1_200).await;
    assert_eq!(office.world.tape.count("requeue m"), 2, "{}", office.world.tape.all());
    // One right after the other: the first has not begun to be driven when the second is looked at.
    office.deliver(nameless("m3").again());
    office.work_off(nameless("m4").again()).await;
    let mut runs = runs(&office);
    runs.sort();
    runs.dedup();
    assert_eq!((runs.len(), office.world.tape.count("send")), (2, 2), "{}", office.world.tape.all());
    assert_eq!(office.world.tape.count("ack m"), 2);
}
