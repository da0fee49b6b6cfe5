//! Somebody deletes a queue or an exchange under a worker that uses it.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};

use crate::support::load::{self, CONSUMING, LONG, Load, brisk, channel, emptied, logs_again, name, times, until};
use crate::support::{Broker, Caught, SOON, Stage};

/// What waits in the queue is gone with it, and what is in hand can be acknowledged no more; its runs end all the same.
#[tokio::test]
async fn a_work_queue_that_is_deleted_comes_back_and_runs_in_hand_are_finished() {
    let stage = load::stage(Broker::shared().await, brisk(), 10).await;
    let doomed = Load::submit(&stage, 10, 3).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.runs.len() == 10 && seen.totals.answered >= 5).await;
    let before = times(&worker, CONSUMING);
    let channel = channel(&stage).await;
    channel.queue_delete(stage.queue.as_str().into(), QueueDeleteOptions::default()).await.expect("it is deleted");
    logs_again(&worker, CONSUMING, before, SOON).await;

    let results = doomed.results(&stage, &channel).await;
    doomed.assert_once(&results, &stage.events(&channel).await, &stage.simulator.calls());
    stage.simulator.reset();
    let fresh = Load::submit(&stage, 20, 3).await;
    fresh.ends_well(&stage, worker).await;
}

/// The exchanges come back with the streams that are bound to them; other queues are for others to bind again. The streams hold
/// the whole truth.
#[tokio::test]
async fn exchanges_deleted_while_runs_publish_come_back_and_nothing_is_lost() {
    let stage = load::stage(Broker::shared().await, brisk(), 50).await;
    let load = Load::submit(&stage, 100, 3).await;
    let mut worker = stage.worker().await;
    let channel = channel(&stage).await;
    for (share, exchange) in [(20, "audit"), (50, "results"), (70, "audit")] {
        until(&stage, |seen| seen.totals.answered >= load.calls() * share / 100).await;
        let exchange = name(&stage, exchange);
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.expect("it is deleted");
    }
    emptied(&stage, &channel).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());

    let results = streamed(&stage, "results.log", load.len(), "run_id").await;
    let events = streamed(&stage, "audit.log", load.len() * 5, "event_id").await;
    load.assert_once(&results, &events, &stage.simulator.calls());
    let said = format!("exchange=\"{}\"", name(&stage, "audit"));
    assert!(worker.log().contains(&said), "the worker does not name the exchange:\n{}", worker.log());
}

/// A stream from its beginning, until it has shown `count` different values of `key`; with all repeats up to there.
async fn streamed(stage: &Stage, stream: &str, count: usize, key: &str) -> Vec<Caught> {
    let channel: Channel = channel(stage).await;
    channel.basic_qos(100, BasicQosOptions::default()).await.expect("a prefetch");
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let options = BasicConsumeOptions::default();
    let stream = name(stage, stream);
    let mut messages =
        channel.basic_consume(stream.as_str().into(), "".into(), options, arguments).await.expect("a stream");
    let (mut all, mut seen): (Vec<Caught>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    while seen.len() < count {
        let next = tokio::time::timeout(LONG, messages.next()).await;
        let next = next.unwrap_or_else(|_| panic!("{stream} has {} of {count} different {key}", seen.len()));
        let message = next.expect("the stream goes on").expect("a message");
        message.acker.ack(BasicAckOptions::default()).await.expect("an ack is written");
        let caught = Caught {
            routing_key: message.routing_key.to_string(),
            body: serde_json::from_slice(&message.data).expect("JSON"),
            properties: message.properties,
            raw: message.data,
        };
        seen.insert(caught.body[key].as_str().expect("text").to_owned());
        all.push(caught);
    }
    all
}

/// A log stream that is gone takes the events' only route with it: the worker waits for it instead of forgetting them.
#[tokio::test]
async fn events_that_nobody_takes_hold_their_run_up_until_somebody_does() {
    let mut stage = load::stage(Broker::shared().await, brisk(), 10).await;
    stage.set("logs.audit", "");
    let channel = channel(&stage).await;
    let (audit, catcher) = (name(&stage, "audit"), name(&stage, "caught.events"));
    channel
        .queue_delete(name(&stage, "audit.log").into(), QueueDeleteOptions::default())
        .await
        .expect("the stream is deleted");
    let nothing = FieldTable::default;
    channel
        .queue_unbind(catcher.as_str().into(), audit.as_str().into(), "#".into(), nothing())
        .await
        .expect("the catcher is unbound");
    let load = Load::submit(&stage, 4, 2).await;
    let worker = stage.worker().await;
    logs_again(&worker, &format!("exchange=\"{audit}\""), 3, SOON).await;
    assert!(worker.log().contains("no queue is bound that takes the message"), "{}", worker.log());
    // Calls go on meanwhile; the results wait.
    until(&stage, |seen| seen.totals.answered == load.calls()).await;
    assert_eq!(times(&worker, "run finished"), 0, "a run was settled without its events:\n{}", worker.log());

    let options = QueueBindOptions::default();
    channel.queue_bind(catcher.into(), audit.into(), "#".into(), options, nothing()).await.expect("it is bound");
    load.ends_well(&stage, worker).await;
}
