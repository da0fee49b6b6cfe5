//! What the worker and the broker say to each other is lost on its way, and then the connection is.

use std::time::Duration;

use crate::support::load::{self, CONSUMING, LOST, Load, channel, logs_again, taking, times, until, waiting};
use crate::support::wire::{CONSUME, PUBLISH, Wire};
use crate::support::{Broker, SOON, Stage};

const ACK: (u8, u8) = (60, 80);

async fn behind_a_wire(latency: Duration, prefetch: u16) -> (Stage, Wire) {
    let broker = Broker::shared().await;
    let wire = Wire::to(broker).await;
    let mut stage = load::stage(broker, taking(latency, latency * 2), prefetch).await;
    stage.set("broker.url", wire.url());
    (stage, wire)
}

/// The worker has acknowledged, and the broker never heard of it: the messages come again. Those with an id find their run by
/// it; the others by their bytes.
#[tokio::test]
async fn lost_acknowledgements_repeat_results_and_no_calls() {
    let (stage, wire) = behind_a_wire(Duration::from_secs(1), 50).await;
    let load = Load::submit(&stage, 10, 1).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 10).await;
    let before = times(&worker, CONSUMING);
    wire.lose_what_the_worker_says(CONSUME);
    wire.has_lost(CONSUME, ACK, load.len()).await;
    wire.cut(CONSUME);
    logs_again(&worker, CONSUMING, before, SOON).await;
    load.ends_well(&stage, worker).await;
}

/// The broker has taken messages, and the worker never heard of it: it publishes them again, the same.
#[tokio::test]
async fn lost_confirms_repeat_messages_as_they_were() {
    let (stage, wire) = behind_a_wire(Duration::from_millis(200), 20).await;
    let load = Load::submit(&stage, 40, 3).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.answered >= 20).await;
    wire.lose_what_the_broker_says(PUBLISH);
    wire.has_lost(PUBLISH, ACK, 10).await;
    wire.cut(PUBLISH);
    load.ends_well(&stage, worker).await;
}

/// Nothing can be published, so nothing is begun; and when the worker is to stop, all of it goes back.
#[tokio::test]
async fn what_was_delivered_and_cannot_be_begun_goes_back_at_sigterm() {
    let (stage, wire) = behind_a_wire(Duration::from_millis(100), 20).await;
    let mut worker = stage.worker().await;
    wire.refuse();
    wire.cut(PUBLISH);
    logs_again(&worker, LOST, 0, SOON).await;
    let load = Load::submit(&stage, 30, 1).await;
    let channel = channel(&stage).await;
    waiting(&stage, &channel, 10).await;

    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    waiting(&stage, &channel, load.len()).await;
    assert_eq!(stage.simulator.calls().totals.calls, 0, "chains were begun");
}

#[tokio::test]
async fn a_publishing_connection_that_is_lost_leaves_the_consuming_one_alone() {
    one_of_two(PUBLISH, "publish").await;
}

#[tokio::test]
async fn a_consuming_connection_that_is_lost_leaves_the_publishing_one_alone() {
    one_of_two(CONSUME, "consume").await;
}

async fn one_of_two(line: usize, name: &str) {
    let (stage, wire) = behind_a_wire(Duration::from_millis(100), 20).await;
    let load = Load::submit(&stage, 60, 3).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.answered >= 60).await;
    wire.cut(line);
    logs_again(&worker, LOST, 0, SOON).await;
    until(&stage, |seen| seen.totals.answered == load.calls()).await;
    let log = worker.log();
    let lost: Vec<&str> = log.lines().filter(|line| line.contains(LOST)).collect();
    assert!(lost.len() == 1 && lost[0].contains(name), "{lost:?}");
    load.ends_well(&stage, worker).await;
}
