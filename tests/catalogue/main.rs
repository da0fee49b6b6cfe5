//! Any operation of a tenant's API, from the configuration alone: the shipped binary against a real broker, and a server that writes
//! down every request as it came.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod limits;
mod operations;
mod reconfigured;
mod redaction;
mod rejections;
mod server;
#[path = "../support/mod.rs"]
mod support;

use lapin::Channel;
use serde_json::{Value, json};
use server::Platform;
use support::{Broker, SOON, Stage, Worker, amqp};

/// A stage whose tenant is at `platform` and has these actions, as inline TOML.
async fn stage(platform: &Platform, actions: &str) -> Stage {
    let mut stage = Stage::new(Broker::shared().await, cxchain::simulator::SimulatorSettings::default()).await;
    stage.set("tenants.default.base_url", &format!("{}/base", platform.url));
    stage.set("tenants.default.auth.token_url", &format!("{}/oauth/token", platform.url));
    stage.set("tenants.default.actions", actions);
    stage
}

/// Runs a chain of these steps to its result.
async fn run(stage: &Stage, channel: &Channel, steps: Value) -> Value {
    let chain = json!({"chain_id": "under-test", "allow_repeated_actions": true, "steps": steps});
    stage.submit(channel, chain.to_string().as_bytes(), Some(&support::unique("run"))).await;
    stage.result(channel).await
}

/// Stops the worker in good order, and looks for what must not be anywhere: in its log, in an event, in a message.
async fn nothing_shows(stage: &Stage, channel: &Channel, mut worker: Worker, hidden: &[&str]) {
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(amqp::depth(channel, &stage.queue).await, 0, "messages that were not acknowledged");
    let events: Vec<String> =
        stage.events(channel).await.into_iter().map(|event| String::from_utf8(event.raw).unwrap()).collect();
    assert!(!events.is_empty());
    for text in hidden {
        assert!(!worker.log().contains(text), "{text} is in the log:\n{}", worker.log());
        assert!(events.iter().all(|event| !event.contains(text)), "{text} is in an event: {events:?}");
    }
}
