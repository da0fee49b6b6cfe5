//! A work queue that goes away under a worker.

use cxchain::simulator::SimulatorSettings;
use lapin::Channel;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use serde_json::Value;

use super::support::{Broker, SOON, Stage, amqp, eventually};

const CHAIN: &[u8] = br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#;

#[tokio::test]
async fn a_work_queue_that_is_deleted_comes_back_and_is_consumed_again() {
    let stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for round in 2..4 {
        channel
            .queue_delete(stage.queue.as_str().into(), QueueDeleteOptions::default())
            .await
            .expect("the queue is there");
        worker.consuming(round, SOON).await;
        stage.submit(&channel, CHAIN, Some(&format!("run-{round}"))).await;
        assert_eq!(stage.result(&channel).await["final_status"], "completed");
    }
    let (code, out, _) = stage.command(&["topology", "check"]).await;
    assert_eq!(code, 0, "it came back as it was: {out}");
}

#[tokio::test]
async fn a_worker_that_may_not_declare_waits_for_its_queue() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let with_declare = stage.env();
    stage.set("broker.declare", "false");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    channel.queue_delete(stage.queue.as_str().into(), QueueDeleteOptions::default()).await.expect("the queue is there");
    let missing = format!("queue {}: found ", stage.queue);
    eventually("the worker names its queue", SOON, async || worker.log().contains(&missing).then_some(())).await;

    let applied = super::support::worker::cxchain(&with_declare).args(["topology", "apply"]).output().await;
    assert!(applied.expect("cxchain runs").status.success());
    worker.consuming(2, SOON).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}

/// Makes the queue anew as somebody would who knows nothing of its arguments.
async fn made_classic(channel: &Channel, queue: &str) {
    deleted(channel, queue).await;
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let made = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
    made.expect("the worker has not made it again yet");
}

async fn deleted(channel: &Channel, queue: &str) {
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("the queue is there");
}

#[tokio::test]
async fn a_queue_made_anew_with_other_arguments_is_not_consumed_and_named() {
    let stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let worker = stage.worker().await;
    let health = worker.health().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    made_classic(&channel, &stage.queue).await;
    let told = health.until("the queue differs", |told| state(told, &stage.queue) == "queue_differs").await;
    let why = format!("queue {}, argument ", stage.queue);
    assert!(told["waits_for"].to_string().contains(&why), "{told:#}");

    deleted(&channel, &stage.queue).await;
    worker.consuming(2, SOON).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}

fn state<'a>(told: &'a Value, queue: &str) -> &'a Value {
    let queues = told["checks"]["consuming"]["queues"].as_array().expect("queues");
    &queues.iter().find(|one| one["name"] == queue).expect("the queue")["state"]
}

#[tokio::test]
async fn one_queue_with_other_arguments_keeps_nothing_else_from_coming_back() {
    let stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    made_classic(&channel, &stage.name("dead")).await;
    channel.exchange_delete(stage.name("results").into(), ExchangeDeleteOptions::default()).await.expect("it is there");
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    // The stream is bound to the exchange again, so the result has a place to go, and the run is settled.
    let settled = "run finished";
    eventually("the run is settled", SOON, async || worker.log().contains(settled).then_some(())).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
}
