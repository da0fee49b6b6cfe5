//! One run, however often its message is delivered.

use super::*;
use crate::runner::tests::fakes::{good, panicking};

#[tokio::test(start_paused = true)]
async fn a_message_is_acknowledged_after_everything_it_led_to() {
    let office = Office::open(World::new());
    office.work_off(message("m1", &definition())).await;
    let lines = office.world.tape.lines();
    assert_eq!(lines[lines.len() - 4..], ["journal settled", "release", "ack m1", "acknowledged r"]);
    assert_eq!(office.close().await.1, Drained::Clean);
}

#[tokio::test(start_paused = true)]
async fn the_redelivery_of_a_lost_message_joins_its_run_and_is_settled_with_it() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.deliver(message("m1", &definition()).lost());
    office.after(500).await;
    office.work_off(message("m2", &definition()).again()).await;
    assert_eq!(office.world.tape.count("send"), 1);
    assert_eq!(office.world.tape.count("publish r:result"), 1);
    assert_eq!(office.settled(), "   500 left m1\n  1000 ack m2\n  1000 acknowledged r\n");
}

#[tokio::test(start_paused = true)]
async fn two_deliveries_that_both_stand_are_both_acknowledged() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.deliver(message("m1", &definition()));
    office.after(500).await;
    office.work_off(message("m2", &definition())).await;
    assert_eq!(office.world.tape.count("send"), 1);
    assert_eq!(office.world.tape.only(&["ack m"]), ["ack m1", "ack m2"]);
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_did_not_reach_the_broker_is_no_ack() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.work_off(message("m1", &definition()).lost()).await;
    assert_eq!(office.world.tape.only(&["ack"]), ["ack in vain m1"]);
    office.work_off(message("m2", &definition()).again()).await;
    let last: Vec<String> = office.world.tape.only(&["send", "publish", "confirmed r:result", "ack"]);
    let tail = ["publish r:result t.completed", "confirmed r:result", "ack m2", "acknowledged r"];
    assert_eq!(last[last.len() - 4..], tail);
    assert_eq!((office.world.tape.count("send"), office.world.tape.count("publish r:1")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn another_definition_under_the_same_id_is_buried_and_leaves_no_other_trace() {
    let other = json!({"chain_id": "c", "steps": [{"action_id": "b"}]});
    for live in [true, false] {
        let office = Office::open(World::new());
        office.world.actions.reply([good(1_000)]);
        office.deliver(message("m1", &definition()));
        office.after(if live { 500 } else { 5_000 }).await;
        office.work_off(message("m2", &other)).await;
        let tape = &office.world.tape;
        assert_eq!(tape.only(&["bury", "buried", "ack m2"]), ["bury m2 conflict", "buried m2", "ack m2"]);
        assert_eq!(tape.count("ack m1"), 1);
        assert_eq!((tape.count("send"), tape.count("publish")), (1, 4), "those of the first one");
        // The first one's log is as it was.
        office.work_off(message("m3", &definition()).again()).await;
        assert_eq!(office.world.tape.count("ack m3"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_id_in_another_definition_of_the_same_meaning_is_the_same_run() {
    let office = Office::open(World::new());
    office.work_off(message("m1", &definition())).await;
    let spaced = Bytes::from_static(br#" {"steps": [ {"action_id":"a"} ], "chain_id":"c"} "#);
    office.work_off(Message { body: spaced, ..message("m2", &definition()) }).await;
    assert_eq!(office.world.tape.count("ack m2"), 1);
    assert_eq!(office.world.tape.count("send"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_run_gives_its_message_back_and_the_next_one_goes_on() {
    let office = Office::open(World::new());
    office.world.actions.reply([panicking()]);
    office.work_off(message("m1", &definition())).await;
    assert_eq!(office.world.tape.timed(&["requeue", "release"]), "     0 release\n  1000 requeue m1\n");
    office.work_off(message("m2", &definition()).again()).await;
    let results = office.world.tape.only(&["publish r:result", "ack"]);
    assert_eq!(results, ["publish r:result t.indeterminate", "ack m2", "acknowledged r"]);
    office.work_off(message("m3", &definition()).named("other")).await;
    assert_eq!(office.world.tape.count("ack m3"), 1, "the worker still listens");
    assert_eq!(office.close().await.1, Drained::Clean, "and stops");
}

#[tokio::test(start_paused = true)]
async fn nothing_new_begins_while_the_broker_takes_no_messages() {
    let office = Office::open(World::new());
    office.world.outbox.takes.send_replace(false);
    office.deliver(message("m1", &definition()));
    office.after(60_000).await;
    assert_eq!(office.world.tape.lines(), [""; 0]);
    office.world.outbox.takes.send_replace(true);
    office.after(1_000).await;
    assert_eq!(office.world.tape.count("ack m1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_goes_to_the_senders_queue_and_never_to_the_workers_own() {
    for (name, replied) in [("theirs", true), ("mine", false), ("cxchain.results", false), ("", false)] {
        let office = Office::open(World::new());
        office.work_off(Message { reply_to: Some(name), ..message("m1", &definition()) }).await;
        assert_eq!(office.world.tape.count("reply to"), usize::from(replied), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_worker_has_is_waited_for() {
    use crate::chain::RunId;
    use crate::ports::RunKey;
    let office = Office::open(World::new());
    let key = RunKey { queue: "q".into(), run_id: RunId::parse("r").unwrap() };
    office.world.ports.journal.claim(&key).await.unwrap();
    office.work_off(message("m1", &definition())).await;
    assert_eq!(office.world.tape.timed(&["send", "ack m1"]), " 30000 send step_0 #1 with token 1\n 30000 ack m1\n");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_begun_stays_its_tenants_whomever_its_queue_belongs_to_by_now() {
    let office = Office::open(World::new());
    office.world.actions.reply([panicking()]);
    office.work_off(message("m1", &definition())).await;
    let world = office.close().await.0;
    let office = Office::open_with(world, |settings| {
        settings.queue_tenants = BTreeMap::from([("q".to_owned(), TenantName::parse("another").unwrap())]);
    });
    office.work_off(message("m2", &definition()).again()).await;
    assert_eq!(office.world.tape.only(&["publish r:result", "ack m"]), ["publish r:result t.indeterminate", "ack m2"]);
}
