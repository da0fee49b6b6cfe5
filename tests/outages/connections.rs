//! The broker closes connections and channels, and blocks them.

use std::time::Duration;

use super::load::{self, CONSUMING, Load, brisk, logs_again, taking, times};
use crate::support::{Broker, SOON};

#[tokio::test]
async fn connections_closed_by_force_cost_no_result_and_repeat_no_call() {
    let broker = Broker::start().await;
    let stage = load::stage(&broker, brisk(), 50).await;
    let load = Load::submit(&stage, 100, 3).await;
    let worker = stage.worker().await;
    for share in [10, 60] {
        stage.simulator.wait_until(|seen| seen.totals.answered >= load.calls() * share / 100).await;
        let before = times(&worker, CONSUMING);
        broker.ctl(&["close_all_connections", "a test"]).await;
        logs_again(&worker, CONSUMING, before, SOON).await;
    }
    load.ends_well(&stage, worker).await;
}

/// The broker closes the channel of a consumer that holds its deliveries for too long (406). They come again, again and again,
/// while their runs go on: every one of them joins its run, with an id or without.
#[tokio::test]
async fn a_channel_closed_over_the_consumer_timeout_starts_no_run_again() {
    let broker = Broker::start().await;
    let short = "application:set_env(rabbit, consumer_timeout, 1500), \
                 application:set_env(rabbit, channel_tick_interval, 500).";
    broker.ctl(&["eval", short]).await;
    let stage = load::stage(&broker, taking(Duration::from_secs(5), Duration::from_secs(6)), 20).await;
    let load = Load::submit(&stage, 20, 1).await;
    let worker = stage.worker().await;
    logs_again(&worker, "delivery acknowledgement on channel", 1, SOON).await;
    load.ends_well(&stage, worker).await;
}

/// How long the broker is short of memory.
const SHORT_OF_MEMORY: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_broker_short_of_memory_holds_work_up_and_loses_and_repeats_nothing() {
    let broker = Broker::start().await;
    let stage = load::stage(&broker, brisk(), 20).await;
    let load = Load::submit(&stage, 100, 3).await;
    let worker = stage.worker().await;
    stage.simulator.wait_until(|seen| seen.totals.answered >= 20).await;

    broker.ctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    logs_again(&worker, "RabbitMQ takes no messages", 0, SOON).await;
    tokio::time::sleep(SHORT_OF_MEMORY).await;
    let begun = stage.simulator.calls().runs.len();
    assert!(begun < load.len(), "chains were begun whose results could not leave");
    assert_eq!(times(&worker, "RabbitMQ takes messages again"), 0);

    broker.ctl(&["set_vm_memory_high_watermark", "0.5"]).await;
    logs_again(&worker, "RabbitMQ takes messages again", 0, SOON).await;
    load.ends_well(&stage, worker).await;
}
