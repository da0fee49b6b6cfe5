//! The broker closes connections and channels, and blocks them.

use std::time::Duration;

use lapin::options::BasicGetOptions;

use crate::support::load::{self, CONSUMING, Load, brisk, channel, logs_again, taking, times, until};
use crate::support::{Broker, SOON};

#[tokio::test]
async fn connections_closed_by_force_cost_no_result_and_repeat_no_call() {
    let broker = Broker::start().await;
    let stage = load::stage(&broker, brisk(), 50).await;
    let load = Load::submit(&stage, 100, 3).await;
    let worker = stage.worker().await;
    for share in [10, 60] {
        until(&stage, |seen| seen.totals.answered >= load.calls() * share / 100).await;
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
const IN_HAND: usize = 40;
const HELD: usize = 20;

/// The broker blocks who publishes, not who consumes: messages that come now (another worker has died, say) are not begun,
/// since their results could not leave.
#[tokio::test]
async fn a_broker_short_of_memory_holds_work_up_and_loses_and_repeats_nothing() {
    let broker = Broker::start().await;
    let stage = load::stage(&broker, taking(Duration::from_secs(4), Duration::from_secs(6)), 100).await;
    let load = Load::submit(&stage, IN_HAND + HELD, 2).await;
    let other = channel(&stage).await;
    for _ in 0..HELD {
        let held = other.basic_get(stage.queue.as_str().into(), BasicGetOptions::default()).await;
        assert!(held.expect("an answer").is_some(), "the other worker takes its share");
    }
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == IN_HAND as u64).await;

    broker.ctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    logs_again(&worker, TAKES_NOTHING, 0, SOON).await;
    other.close(200, "the other worker dies".into()).await.expect("a consumer is not blocked");
    tokio::time::sleep(SHORT_OF_MEMORY).await;
    assert_eq!(stage.simulator.calls().runs.len(), IN_HAND, "chains were begun whose results could not leave");
    assert_eq!((times(&worker, TAKES_AGAIN), times(&worker, "run finished")), (0, 0));

    broker.ctl(&["set_vm_memory_high_watermark", "0.5"]).await;
    logs_again(&worker, TAKES_AGAIN, 0, SOON).await;
    load.ends_well(&stage, worker).await;
}

const TAKES_NOTHING: &str = "RabbitMQ takes no messages";
const TAKES_AGAIN: &str = "RabbitMQ takes messages again";
