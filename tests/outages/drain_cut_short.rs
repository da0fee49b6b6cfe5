//! Draining that cannot end well: calls that outlast the drain timeout, a broker that is gone or frozen.

use std::time::{Duration, Instant};

use crate::support::load::{self, LOST, Load, channel, held, logs_again, taking, until, waiting};
use crate::support::{Broker, SOON};

const DRAIN: Duration = Duration::from_secs(3);
/// Last words, the connections' goodbye, and a busy machine.
const AND_SOME: Duration = Duration::from_secs(9);

#[tokio::test]
async fn calls_that_outlast_the_drain_timeout_are_given_up_and_their_messages_go_back() {
    let minute = Duration::from_secs(60);
    let mut stage = load::stage(Broker::shared().await, taking(minute, minute), 5).await;
    stage.set("worker.drain_timeout", "3s");
    let load = Load::submit(&stage, 10, 1).await;
    let mut worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 5).await;

    let asked = Instant::now();
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 1, "{}", worker.log());
    let took = asked.elapsed();
    assert!((DRAIN..DRAIN + AND_SOME).contains(&took), "it took {took:?}");

    waiting(&stage, &channel(&stage).await, load.len()).await;
    assert_eq!(stage.simulator.calls().totals.calls, 5, "calls were begun after the signal");
}

#[tokio::test]
async fn sigterm_while_the_broker_is_gone_waits_for_it_no_longer_than_the_drain_timeout() {
    let broker = Broker::start().await;
    let mut stage = load::stage(&broker, held(), 5).await;
    stage.set("worker.drain_timeout", "4s");
    let load = Load::submit(&stage, 10, 1).await;
    let mut worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 5).await;
    broker.kill().await;
    logs_again(&worker, LOST, 1, SOON).await;

    let asked = Instant::now();
    worker.signal("TERM").await;
    stage.simulator.clear_faults();
    assert_eq!(worker.ended(SOON).await, 1, "{}", worker.log());
    let took = asked.elapsed();
    assert!((DRAIN..DRAIN + AND_SOME).contains(&took), "it took {took:?}");
    let seen = stage.simulator.calls().totals;
    assert_eq!(
        (seen.calls, seen.answered, seen.cut_off),
        (5, 5, 0),
        "exchanges in flight are finished, no other begins"
    );

    broker.restart().await;
    let channel = channel(&stage).await;
    waiting(&stage, &channel, load.len()).await;
    let _worker = stage.worker().await;
    load.results(&stage, &channel).await;
}

/// A broker that is frozen, and that nobody has noticed to be: it answers neither the cancel nor the goodbye.
#[tokio::test]
async fn sigterm_while_the_broker_is_frozen_waits_for_it_no_longer_than_the_drain_timeout() {
    let broker = Broker::start().await;
    let mut stage = load::stage(&broker, held(), 5).await;
    stage.set("worker.drain_timeout", "3s").set("broker.heartbeat", "60s");
    let load = Load::submit(&stage, 10, 1).await;
    let mut worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 5).await;
    broker.pause().await;

    let asked = Instant::now();
    worker.signal("TERM").await;
    stage.simulator.clear_faults();
    assert_eq!(worker.ended(SOON).await, 1, "{}", worker.log());
    let took = asked.elapsed();
    assert!((DRAIN..DRAIN + AND_SOME + Duration::from_secs(5)).contains(&took), "it took {took:?}");
    assert_eq!(stage.simulator.calls().totals.cut_off, 0);

    broker.resume().await;
    let channel = channel(&stage).await;
    waiting(&stage, &channel, load.len()).await;
    let _worker = stage.worker().await;
    load.results(&stage, &channel).await;
}
