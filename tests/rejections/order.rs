//! What comes before what: a broken message is acknowledged last of all.

use cxchain::simulator::SimulatorSettings;
use lapin::BasicProperties;
use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use serde_json::json;

use super::support::{Broker, SOON, Stage, Worker, amqp, eventually};
use super::{good, header, left_over, name_of, no_chain, pointers, problems, text};

/// Without its binding the dead exchange takes no message. The worker holds on to the original, and so does the next one.
#[tokio::test]
async fn a_broken_message_is_acknowledged_only_when_its_copy_is_in_the_dead_queue() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("broker.declare", "false");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let dead = stage.name("dead");
    channel
        .queue_unbind(dead.as_str().into(), dead.as_str().into(), "#".into(), FieldTable::default())
        .await
        .expect("the binding is there");
    stage.submit(&channel, &no_chain(), Some("run-1")).await;

    let worker = stage.worker().await;
    let first = stage.results(&channel, 1, SOON).await.remove(0);
    eventually("the worker says that it waits", SOON, async || {
        worker.log().contains("not published yet").then_some(())
    })
    .await;
    worker.signal("KILL").await;
    drop(worker);
    eventually("the message is back", SOON, async || (amqp::depth(&channel, &stage.queue).await == 1).then_some(()))
        .await;
    assert_eq!(stage.dead_depth(&channel).await, 0);

    let options = QueueBindOptions::default();
    channel
        .queue_bind(dead.as_str().into(), dead.as_str().into(), "#".into(), options, FieldTable::default())
        .await
        .expect("both are there");
    let mut worker = stage.worker().await;
    let second = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!(stage.dead(&channel, 1).await[0].raw, no_chain());
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0);
    assert_eq!(left_over(&stage, &channel).await, 0);

    assert_eq!(text(first.properties.message_id().as_ref()), "run-1:rejected");
    assert_eq!(first.properties.message_id(), second.properties.message_id());
    let events = stage.events(&channel).await;
    let ids: Vec<_> = events.iter().map(|event| text(event.properties.message_id().as_ref())).collect();
    assert_eq!(ids, vec![format!("{}:0", name_of(&no_chain(), None)); 2], "the same message makes the same id");
}

/// While the audit exchange takes nothing, there is neither a result nor a dead letter.
#[tokio::test]
async fn the_event_comes_before_the_result_and_the_copy() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("broker.declare", "false").set("logs.audit", "");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let audit = stage.name("audit");
    for queue in [stage.name("audit.log"), stage.name("caught.events")] {
        let unbound =
            channel.queue_unbind(queue.as_str().into(), audit.as_str().into(), "#".into(), FieldTable::default()).await;
        unbound.expect("the binding is there");
    }
    stage.submit(&channel, &no_chain(), None).await;

    let worker = stage.worker().await;
    eventually("the worker says that it waits", SOON, async || {
        worker.log().contains("not published yet").then_some(())
    })
    .await;
    assert_eq!(stage.dead_depth(&channel).await, 0);
    assert_eq!(amqp::depth(&channel, &stage.name("caught.results")).await, 0);

    let queue = stage.name("caught.events");
    let options = QueueBindOptions::default();
    let bound = channel
        .queue_bind(queue.as_str().into(), audit.as_str().into(), "#".into(), options, FieldTable::default())
        .await;
    bound.expect("both are there");
    assert_eq!(stage.result(&channel).await["final_status"], "rejected");
    assert_eq!(stage.dead(&channel, 1).await.len(), 1);
}

#[tokio::test]
async fn where_a_run_id_is_required_a_message_without_one_is_rejected() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("worker.require_run_id", "true");
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let with_id = json!({"chain_id": "good-chain", "run_id": "in-the-body", "steps": [{"action_id": "da-good"}]});

    stage.submit(&channel, &good(), None).await;
    stage.submit(&channel, &good(), Some("")).await;
    stage.submit(&channel, &good(), Some("as-a-property")).await;
    stage.submit(&channel, with_id.to_string().as_bytes(), None).await;

    let dead = stage.dead(&channel, 2).await;
    for copy in &dead {
        let said = problems(copy);
        assert_eq!(pointers(&said), [""]);
        assert_eq!(said[0]["problem"], "names no run");
        assert_eq!(header(copy, "x-cxchain-reason").as_deref(), Some("invalid"));
    }
    let results = stage.results(&channel, 4, SOON).await;
    let completed = |id: &str| results.iter().any(|r| r.body["run_id"] == id && r.body["final_status"] == "completed");
    assert!(completed("as-a-property") && completed("in-the-body"));
    assert_eq!(stage.simulator.calls().totals.calls, 2);
}

/// A worker that is told to leave while a broken message waits gives it back, and does not lose it.
#[tokio::test]
async fn a_broken_message_that_cannot_be_buried_outlives_the_worker() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("broker.declare", "false").set("worker.drain_timeout", "1s");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let dead = stage.name("dead");
    let unbound =
        channel.queue_unbind(dead.as_str().into(), dead.as_str().into(), "#".into(), FieldTable::default()).await;
    unbound.expect("the binding is there");
    stage.submit_with(&channel, &no_chain(), BasicProperties::default()).await;

    let mut worker = Worker::spawn(&stage.env());
    eventually("the worker says that it waits", SOON, async || {
        worker.log().contains("not published yet").then_some(())
    })
    .await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 1, "{}", worker.log());
    assert_eq!(left_over(&stage, &channel).await, 1);
}
