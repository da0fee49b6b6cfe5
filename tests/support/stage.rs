//! A stage for one test: a simulator of its own, names of its own on a broker, queues that catch every result and event.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use cxchain::simulator::{Simulator, SimulatorSettings};
use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection};
use serde_json::Value;
use tempfile::TempDir;

use super::broker::Broker;
use super::worker::{Worker, cxchain};
use super::{amqp, unique};

/// How long anything that is to happen may take on a busy machine, unless an issue says otherwise.
pub const SOON: Duration = Duration::from_secs(30);

pub struct Stage {
    pub simulator: Simulator,
    /// The work queue.
    pub queue: String,
    results: String,
    events: String,
    prefix: String,
    url: String,
    /// The worker's journal lies in here. Stays until the stage is struck.
    directory: TempDir,
    extra: BTreeMap<String, String>,
}

/// A message that was caught.
#[derive(Debug, Clone)]
pub struct Caught {
    pub routing_key: String,
    pub properties: BasicProperties,
    pub body: Value,
    pub raw: Vec<u8>,
}

impl Stage {
    /// Declares everything with `cxchain topology apply` and puts the catching queues up.
    pub async fn new(broker: &Broker, simulator: SimulatorSettings) -> Self {
        let prefix = unique("t");
        let simulator = Simulator::start(simulator).expect("the simulator listens");
        let stage = Self {
            simulator,
            queue: format!("{prefix}.chains"),
            results: format!("{prefix}.caught.results"),
            events: format!("{prefix}.caught.events"),
            url: broker.url().to_owned(),
            prefix,
            directory: TempDir::new().expect("a temporary directory"),
            extra: BTreeMap::new(),
        };
        let applied = stage.command(&["topology", "apply"]).await;
        assert_eq!(applied.0, 0, "topology apply: {}", applied.2);
        stage.catch().await;
        stage
    }

    /// Puts the catching queues up.
    pub async fn catch(&self) {
        let connection = self.connect().await;
        let channel = amqp::channel(&connection).await;
        for (queue, exchange) in [(&self.results, "results"), (&self.events, "audit")] {
            amqp::quorum_queue(&channel, queue).await;
            let exchange = format!("{}.{exchange}", self.prefix);
            let bound = channel
                .queue_bind(
                    queue.as_str().into(),
                    exchange.as_str().into(),
                    "#".into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await;
            bound.expect("the exchange is there");
        }
    }

    /// What is called `what` on this stage: `results`, `audit`, `dead` and `control` are exchanges, `dead` is a queue as well;
    /// `audit.log` and `results.log` are streams, `caught.results` and `caught.events` the queues that catch.
    pub fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }

    /// One more configuration key for everything that is started from now on: `("worker.drain_timeout", "5s")`.
    pub fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.extra.insert(format!("CXCHAIN__{}", key.to_uppercase().replace('.', "__")), value.to_owned());
        self
    }

    /// Where its worker's journal lies.
    pub fn journal(&self) -> PathBuf {
        self.directory.path().join("cxchain.db")
    }

    /// Workers keep their runs in their memory: for several at once on one queue, and for what only such a worker does.
    pub fn in_memory(&mut self) -> &mut Self {
        self.set("journal.kind", "memory")
    }

    /// The environment that configures a worker for this stage. Limits are ample unless set otherwise.
    pub fn env(&self) -> Vec<(String, String)> {
        let prefix = &self.prefix;
        let mut env: BTreeMap<String, String> = [
            ("BROKER__URL", self.url.clone()),
            ("QUEUES", format!("[{{name = \"{}\", prefetch = 100}}]", self.queue)),
            ("EXCHANGES__RESULTS", format!("{prefix}.results")),
            ("EXCHANGES__AUDIT", format!("{prefix}.audit")),
            ("EXCHANGES__DEAD", format!("{prefix}.dead")),
            ("EXCHANGES__CONTROL", format!("{prefix}.control")),
            ("LOGS__AUDIT", format!("{prefix}.audit.log")),
            ("LOGS__RESULTS", format!("{prefix}.results.log")),
            ("JOURNAL__PATH", self.journal().display().to_string()),
            ("TENANTS__DEFAULT__BASE_URL", self.simulator.url()),
            ("TENANTS__DEFAULT__LIMITS", "[{limit = 100000, per = \"1s\", burst = 50000}]".to_owned()),
            ("TENANTS__DEFAULT__MAX_CONCURRENT", "1000".to_owned()),
            ("TENANTS__DEFAULT__AUTH__CLIENT_ID", "simulator-client".to_owned()),
            ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "simulator-secret".to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (format!("CXCHAIN__{key}"), value))
        .collect();
        env.extend(self.extra.clone());
        env.into_iter().collect()
    }

    /// Starts a worker and waits until it consumes.
    pub async fn worker(&self) -> Worker {
        let worker = Worker::spawn(&self.env());
        worker.consuming(1, SOON).await;
        worker
    }

    /// Runs another command of the binary: its exit code, standard output and standard error.
    pub async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let done = cxchain(&self.env()).args(arguments).output().await.expect("cxchain runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
    }

    pub async fn connect(&self) -> Connection {
        amqp::connect(&self.url).await
    }

    /// Puts a message into the work queue.
    pub async fn submit(&self, channel: &Channel, body: &[u8], message_id: Option<&str>) {
        let mut properties = BasicProperties::default().with_content_type("application/json".into());
        if let Some(id) = message_id {
            properties = properties.with_message_id(id.into());
        }
        self.submit_with(channel, body, properties).await;
    }

    /// Puts a message into the work queue, with these properties.
    pub async fn submit_with(&self, channel: &Channel, body: &[u8], properties: BasicProperties) {
        amqp::publish(channel, "", &self.queue, body, properties).await;
    }

    /// The next `count` results, in the order of their arrival, repeated ones included.
    pub async fn results(&self, channel: &Channel, count: usize, within: Duration) -> Vec<Caught> {
        caught(channel, &self.results, count, within).await
    }

    /// The next result's body.
    pub async fn result(&self, channel: &Channel) -> Value {
        self.results(channel, 1, SOON).await.remove(0).body
    }

    /// Results until each of `count` runs has one; by run id. One that comes again must be the same, byte for byte.
    pub async fn distinct_results(&self, channel: &Channel, count: usize, within: Duration) -> BTreeMap<String, Value> {
        let mut raw: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let deadline = tokio::time::Instant::now() + within;
        while raw.len() < count {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            assert!(!left.is_zero(), "{} of {count} runs have a result within {within:?}", raw.len());
            let next = caught(channel, &self.results, 1, left).await.remove(0);
            let id = next.body["run_id"].as_str().expect("a run id").to_owned();
            let before = raw.insert(id.clone(), next.raw.clone());
            assert!(before.is_none_or(|before| before == next.raw), "two different results of run {id}");
        }
        raw.into_iter().map(|(id, raw)| (id, serde_json::from_slice(&raw).expect("JSON"))).collect()
    }

    /// Everything that waits in the queue of caught events now.
    pub async fn events(&self, channel: &Channel) -> Vec<Caught> {
        let mut all = Vec::new();
        while let Some(message) = amqp::get(channel, &self.events).await {
            all.push(Caught::from(message));
        }
        all
    }

    /// The next `count` messages of the dead queue.
    pub async fn dead(&self, channel: &Channel, count: usize) -> Vec<Caught> {
        caught(channel, &format!("{}.dead", self.prefix), count, SOON).await
    }

    /// How many messages are ready in the dead queue.
    pub async fn dead_depth(&self, channel: &Channel) -> u32 {
        amqp::depth(channel, &format!("{}.dead", self.prefix)).await
    }
}

async fn caught(channel: &Channel, queue: &str, count: usize, within: Duration) -> Vec<Caught> {
    amqp::take(channel, queue, count, within).await.into_iter().map(Caught::from).collect()
}

impl From<lapin::message::BasicGetMessage> for Caught {
    fn from(message: lapin::message::BasicGetMessage) -> Self {
        let delivery = message.delivery;
        Self {
            routing_key: delivery.routing_key.to_string(),
            body: serde_json::from_slice(&delivery.data).unwrap_or_default(),
            properties: delivery.properties,
            raw: delivery.data,
        }
    }
}
