//! Messages that were handed out before, to a worker with another journal: what this journal knows nothing of is not guessed.

use super::*;
use crate::chain::hash::sha256_hex;
use crate::runner::tests::fakes::good;

/// The messages published, by their ids.
fn sent(office: &Office) -> Vec<(String, Value)> {
    let sent = office.world.outbox.sent.lock().unwrap();
    let parsed = |body: &Bytes| serde_json::from_slice(body).unwrap();
    sent.iter().map(|message| (message.message_id.clone(), parsed(&message.body))).collect()
}

#[tokio::test(start_paused = true)]
async fn without_a_log_it_gets_an_indeterminate_result_and_no_call_and_goes_to_dead() {
    let office = Office::open(World::new());
    office.work_off(message("m1", &definition()).of_another_journal()).await;
    let said = office.world.tape.only(&["send", "confirmed", "bury", "ack"]);
    assert_eq!(said, ["confirmed r:result", "bury m1 history_lost", "ack m1"]);
    let sent = sent(&office);
    let [(id, result)] = &sent[..] else { panic!("one result and no event: {sent:?}") };
    assert_eq!(id, "r:result");
    assert_eq!((&result["run_id"], &result["chain_id"]), (&json!("r"), &json!("c")));
    assert_eq!((&result["final_status"], &result["reason"]["code"]), (&json!("indeterminate"), &json!("history_lost")));
    assert_eq!((&result["steps_total"], &result["steps_executed"]), (&json!(1), &json!(0)));
    assert_eq!((&result["audit_head"], &result["aggregated_responses"]), (&Value::Null, &json!([])));
}

/// What it may have been called is known to the other journal, and the name that it gets here changes each time.
#[tokio::test(start_paused = true)]
async fn without_an_id_its_result_is_named_by_its_bytes_and_alike_each_time() {
    let office = Office::open(World::new());
    for name in ["m1", "m2"] {
        office.work_off(message(name, &definition()).named(None).of_another_journal()).await;
    }
    let named = format!("{}:result", sha256_hex(definition().to_string().as_bytes()));
    let sent = sent(&office);
    assert_eq!(sent.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&named, &named]);
    assert!(sent.iter().all(|(_, result)| result["run_id"].is_null()));
    assert_eq!(office.world.tape.count("send"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_this_journal_knows_goes_on_by_its_log() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.work_off(message("m1", &definition()).lost()).await;
    office.work_off(message("m2", &definition()).of_another_journal()).await;
    assert_eq!(office.world.tape.only(&["send", "bury", "ack m"]).len(), 2, "one call, one ack");
    assert_eq!(office.world.tape.count("ack m2"), 1);
}

#[tokio::test(start_paused = true)]
async fn one_more_copy_of_a_run_that_is_alive_here_joins_it() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.deliver(message("m1", &definition()).lost());
    office.after(500).await;
    office.work_off(message("m2", &definition()).of_another_journal()).await;
    assert_eq!((office.world.tape.count("send"), office.world.tape.count("bury")), (1, 0));
    assert_eq!(office.world.tape.count("ack m2"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_before_it_is_in_dead_leaves_the_message_to_the_broker() {
    let office = Office::open(World::new());
    office.world.outbox.stopped.send_replace(true);
    office.work_off(message("m1", &definition()).of_another_journal()).await;
    assert_eq!(office.world.tape.only(&["ack", "buried", "left"]), ["left m1"]);
}
