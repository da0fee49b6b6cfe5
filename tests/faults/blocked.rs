//! The broker runs out of disk and blocks whoever publishes.

use std::time::{Duration, Instant};

use lapin::options::BasicGetOptions;

use super::waits::{WaitsFor, ready};
use crate::support::load::{self, CONSUMING, LOST, Load, brisk, channel, held, logs_again, times, until, waiting};
use crate::support::{Broker, SOON, Worker};

/// How long the broker is short of disk: longer than a confirm may take, and than four heartbeats.
const SHORT_OF_DISK: Duration = Duration::from_secs(22);
const HEARTBEAT: &str = "5s";
const IN_HAND: usize = 40;
const HELD: usize = 20;
const STEPS: usize = 2;
const TAKES_AGAIN: &str = "RabbitMQ takes messages again";

/// The broker blocks who publishes, not who consumes: messages that come now (another worker has died, say) are not begun,
/// since their results could not leave. What was begun makes its calls.
#[tokio::test]
async fn a_broker_short_of_disk_for_twenty_seconds_holds_work_up_and_loses_and_repeats_nothing() {
    let broker = Broker::start().await;
    let mut stage = load::stage(&broker, held(), 100).await;
    stage.set("broker.heartbeat", HEARTBEAT);
    let load = Load::submit(&stage, IN_HAND + HELD, STEPS).await;
    let other = channel(&stage).await;
    for _ in 0..HELD {
        let held = other.basic_get(stage.queue.as_str().into(), BasicGetOptions::default()).await;
        assert!(held.expect("an answer").is_some(), "the other worker takes its share");
    }
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == IN_HAND as u64).await;

    broker.ctl(&["set_disk_free_limit", "100000GB"]).await;
    stage.simulator.clear_faults();
    WaitsFor::Room.said(&worker).await;
    other.close(200, "the other worker dies".into()).await.expect("a consumer is not blocked");
    tokio::time::sleep(SHORT_OF_DISK).await;
    let seen = stage.simulator.calls();
    assert_eq!(seen.runs.len(), IN_HAND, "chains were begun whose results could not leave");
    assert_eq!(seen.totals.answered, (IN_HAND * STEPS) as u64, "chains that were begun go on");
    assert_eq!((times(&worker, TAKES_AGAIN), times(&worker, "run finished")), (0, 0));

    broker.ctl(&["set_disk_free_limit", "50MB"]).await;
    logs_again(&worker, TAKES_AGAIN, 0, SOON).await;
    ready(&worker).await;
    assert_eq!(WaitsFor::Room.times(&worker), 1, "it says so once");
    assert_eq!(times(&worker, "no confirm from RabbitMQ"), 0, "the deadline of confirms stands still");
    assert_eq!(times(&worker, LOST), 0, "a blocked connection stands");
    load.ends_well(&stage, worker).await;
}

/// Results that cannot leave are not waited for without end; their messages go back.
#[tokio::test]
async fn sigterm_while_the_broker_is_short_of_disk_waits_no_longer_than_the_drain_timeout() {
    let broker = Broker::start().await;
    let second = Duration::from_secs(1);
    let mut stage = load::stage(&broker, held(), 5).await;
    stage.set("worker.drain_timeout", "3s");
    let load = Load::submit(&stage, 10, 1).await;
    let mut worker = stage.worker().await;
    stage.simulator.wait_until(|calls| calls.totals.open == 5).await;
    // The broker blocks a connection when it publishes: of what the calls came to, the first event is too much.
    broker.ctl(&["set_disk_free_limit", "100000GB"]).await;
    stage.simulator.clear_faults();
    WaitsFor::Room.said(&worker).await;

    let asked = Instant::now();
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 1, "{}", worker.log());
    let took = asked.elapsed();
    assert!((second * 3..second * 12).contains(&took), "it took {took:?}");
    let seen = stage.simulator.calls().totals;
    assert_eq!(seen.calls, 5, "{seen:?}");
    assert_eq!((seen.answered, times(&worker, "run finished")), (seen.calls, 0), "{}", worker.log());

    broker.ctl(&["set_disk_free_limit", "50MB"]).await;
    let channel = channel(&stage).await;
    waiting(&stage, &channel, load.len()).await;
    let _worker = stage.worker().await;
    load.results(&stage, &channel).await;
}

/// It asks for its permissions with messages, and must not be blocked with what consumes.
#[tokio::test]
async fn a_worker_that_starts_while_the_broker_is_short_of_disk_begins_nothing_and_works_when_there_is_room() {
    let broker = Broker::start().await;
    let [known, new] = [load::stage(&broker, brisk(), 5).await, load::stage(&broker, brisk(), 5).await];
    let mut earlier = known.worker().await;
    earlier.signal("TERM").await;
    assert_eq!(earlier.ended(SOON).await, 0, "{}", earlier.log());
    let loads = [Load::submit(&known, 10, 1).await, Load::submit(&new, 10, 1).await];
    broker.ctl(&["set_disk_free_limit", "100000GB"]).await;
    let worker = known.worker().await;
    // A queue that is nobody's yet would be claimed with a message.
    let first = Worker::spawn(&new.env());
    logs_again(&first, "the journal's claim on the queue waits", 0, SOON).await;
    for (stage, worker) in [(&known, &worker), (&new, &first)] {
        WaitsFor::Room.said(worker).await;
        assert_eq!(stage.simulator.calls().totals.calls, 0, "{}", worker.log());
    }
    assert_eq!(times(&first, CONSUMING), 0, "{}", first.log());
    assert_eq!(
        times(&first, "takes no messages connection"),
        1,
        "the other connection is not blocked: {}",
        first.log()
    );

    broker.ctl(&["set_disk_free_limit", "50MB"]).await;
    for (stage, load) in [(&known, &loads[0]), (&new, &loads[1])] {
        load.results(stage, &channel(stage).await).await;
    }
}
