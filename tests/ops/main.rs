//! What operators see of a worker: its health over HTTP, and its log.

#[path = "../support/mod.rs"]
mod support;

mod broker;
mod http;
mod logs;
mod tenants;
mod work;

use cxchain::simulator::SimulatorSettings;
use serde_json::Value;

fn simulator(faults: &[&str]) -> SimulatorSettings {
    let faults = faults.iter().map(|fault| fault.parse().expect(fault)).collect();
    SimulatorSettings { faults, ..SimulatorSettings::default() }
}

fn chain(tenant: &str, steps: &Value) -> String {
    serde_json::json!({"chain_id": "watched", "tenant": tenant, "steps": steps}).to_string()
}

/// What the worker waits for, on one line.
fn waits(health: &Value) -> String {
    let waits = health["waits_for"].as_array().expect("a list");
    waits.iter().map(|wait| wait.as_str().expect("a text")).collect::<Vec<_>>().join(" | ")
}
