//! Chains for a stack, and what comes of them: events and results, as others would see them on the broker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stack::Stack;
use super::support::{Caught, amqp, eventually};

const WORK: &str = "cxchain.chains";
const RESULTS: &str = "caught.results";
const EVENTS: &str = "caught.events";

/// How long everything may take that is to happen on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(180);

pub(crate) struct Traffic {
    channel: Channel,
    _connection: Connection,
    events: Vec<Value>,
}

impl Traffic {
    /// Catches all results and events from now on.
    pub(crate) async fn on(stack: &Stack) -> Self {
        let connection = amqp::connect(&stack.broker().await).await;
        let channel = amqp::channel(&connection).await;
        for (queue, exchange) in [(RESULTS, "cxchain.results"), (EVENTS, "cxchain.audit")] {
            amqp::quorum_queue(&channel, queue).await;
            let bind = QueueBindOptions::default();
            channel
                .queue_bind(queue.into(), exchange.into(), "#".into(), bind, FieldTable::default())
                .await
                .expect("the workers have declared their exchanges");
        }
        Self { channel, _connection: connection, events: Vec::new() }
    }

    /// One chain of three steps under each of these run ids.
    pub(crate) async fn submit(&self, runs: &[&str]) {
        for run in runs {
            let steps = [json!({"action_id": "da-a"}), json!({"action_id": "da-b"}), json!({"action_id": "da-c"})];
            let body = json!({"chain_id": "through-trouble", "run_id": run, "steps": steps}).to_string();
            let properties = BasicProperties::default().with_content_type("application/json".into());
            amqp::publish(&self.channel, "", WORK, body.as_bytes(), properties).await;
        }
    }

    /// All events so far.
    pub(crate) async fn events(&mut self) -> &[Value] {
        while let Some(message) = amqp::get(&self.channel, EVENTS).await {
            self.events.push(Caught::from(message).body);
        }
        &self.events
    }

    /// The result of each run, of which there is exactly one.
    ///
    /// The worker settles a message after its result was confirmed. So when the work queue has neither a message to hand out
    /// nor one in hand, no further result can come.
    pub(crate) async fn results(&self, stack: &Stack, runs: &[&str]) -> BTreeMap<String, Value> {
        let broker = stack.container("rabbitmq").await;
        let list = ["exec", &broker, "rabbitmqctl", "--quiet", "list_queues", "--no-table-headers", "name", "messages"];
        eventually("all chains are settled", SOON, async || {
            let queues = super::docker::docker(&list).await;
            queues.lines().any(|line| line.split_whitespace().eq([WORK, "0"])).then_some(())
        })
        .await;
        let caught = amqp::take(&self.channel, RESULTS, runs.len(), SOON).await.into_iter().map(Caught::from);
        let results: BTreeMap<String, Value> =
            caught.map(|result| (result.body["run_id"].as_str().unwrap().to_owned(), result.body)).collect();
        assert_eq!(results.keys().map(String::as_str).collect::<BTreeSet<_>>(), runs.iter().copied().collect());
        assert_eq!(amqp::depth(&self.channel, RESULTS).await, 0, "a chain has more than one result");
        results
    }
}

/// The runs that a worker has accepted.
pub(crate) fn accepted_by<'a>(events: &'a [Value], worker: &str) -> BTreeSet<&'a str> {
    let accepted = events.iter().filter(|event| event["event"] == "run.accepted" && event["worker"] == worker);
    accepted.map(|event| event["run_id"].as_str().unwrap()).collect()
}

/// The runs of which a worker has finished a step.
pub(crate) fn stepped_by<'a>(events: &'a [Value], worker: &str) -> BTreeSet<&'a str> {
    let stepped = events.iter().filter(|event| event["event"] == "step.finished" && event["worker"] == worker);
    stepped.map(|event| event["run_id"].as_str().unwrap()).collect()
}

/// From now on every call takes this much longer.
pub(crate) async fn slow_down(stack: &Stack, by: &str) {
    let mut simulator = TcpStream::connect(stack.address("simulator", 8099).await).await.unwrap();
    let faults = json!({"*": format!("slow:{by}")}).to_string();
    let head = format!(
        "PUT /_sim/faults HTTP/1.1\r\nHost: simulator\r\nConnection: close\r\nContent-Length: {}",
        faults.len()
    );
    simulator.write_all(format!("{head}\r\n\r\n{faults}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    simulator.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
