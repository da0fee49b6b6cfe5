//! Whole runs on a real broker, through the shipped binary.

mod support;

use cxchain::simulator::SimulatorSettings;
use support::{Broker, Stage, amqp};

/// The customer's own message, byte for byte.
const CUSTOMER: &[u8] = include_bytes!("../examples/customer-sync.json");

#[tokio::test]
async fn the_customers_chain_completes() {
    let broker = Broker::shared().await;
    let stage = Stage::new(broker, SimulatorSettings::default()).await;
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CUSTOMER, Some("run-1")).await;

    let result = stage.result(&channel).await;
    assert_eq!(result["final_status"], "completed");
    assert_eq!(result["steps_executed"], 3);
    assert_eq!(result["completion_rate_percent"], 100);
}
