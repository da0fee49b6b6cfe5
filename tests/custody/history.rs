//! A worker whose journal is not the one that knows the queue.

use cxchain::simulator::SimulatorSettings;
use lapin::options::{BasicGetOptions, BasicNackOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Channel};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

use super::support::load::{logs_again, taking};
use super::support::{Caught, SOON, Stage, Worker, amqp, eventually};
use super::{claim, stage, with_its_own, with_journal};

pub(crate) const CHAIN: &[u8] = br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#;
pub(crate) const LOST: &str = "this queue was worked on with journal";
const KNOWN: &str = "nothing is left of what another journal knew";

/// Hands the queue's next message out and takes it back: from now on it comes redelivered.
pub(crate) async fn handed_out_before(stage: &Stage, channel: &Channel) {
    let got = channel.basic_get(stage.queue.as_str().into(), BasicGetOptions::default()).await.expect("a queue");
    let back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    let got = got.expect("a message");
    assert!(got.delivery.nack(back).await.expect("it is written"), "it goes back");
    eventually("it is back", SOON, async || (amqp::depth(channel, &stage.queue).await > 0).then_some(())).await;
}

pub(crate) async fn drained(mut worker: Worker) -> String {
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    worker.log()
}

fn header(message: &Caught, name: &str) -> String {
    let headers = message.properties.headers().as_ref().expect("headers");
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    }
}

/// A worker dies in the middle of two chains, one of them without an id, and another one with an empty disk takes the queue.
#[tokio::test]
async fn what_may_have_been_begun_goes_to_dead_and_what_is_fresh_runs() {
    let mut stage = stage(taking(Duration::from_secs(3), Duration::from_secs(3))).await;
    let queues = format!("[{{name = \"{}\", prefetch = 2}}]", stage.queue);
    stage.set("queues", &queues);
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let mut first = stage.worker().await;
    for id in [Some("run-1"), None, Some("run-3")] {
        stage.submit(&channel, CHAIN, id).await;
    }
    let calls = stage.simulator.wait_until(|seen| seen.totals.calls == 2);
    tokio::time::timeout(SOON, calls).await.expect("two calls are under way");
    let before = claim(&stage, &channel).await.expect("the first worker has claimed the queue");
    assert_eq!(before["history_lost"], false);
    first.signal("KILL").await;
    first.ended(SOON).await;

    let other = tempfile::tempdir().expect("a temporary directory");
    let second = with_journal(&mut stage, &other.path().join("other.db"));
    logs_again(&second, LOST, 0, SOON).await;
    let dead = stage.dead(&channel, 2).await;
    for message in &dead {
        assert_eq!((message.raw.as_slice(), header(message, "x-cxchain-reason").as_str()), (CHAIN, "history_lost"));
        assert_eq!(header(message, "x-cxchain-queue"), stage.queue);
    }
    let results = stage.results(&channel, 3, SOON).await;
    let of = |id: &str| {
        let named = |message: &&Caught| message.properties.message_id().as_ref().is_some_and(|it| it.as_str() == id);
        results.iter().find(named).unwrap_or_else(|| panic!("no result {id}: {results:?}"))
    };
    let hash: String = Sha256::digest(CHAIN).iter().map(|byte| format!("{byte:02x}")).collect();
    for (id, run) in [("run-1:result".to_owned(), json!("run-1")), (format!("{hash}:result"), Value::Null)] {
        let lost = of(&id);
        assert_eq!(lost.routing_key, "default.indeterminate");
        assert_eq!((&lost.body["run_id"], &lost.body["final_status"]), (&run, &json!("indeterminate")));
        assert_eq!(lost.body["reason"]["code"], "history_lost");
    }
    assert_eq!(of("run-3:result").body["final_status"], "completed");
    assert_eq!(stage.simulator.calls().totals.calls, 3, "two of the first worker, one of the second");

    logs_again(&second, KNOWN, 0, SOON).await;
    let after = claim(&stage, &channel).await.expect("a claim");
    assert_eq!(after["history_lost"], false);
    assert_ne!(after["journal"], before["journal"]);
    drained(second).await;
    let third = stage.worker().await;
    assert_eq!(third.log().matches(LOST).count(), 0, "it is this journal's queue now: {}", third.log());
}

/// Without a claim, or with its own.
#[tokio::test]
async fn a_message_that_comes_again_to_its_own_journal_was_never_begun_and_runs() {
    let stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for run in ["run-1", "run-2"] {
        stage.submit(&channel, CHAIN, Some(run)).await;
        handed_out_before(&stage, &channel).await;
        let worker = stage.worker().await;
        let result = stage.result(&channel).await;
        assert_eq!((&result["run_id"], &result["final_status"]), (&json!(run), &json!("completed")));
        drained(worker).await;
    }
    assert_eq!(stage.simulator.calls().totals.calls, 2);
    assert_eq!(stage.dead_depth(&channel).await, 0);
}

/// What was begun under the second journal is as unknown to the first one as the other way round.
#[tokio::test]
async fn a_journal_that_comes_back_does_not_guess_what_was_done_under_another_one() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    drained(stage.worker().await).await;
    let own = claim(&stage, &channel).await.expect("a claim");
    let other = tempfile::tempdir().expect("a temporary directory");
    let mut second = with_journal(&mut stage, &other.path().join("other.db"));
    logs_again(&second, LOST, 0, SOON).await;
    // Before it has seen the queue empty.
    second.signal("KILL").await;
    second.ended(SOON).await;
    let foreign = claim(&stage, &channel).await.expect("a claim");
    assert_eq!(foreign["history_lost"], true);
    assert_ne!(foreign["journal"], own["journal"]);

    stage.submit(&channel, CHAIN, Some("run-1")).await;
    handed_out_before(&stage, &channel).await;
    let first = with_its_own(&mut stage);
    assert_eq!(stage.dead(&channel, 1).await[0].raw, CHAIN);
    assert_eq!(stage.result(&channel).await["reason"]["code"], "history_lost");
    logs_again(&first, KNOWN, 0, SOON).await;
    let again = claim(&stage, &channel).await.expect("a claim");
    assert_eq!((&again["journal"], &again["history_lost"]), (&own["journal"], &json!(false)));
    assert_eq!(stage.simulator.calls().totals.calls, 0);
}

/// A worker that starts anew before the queue was empty still knows that it does not know.
#[tokio::test]
async fn a_lost_history_outlives_the_worker_that_found_it() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    drained(stage.worker().await).await;
    let other = tempfile::tempdir().expect("a temporary directory");
    let file = other.path().join("other.db");
    let mut second = with_journal(&mut stage, &file);
    logs_again(&second, LOST, 0, SOON).await;
    second.signal("KILL").await;
    second.ended(SOON).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    handed_out_before(&stage, &channel).await;
    let _second = with_journal(&mut stage, &file);
    assert_eq!(stage.dead(&channel, 1).await[0].raw, CHAIN);
    assert_eq!(stage.result(&channel).await["reason"]["code"], "history_lost");
}

/// The reply goes where the message asked for one.
#[tokio::test]
async fn whoever_waits_for_a_reply_learns_that_the_history_is_lost() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    drained(stage.worker().await).await;
    let replies = super::support::unique("replies");
    amqp::queue(&channel, &replies, lapin::types::FieldTable::default()).await;
    let properties = BasicProperties::default().with_message_id("run-1".into()).with_reply_to(replies.as_str().into());
    stage.submit_with(&channel, CHAIN, properties).await;
    handed_out_before(&stage, &channel).await;
    let other = tempfile::tempdir().expect("a temporary directory");
    let _second = with_journal(&mut stage, &other.path().join("other.db"));
    let reply = amqp::take(&channel, &replies, 1, SOON).await.remove(0);
    let reply: Value = serde_json::from_slice(&reply.delivery.data).expect("JSON");
    assert_eq!((&reply["run_id"], &reply["reason"]["code"]), (&json!("run-1"), &json!("history_lost")));
}
