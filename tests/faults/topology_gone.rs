//! Somebody deletes an exchange or a stream under a worker that publishes to it.

use std::collections::BTreeSet;

use lapin::options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeleteOptions};
use lapin::types::{FieldTable, ShortString};

use crate::support::load::{self, LONG, Load, brisk, channel, emptied, held, logs_again, name, streamed, times, until};
use crate::support::{Broker, SOON};

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
    // What was delivered and is not begun would go back.
    until(&stage, |seen| seen.totals.answered == load.calls()).await;
    emptied(&stage, &channel).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());

    let results = streamed(&stage, "results.log", load.len(), "run_id").await;
    let events = streamed(&stage, "audit.log", load.len() * 5, "event_id").await;
    load.assert_once(&results, &events, &stage.simulator.calls());
    let said = format!("exchange=\"{}\"", name(&stage, "audit"));
    assert!(worker.log().contains(&said), "the worker does not name the exchange:\n{}", worker.log());
}

/// A stream that is gone may have been the only way for the results: it comes back, without what it held.
#[tokio::test]
async fn a_log_stream_deleted_while_runs_need_it_comes_back_and_nothing_that_comes_then_is_lost() {
    let stage = load::stage(Broker::shared().await, held(), 30).await;
    let channel = channel(&stage).await;
    let (results, catcher, stream) =
        (name(&stage, "results"), name(&stage, "caught.results"), name(&stage, "results.log"));
    let unbound = channel.queue_unbind(catcher.into(), results.as_str().into(), "#".into(), FieldTable::default());
    unbound.await.expect("the catcher is unbound");
    let load = Load::submit(&stage, 30, 2).await;
    let mut worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 30).await;
    channel.queue_delete(stream.into(), QueueDeleteOptions::default()).await.expect("the stream is deleted");
    stage.simulator.clear_faults();

    let said = format!("exchange=\"{results}\"");
    logs_again(&worker, &said, 0, LONG).await;
    until(&stage, |seen| seen.totals.answered == load.calls()).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    let results = streamed(&stage, "results.log", load.len(), "run_id").await;
    load.assert_once(&results, &stage.events(&channel).await, &stage.simulator.calls());
}

/// What is no chain waits until it can be buried.
#[tokio::test]
async fn a_dead_exchange_that_is_deleted_comes_back_and_no_bad_message_is_lost() {
    let stage = load::stage(Broker::shared().await, brisk(), 10).await;
    let channel = channel(&stage).await;
    let worker = stage.worker().await;
    let dead = name(&stage, "dead");
    channel.exchange_delete(dead.as_str().into(), ExchangeDeleteOptions::default()).await.expect("it is deleted");
    for n in 0..5 {
        stage.submit(&channel, b"no chain", Some(&format!("bad-{n}"))).await;
    }
    let buried = stage.dead(&channel, 5).await;
    let ids: BTreeSet<&str> =
        buried.iter().filter_map(|letter| letter.properties.message_id().as_ref()).map(ShortString::as_str).collect();
    assert_eq!(ids.len(), 5, "{ids:?}");
    emptied(&stage, &channel).await;
    assert!(worker.log().contains(&format!("exchange=\"{dead}\"")), "{}", worker.log());
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
