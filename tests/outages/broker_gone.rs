//! The broker dies, is shut down, or freezes, and comes back. Runs outlive connections: what is in hand goes on meanwhile.

use std::time::Duration;

use crate::support::load::{CONSUMING, LOST, Load, brisk, channel, emptied, logs_again, stage, taking, times, until};
use crate::support::proof::as_long_as;
use crate::support::{Broker, SOON, Stage, Worker, eventually};

/// The bound: from the broker's return to the first consumer.
const BACK: Duration = Duration::from_secs(10);
/// How long it is away.
const AWAY: Duration = Duration::from_millis(1500);

enum Outage {
    Killed,
    Stopped,
}

impl Outage {
    /// From the moment that `calls` have been answered until the worker consumes again.
    async fn happens(&self, broker: &Broker, stage: &Stage, worker: &Worker, calls: u64) {
        until(stage, |seen| seen.totals.answered >= calls).await;
        let before = times(worker, CONSUMING);
        match self {
            Self::Killed => broker.kill().await,
            Self::Stopped => broker.stop().await,
        }
        tokio::time::sleep(AWAY).await;
        broker.restart().await;
        logs_again(worker, CONSUMING, before, BACK).await;
    }
}

/// As many rounds as are worth waiting for.
fn rounds() -> usize {
    as_long_as(1, 5)
}

#[tokio::test]
async fn a_broker_killed_early_and_late_under_load_costs_no_result_and_repeats_no_call() {
    let broker = Broker::start().await;
    for _ in 0..rounds() {
        let stage = stage(&broker, brisk(), 50).await;
        let load = Load::submit(&stage, 100, 3).await;
        let worker = stage.worker().await;
        for share in [5, 92] {
            Outage::Killed.happens(&broker, &stage, &worker, load.calls() * share / 100).await;
        }
        load.ends_well(&stage, worker).await;
    }
}

/// Calls that take seconds: what is in hand is still at work when its messages come again.
#[tokio::test]
async fn a_broker_killed_under_runs_that_outlive_the_outage_costs_no_result_and_repeats_no_call() {
    let broker = Broker::start().await;
    for _ in 0..rounds() {
        let slow = taking(Duration::from_secs(3), Duration::from_secs(5));
        let stage = stage(&broker, slow, 50).await;
        let load = Load::submit(&stage, 100, 3).await;
        let worker = stage.worker().await;
        for share in [15, 50, 75].into_iter().take(rounds()) {
            Outage::Killed.happens(&broker, &stage, &worker, load.calls() * share / 100).await;
        }
        load.ends_well(&stage, worker).await;
    }
}

#[tokio::test]
async fn a_broker_shut_down_under_load_costs_no_result_and_repeats_no_call() {
    let broker = Broker::start().await;
    for _ in 0..rounds() {
        let stage = stage(&broker, brisk(), 50).await;
        let load = Load::submit(&stage, 100, 3).await;
        let worker = stage.worker().await;
        Outage::Stopped.happens(&broker, &stage, &worker, load.calls() / 2).await;
        load.ends_well(&stage, worker).await;
    }
}

#[tokio::test]
async fn a_broker_that_freezes_longer_than_the_heartbeat_costs_no_result_and_repeats_no_call() {
    let broker = Broker::start().await;
    let mut stage = stage(&broker, brisk(), 50).await;
    stage.set("broker.heartbeat", "2s");
    let load = Load::submit(&stage, 100, 3).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.answered >= 100).await;
    let before = times(&worker, CONSUMING);

    broker.pause().await;
    // Both connections.
    logs_again(&worker, LOST, 1, SOON).await;
    // Then it is tried again, which nobody answers.
    logs_again(&worker, "no answer within", 0, SOON).await;
    broker.resume().await;
    logs_again(&worker, CONSUMING, before, BACK).await;

    eventually("attempts that were given up leave no connection behind", SOON, async || {
        let all = broker.ctl(&["list_connections", "client_properties"]).await;
        (all.lines().filter(|one| one.contains("\"cxchain ")).count() == 2).then_some(())
    })
    .await;
    load.ends_well(&stage, worker).await;
}

/// A node that is up has queues that are not, for a moment.
#[tokio::test]
async fn a_worker_that_waits_for_its_broker_comes_up_with_it() {
    let broker = Broker::start().await;
    let stage = stage(&broker, brisk(), 50).await;
    let load = Load::submit(&stage, 10, 1).await;
    for _ in 0..rounds() {
        broker.kill().await;
        let mut worker = Worker::spawn(&stage.env());
        logs_again(&worker, "trying again", 0, SOON).await;
        broker.restart().await;
        logs_again(&worker, CONSUMING, 0, BACK).await;
        worker.signal("TERM").await;
        assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    }
    load.ends_well(&stage, stage.worker().await).await;
}

/// What broke while nobody looked is found before the next message needs it.
#[tokio::test]
async fn a_chain_after_an_outage_with_nothing_in_hand_does_not_pay_for_it() {
    let broker = Broker::start().await;
    let stage = stage(&broker, brisk(), 50).await;
    let worker = stage.worker().await;
    Load::submit(&stage, 2, 1).await.results(&stage, &channel(&stage).await).await;
    emptied(&stage, &channel(&stage).await).await;
    let before = times(&worker, CONSUMING);
    broker.kill().await;
    broker.restart().await;
    logs_again(&worker, CONSUMING, before, BACK).await;

    let load = Load::submit(&stage, 1, 3).await;
    let results = channel(&stage).await;
    let in_time = tokio::time::timeout(BACK, load.results(&stage, &results)).await;
    assert!(in_time.is_ok(), "a chain of under a second took over {BACK:?}:\n{}", worker.log());
}
