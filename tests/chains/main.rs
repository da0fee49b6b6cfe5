//! Whole runs on a real broker, through the shipped binary: messages in, calls at the simulator, events and results out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod clocks;
mod customer;
mod data;
mod duplicates;
mod expiry;
mod jobs;
mod quota;
mod replies;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod tokens;

use std::ops::RangeInclusive;
use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use lapin::Channel;
use serde_json::{Value, json};
use support::{Caught, Hiccups, SOON, Stage, Worker, amqp, eventually};

/// A simulator on which these rules hold, `target=fault`, and whose healthy answers come at once.
fn simulator(rules: &[&str]) -> SimulatorSettings {
    let faults = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    SimulatorSettings { faults, latency: Duration::ZERO, ..SimulatorSettings::default() }
}

/// A chain definition with these steps and nothing else.
fn chain(steps: &[Value]) -> Value {
    json!({"chain_id": "under-test", "steps": steps})
}

/// A step with this action and nothing else.
fn step(action: &str) -> Value {
    json!({"action_id": action})
}

/// `fields` in place of, or besides, those of `object`.
fn with(mut object: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

async fn submit(stage: &Stage, channel: &Channel, definition: &Value, run_id: &str) {
    stage.submit(channel, definition.to_string().as_bytes(), Some(run_id)).await;
}

/// Whether it took that long, in milliseconds, but for what the machine itself was late by.
fn in_time(hiccups: &Hiccups, expected: &RangeInclusive<u64>, took: u64) -> bool {
    let late = u64::try_from(hiccups.total().as_millis()).unwrap();
    (*expected.start()..=expected.end() + late).contains(&took)
}

/// All events up to the first that is `awaited`, and those that are there by then.
async fn events_until(stage: &Stage, channel: &Channel, awaited: impl Fn(&Value) -> bool) -> Vec<Caught> {
    let mut events = Vec::new();
    eventually("the event that is waited for", SOON, async || {
        events.extend(stage.events(channel).await);
        events.iter().any(|event: &Caught| awaited(&event.body)).then_some(())
    })
    .await;
    events
}

/// Stops the worker in good order: whatever it had in hand is settled then. No message is left in the work queue, no second
/// result and no second event anywhere: whoever expects some has to take them before.
async fn nothing_is_left(stage: &Stage, channel: &Channel, mut worker: Worker) {
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(amqp::depth(channel, &stage.queue).await, 0, "messages that were not acknowledged");
    for kind in ["results", "events"] {
        assert_eq!(amqp::depth(channel, &stage.name(&format!("caught.{kind}"))).await, 0, "more {kind} than expected");
    }
}
