//! Messages that are no chains, through the shipped binary and a real broker.

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod expressions;
mod fifty;
mod jobs;
mod order;
mod properties;
mod unreadable;
mod wire;

use cxchain::chain::hash::sha256_hex;
use lapin::Channel;
use lapin::types::{AMQPValue, ShortString};
use serde_json::{Value, json};
use support::{Caught, Stage, amqp};

/// A good chain of one step, whose action the simulator counts.
fn good() -> Vec<u8> {
    json!({"chain_id": "good-chain", "steps": [{"action_id": "da-good"}]}).to_string().into_bytes()
}

/// A body that is JSON and no chain.
fn no_chain() -> Vec<u8> {
    br#"{"chain_id": "no-chain", "steps": []}"#.to_vec()
}

/// The name under which a rejected message goes: its run id where it has a valid one, else the hash of its body.
fn name_of(body: &[u8], run_id: Option<&str>) -> String {
    run_id.map_or_else(|| sha256_hex(body), str::to_owned)
}

fn text(value: Option<&ShortString>) -> &str {
    value.map(ShortString::as_str).unwrap_or_default()
}

/// What a worker that has ended left in its work queue, messages included that it held: those come back with the end of its
/// channel, which the queue has taken note of before it confirms one more message.
async fn left_over(stage: &Stage, channel: &Channel) -> usize {
    const MARKER: &[u8] = b"marker";
    stage.submit(channel, MARKER, None).await;
    let mut left = Vec::new();
    while let Some(message) = amqp::get(channel, &stage.queue).await {
        left.push(message.delivery.data);
    }
    assert!(left.iter().any(|body| body == MARKER));
    left.len() - 1
}

/// A header as text.
fn header(message: &Caught, name: &str) -> Option<String> {
    match message.properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::Boolean(flag) => Some(flag.to_string()),
        other => panic!("{name} is no text: {other:?}"),
    }
}

/// What the dead letter says is wrong.
fn problems(message: &Caught) -> Vec<Value> {
    let header = header(message, "x-cxchain-problems").expect("a dead letter has its problems");
    assert!(header.len() <= 8 * 1024, "{} bytes of problems", header.len());
    let problems: Vec<Value> = serde_json::from_str(&header).expect("the problems are JSON");
    assert!((1..=20).contains(&problems.len()), "{header}");
    problems
}

fn pointers(problems: &[Value]) -> Vec<&str> {
    problems.iter().map(|problem| problem["pointer"].as_str().expect("a pointer")).collect()
}
