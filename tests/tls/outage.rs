//! A broker that dies under TLS and comes back.

use super::broker::TlsBroker;
use super::support::{SOON, amqp};

const CHAIN: &[u8] = br#"{"chain_id": "c", "steps": [{"action_id": "da-one"}, {"action_id": "da-two"}]}"#;

#[tokio::test]
async fn a_worker_comes_back_to_a_broker_that_was_killed() {
    let broker = TlsBroker::start().await;
    let stage = broker.stage().await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["run_id"], "run-1");

    broker.plain.kill().await;
    broker.plain.restart().await;
    worker.consuming(2, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-2")).await;
    let result = stage.result(&channel).await;
    assert_eq!((&result["run_id"], &result["final_status"]), (&"run-2".into(), &"completed".into()));
    assert_eq!(broker.subjects().await, ["CN=cxchain-client"; 2]);
}
