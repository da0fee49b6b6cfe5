//! Tenants of every preset, from queue to result: the shipped binary, a real broker, and a simulator that plays the platform.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod chains;
mod discovery;
mod jobs;
#[path = "../support/mod.rs"]
mod support;
mod tokens;

use std::time::Duration;

use cxchain::simulator::{Api, Simulator, SimulatorSettings};
use lapin::Channel;
use serde_json::{Value, json};
use support::{Broker, SOON, Stage, Worker, amqp};

const CXONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/cxone/worker.toml");
const GENESYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/genesys/worker.toml");

/// A platform on which these rules hold, `target=fault`, and whose healthy answers come at once.
fn playing(api: Api, rules: &[&str]) -> SimulatorSettings {
    let faults = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    SimulatorSettings { api, faults, latency: Duration::ZERO, ..SimulatorSettings::default() }
}

/// A stage whose tenant is what an example's configuration says, at the stage's own simulator.
async fn stage(settings: SimulatorSettings) -> Stage {
    let api = settings.api;
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    let (url, token_url) = (stage.simulator.url(), stage.simulator.token_url());
    match api {
        Api::DataActions => {}
        // Found through its issuer alone.
        Api::Cxone => drop(stage.set("tenants.default.base_url", "").set("tenants.default.auth.issuer", &url)),
        Api::Genesys => drop(stage.set("tenants.default.auth.token_url", &token_url)),
    }
    stage.set("tenants.default.retry.base", "10ms").set("tenants.default.jobs.poll", "100ms");
    stage
}

async fn worker(stage: &Stage, file: &str) -> Worker {
    let worker = Worker::spawn_with(file, &stage.env());
    worker.consuming(1, SOON).await;
    worker
}

/// One more platform, for a tenant of another name.
fn another(settings: SimulatorSettings) -> Simulator {
    Simulator::start(settings).unwrap()
}

async fn channel(stage: &Stage) -> (lapin::Connection, Channel) {
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    (connection, channel)
}

/// The result of a chain of these steps, by its run id.
async fn result(stage: &Stage, channel: &Channel, run: &str, tenant: &str, steps: &Value) -> Value {
    let definition = json!({"chain_id": "under-test", "run_id": run, "tenant": tenant, "steps": steps});
    stage.submit(channel, definition.to_string().as_bytes(), None).await;
    let result = stage.result(channel).await;
    assert_eq!(result["run_id"], run, "{result:#}");
    result
}

/// One line a step: id, status, HTTP status, class.
fn steps(result: &Value) -> Vec<String> {
    let steps = result["aggregated_responses"].as_array().unwrap();
    let line = |step: &Value| {
        let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {} {}", text("step_id"), text("status"), step["http_status"], text("error_classification"))
    };
    steps.iter().map(line).collect()
}

/// Stops the worker in good order, and looks for what it should have kept to itself.
async fn ended_silently(mut worker: Worker) {
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    let log = worker.log();
    for secret in ["simulator-secret", "simulator-key-secret", "simulated-token", "canary"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
