//! The broker closes connections and channels, and the network between cuts them.

use std::time::Duration;

use crate::support::load::{self, CONSUMING, Load, brisk, held, logs_again, taking, times, until};
use crate::support::wire::Wire;
use crate::support::{Broker, SOON};

#[tokio::test]
async fn connections_closed_by_force_and_channels_that_crash_cost_no_result_and_repeat_no_call() {
    let broker = Broker::start().await;
    let stage = load::stage(&broker, brisk(), 50).await;
    let load = Load::submit(&stage, 100, 3).await;
    let worker = stage.worker().await;
    let close: &[&str] = &["close_all_connections", "a test"];
    let kill_channels: &[&str] = &["eval", "[exit(Channel, kill) || Channel <- rabbit_channel:list()]."];
    for (share, fault) in [(10, close), (35, kill_channels), (60, close)] {
        until(&stage, |seen| seen.totals.answered >= load.calls() * share / 100).await;
        let before = times(&worker, CONSUMING);
        broker.ctl(fault).await;
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
    let stage = load::stage(&broker, held(), 20).await;
    let load = Load::submit(&stage, 20, 1).await;
    let worker = stage.worker().await;
    logs_again(&worker, "delivery acknowledgement on channel", 1, SOON).await;
    stage.simulator.clear_faults();
    load.ends_well(&stage, worker).await;
}

/// How long the network flaps, and how often it does.
const FLAPPING: Duration = Duration::from_secs(20);
const EVERY: Duration = Duration::from_secs(2);

#[tokio::test]
async fn connections_cut_every_two_seconds_cost_no_result_and_repeat_no_call() {
    let broker = Broker::shared().await;
    let wire = Wire::to(broker).await;
    let mut stage = load::stage(broker, taking(Duration::from_secs(1), Duration::from_secs(3)), 40).await;
    stage.set("broker.url", wire.url());
    let load = Load::submit(&stage, 120, 3).await;
    let worker = stage.worker().await;
    for _ in 0..FLAPPING.as_secs() / EVERY.as_secs() {
        tokio::time::sleep(EVERY).await;
        wire.cut_all();
    }
    let finished = times(&worker, "run finished");
    assert!(finished > 0, "work goes on between two cuts");
    load.ends_well(&stage, worker).await;
}
