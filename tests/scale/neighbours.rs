//! One tenant's backlog is not another's.

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueBindOptions};
use lapin::types::FieldTable;
use tokio::time::Instant;

use super::*;
use crate::support::Broker;

const BACKLOG: usize = 2000;
const SAMPLES: usize = 20;
/// Of one call of the idle tenant: long against the noise of a busy machine.
const LATENCY: Duration = Duration::from_millis(700);
/// After its burst of two: 10 calls a second with the slack, less the burst.
const INTERVAL: Duration = Duration::from_nanos(113_333_334);

/// How long it takes from a chain of tenant b to its result, some times one after the other; sorted.
async fn samples(channel: &Channel, queue: &str, results: &mut lapin::Consumer, name: &str) -> Vec<Duration> {
    let mut samples = Vec::new();
    for n in 0..SAMPLES {
        let start = Instant::now();
        submit(channel, queue, &chain(1), &format!("{name}-{n}"), 1).await;
        let result = tokio::time::timeout(SOON, results.next()).await.unwrap().unwrap().unwrap();
        samples.push(start.elapsed());
        result.ack(BasicAckOptions::default()).await.unwrap();
    }
    samples.sort_unstable();
    samples
}

fn p95(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() * 95 / 100 - 1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_chains_of_one_tenant_do_not_slow_down_the_single_chain_of_another() {
    let _alone = QUIET.write().await;
    let mut stage = Stage::new(Broker::shared().await, taking(Duration::from_millis(50))).await;
    let b = Second::join(&mut stage, "[{limit = 1000, per = \"1s\", burst = 1}]", taking(LATENCY));
    let queues =
        format!("[{{name = \"{}\", prefetch = {BACKLOG}}}, {{name = \"{}\", tenant = \"b\"}}]", stage.queue, b.queue);
    stage.set("queues", &queues).set("tenants.default.limits", "[{limit = 10, per = \"1s\", burst = 2}]");
    let mut worker = Worker::spawn(&stage.env());
    worker.consuming(2, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let (queue, exchange) = (stage.name("results.of.b"), stage.name("results"));
    amqp::quorum_queue(&channel, &queue).await;
    let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind((&*queue).into(), (&*exchange).into(), "b.#".into(), bind, none.clone()).await.unwrap();
    let consume = BasicConsumeOptions::default();
    let mut results = channel.basic_consume((&*queue).into(), "of-b".into(), consume, none).await.unwrap();

    let idle = samples(&channel, &b.queue, &mut results, "idle").await;
    submit(&channel, &stage.queue, &chain(3), "backlog", BACKLOG).await;
    stage.simulator.wait_until(|calls| calls.totals.answered >= 5).await;
    let from = stage.simulator.calls().totals.accepted;
    let start = Instant::now();
    let loaded = samples(&channel, &b.queue, &mut results, "loaded").await;
    let (took, made) = (start.elapsed(), stage.simulator.calls().totals.accepted - from);

    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0, "the whole backlog is in the worker's hands");
    let events = stage.events(&channel).await;
    let count = |name: &str| {
        let of_backlog = events.iter().filter(|event| event.body["tenant"] == "default");
        of_backlog.filter(|event| event.body["event"] == name).count()
    };
    let (accepted, finished) = (count("run.accepted"), count("run.finished"));
    assert!(finished > 0 && accepted - finished <= 25, "{accepted} runs have a clock, {finished} of them are over");
    let pace = took.as_secs_f64() / INTERVAL.as_secs_f64();
    assert!(f64::from(u32::try_from(made).unwrap()) >= 0.9 * pace, "{made} calls of the backlog, {pace} are allowed");
    let (before, after) = (p95(&idle), p95(&loaded));
    eprintln!(
        "p95 idle {before:?}, loaded {after:?}; {accepted} accepted, {finished} finished; {made} of {pace:.0} calls"
    );
    assert!(after <= before.mul_f64(1.2), "p95 with a neighbour's backlog {after:?}, idle {before:?}: {loaded:?}");

    let took = drained(&mut worker).await;
    let finished = amqp::depth(&channel, &stage.name("caught.results")).await - 2 * u32::try_from(SAMPLES).unwrap();
    let left = amqp::depth(&channel, &stage.queue).await;
    assert_eq!(left + finished, u32::try_from(BACKLOG).unwrap(), "each is over or back in its queue");
    eprintln!("{left} chains given back; drained in {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}
