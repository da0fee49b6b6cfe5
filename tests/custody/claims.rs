//! The claim on a work queue: one message, which nobody loses who dies while reading it.

use cxchain::simulator::SimulatorSettings;
use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::BasicConsumeOptions;
use lapin::types::FieldTable;
use serde_json::json;

use super::history::{CHAIN, LOST, drained, handed_out_before};
use super::support::load::{CONSUMING, logs_again};
use super::support::proof::as_long_as;
use super::support::worker::doomed;
use super::support::{SOON, Worker, amqp};
use super::{claim, claim_queue_of, stage, with_journal};

/// As a worker would have it that dies between reading the claim and giving it back.
#[tokio::test]
async fn a_worker_waits_for_a_reader_that_is_about_to_die_and_then_finds_the_claim() {
    let stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    drained(stage.worker().await).await;
    let before = claim(&stage, &channel).await.expect("a claim");

    let reader = stage.connect().await;
    let reading = amqp::channel(&reader).await;
    let queue = claim_queue_of(&stage);
    let reads = reading
        .basic_consume(queue.as_str().into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await;
    let mut reads = reads.expect("nobody else reads");
    reads.next().await.expect("a message").expect("a message");
    let worker = Worker::spawn(&stage.env());
    logs_again(&worker, "in exclusive use", 0, SOON).await;
    assert_eq!(worker.log().matches(CONSUMING).count(), 0, "{}", worker.log());
    reader.close(200, "dies".into()).await.expect("it closes");
    worker.consuming(1, SOON).await;
    assert_eq!(worker.log().matches(LOST).count(), 0, "{}", worker.log());
    assert_eq!(claim(&stage, &channel).await, Some(before), "it has not even been written again");
}

/// Killed with the claim in hand, again and again.
#[tokio::test]
async fn a_claim_outlives_workers_that_die_while_they_read_it() {
    let stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    drained(stage.worker().await).await;
    let before = claim(&stage, &channel).await.expect("a claim");
    for _ in 0..as_long_as(3, 50) {
        killed_at("claim_read", stage.env()).await;
        let next = stage.worker().await;
        assert_eq!(next.log().matches(LOST).count(), 0, "{}", next.log());
        drained(next).await;
        assert_eq!(claim(&stage, &channel).await.as_ref(), Some(&before));
    }
}

/// The queue is claimed before anything is taken off it: a worker that dies right after does not leave it to nobody.
#[tokio::test]
async fn a_claim_is_the_brokers_before_the_first_message_is_consumed() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    killed_at("claim_written", stage.env()).await;
    let first = claim(&stage, &channel).await.expect("a claim");
    assert_eq!((&first["history_lost"], amqp::depth(&channel, &stage.queue).await), (&json!(false), 1));
    let other = tempfile::tempdir().expect("a temporary directory");
    let second = with_journal(&mut stage, &other.path().join("other.db"));
    logs_again(&second, LOST, 0, SOON).await;
}

async fn killed_at(place: &str, env: Vec<(String, String)>) {
    let mut worker = Worker::spawn(&doomed(env, place));
    assert_eq!(worker.ended(SOON).await, 128 + 9, "{}", worker.log());
}

/// Whoever may publish to the default exchange may put anything there.
#[tokio::test]
async fn what_is_no_claim_is_not_believed() {
    let stage = stage(SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    drained(stage.worker().await).await;
    let own = claim(&stage, &channel).await.expect("a claim");
    amqp::publish(&channel, "", &claim_queue_of(&stage), b"\x1b[31mhaha", BasicProperties::default()).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    handed_out_before(&stage, &channel).await;
    let worker = stage.worker().await;
    assert_eq!(stage.dead(&channel, 1).await[0].raw, CHAIN);
    let said = worker.log();
    assert!(said.contains("a journal that cannot be told") && !said.contains("haha"), "{said}");
    logs_again(&worker, "nothing is left of what another journal knew", 0, SOON).await;
    let again = claim(&stage, &channel).await.expect("a claim");
    assert_eq!((&again["journal"], &again["history_lost"]), (&own["journal"], &json!(false)));
    assert_eq!(amqp::depth(&channel, &claim_queue_of(&stage)).await, 1, "the newest stays");
}
