//! Many chains and many tenants in one worker, through the shipped binary: what runs together, what waits, and for whom.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auto;
mod fleet;
mod held;
mod neighbours;
mod open_files;
#[path = "../support/mod.rs"]
mod support;
mod tenants;

use std::time::Duration;

use cxchain::simulator::{Simulator, SimulatorSettings};
use futures_util::future::join_all;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use serde_json::{Value, json};
use support::{SOON, Stage, Worker, amqp, eventually};
use tokio::sync::RwLock;

/// Held by whoever takes the time, alone, and shared by all others: a thousand chains next door would be in the measure.
static QUIET: RwLock<()> = RwLock::const_new(());

/// A simulator whose actions take so long.
fn taking(latency: Duration) -> SimulatorSettings {
    SimulatorSettings { latency, ..SimulatorSettings::default() }
}

/// A chain of so many steps.
fn chain(steps: usize) -> Value {
    let steps: Vec<Value> = (0..steps).map(|n| json!({"action_id": format!("da-{n}"), "payload": {"n": n}})).collect();
    json!({"chain_id": "under-test", "steps": steps})
}

/// Puts `count` of these chains into the queue, with the run ids `{name}-{n}`; all are confirmed.
async fn submit(channel: &Channel, queue: &str, definition: &Value, name: &str, count: usize) {
    let body = definition.to_string();
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut written = Vec::new();
    for n in 0..count {
        let properties = BasicProperties::default().with_message_id(format!("{name}-{n}").into()).with_delivery_mode(2);
        let published = channel.basic_publish("".into(), queue.into(), options, body.as_bytes(), properties).await;
        written.push(published.unwrap());
    }
    let confirmed = tokio::time::timeout(amqp::PATIENCE, join_all(written)).await.unwrap();
    assert!(confirmed.into_iter().all(|confirmed| matches!(confirmed, Ok(Confirmation::Ack(None)))));
}

/// A tenant besides the default one, with a simulator and a work queue of its own.
struct Second {
    simulator: Simulator,
    queue: String,
}

impl Second {
    const ID: &str = "second-client";

    /// Called `b`, with these limits. Its queue is to be configured by the caller.
    fn join(stage: &mut Stage, limits: &str, simulator: SimulatorSettings) -> Self {
        let (id, secret) = (Self::ID.to_owned(), "second-secret".to_owned());
        let settings = SimulatorSettings { client_id: id.clone(), client_secret: secret.clone(), ..simulator };
        let simulator = Simulator::start(settings).unwrap();
        stage.set("tenants.b.base_url", &simulator.url()).set("tenants.b.limits", limits);
        stage.set("tenants.b.auth.client_id", &id).set("tenants.b.auth.client_secret", &secret);
        let queue = stage.name("b");
        Self { simulator, queue }
    }
}

/// Stops the worker and answers with how long it took.
async fn drained(worker: &mut Worker) -> Duration {
    let start = tokio::time::Instant::now();
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    start.elapsed()
}
