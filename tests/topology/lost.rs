//! A work queue that goes away under a worker.

use cxchain::simulator::SimulatorSettings;
use lapin::options::QueueDeleteOptions;

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
