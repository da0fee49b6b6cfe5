//! A journal's hold on its work queues: one worker at a time, and no guess about messages that were begun under another
//! journal. With the shipped binary, against a real RabbitMQ.

#[path = "../support/mod.rs"]
mod support;

mod adopt;
mod claims;
mod history;
mod locks;

use std::path::Path;
use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use lapin::options::{BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use serde_json::Value;
use support::{Broker, Stage, Worker, amqp};

/// The shortest that can be configured: two of them and 5 s are 7 s.
const HEARTBEAT: &str = "1s";
/// How long a lock is waited for with it.
const PATIENCE: Duration = Duration::from_secs(7);

/// A stage whose workers do not wait long for a lock, and take one message at a time.
async fn stage(simulator: SimulatorSettings) -> Stage {
    let mut stage = Stage::new(Broker::shared().await, simulator).await;
    let queues = format!("[{{name = \"{}\", prefetch = 1}}]", stage.queue);
    stage.set("broker.heartbeat", HEARTBEAT).set("queues", &queues);
    stage
}

/// A worker with this journal, which may not consume yet.
fn with_journal(stage: &mut Stage, file: &Path) -> Worker {
    stage.set("journal.path", file.to_str().expect("the name is ours"));
    Worker::spawn(&stage.env())
}

fn lock_of(stage: &Stage) -> String {
    format!("cxchain.lock.{}", stage.queue)
}

fn claim_queue_of(stage: &Stage) -> String {
    format!("cxchain.journal.{}", stage.queue)
}

/// The claim on the work queue, which stays.
async fn claim(stage: &Stage, channel: &Channel) -> Option<Value> {
    let queue = claim_queue_of(stage);
    let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.expect("there is such a queue")?;
    let back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    assert!(got.delivery.nack(back).await.expect("it is written"), "it goes back");
    Some(serde_json::from_slice(&got.delivery.data).expect("a claim is JSON"))
}

/// The lock, for as long as the connection stands, as another worker would have it.
async fn take_lock(stage: &Stage) -> lapin::Result<Connection> {
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(lock_of(stage).as_str().into(), options, FieldTable::default()).await?;
    Ok(connection)
}
