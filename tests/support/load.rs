//! Many chains at once, every other one without an id, and what has to be true of them in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cxchain::simulator::{Calls, SimulatorSettings};
use futures_util::StreamExt;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::run_log;
use crate::support::{Broker, Caught, SOON, Stage, Worker, amqp, eventually};

/// How long a load may take on a busy machine, outages included.
pub const LONG: Duration = Duration::from_secs(120);

/// Chains in a work queue.
pub struct Load {
    /// By chain id: the message id, if it has one.
    chains: BTreeMap<String, Option<String>>,
    steps: usize,
}

/// Calls that take from `from` to `to`.
pub fn taking(from: Duration, to: Duration) -> SimulatorSettings {
    SimulatorSettings { latency: from, latency_jitter: to - from, ..SimulatorSettings::default() }
}

/// Calls that take 100 to 300 ms.
pub fn brisk() -> SimulatorSettings {
    taking(Duration::from_millis(100), Duration::from_millis(300))
}

/// Calls that are held until the simulator's faults are cleared; then they come at once.
pub fn held() -> SimulatorSettings {
    let all = "*=hang".parse().expect("a fault");
    SimulatorSettings { faults: vec![all], latency: Duration::ZERO, ..SimulatorSettings::default() }
}

/// A stage whose workers take so many messages at once.
pub async fn stage(broker: &Broker, simulator: SimulatorSettings, prefetch: u16) -> Stage {
    let mut stage = Stage::new(broker, simulator).await;
    let queues = format!("[{{name = \"{}\", prefetch = {prefetch}}}]", stage.queue);
    stage.set("queues", &queues);
    stage
}

/// A name of the stage: `exchange(stage, "audit")`.
pub fn name(stage: &Stage, part: &str) -> String {
    let prefix = stage.queue.strip_suffix("chains").expect("the work queue's name");
    format!("{prefix}{part}")
}

pub async fn channel(stage: &Stage) -> Channel {
    amqp::channel(&stage.connect().await).await
}

impl Load {
    /// Puts `count` chains into the work queue.
    pub async fn submit(stage: &Stage, count: usize, steps: usize) -> Self {
        let mut load = Self { chains: BTreeMap::new(), steps };
        load.more(stage, count).await;
        load
    }

    /// Puts `count` more of the same kind there.
    pub async fn more(&mut self, stage: &Stage, count: usize) {
        let channel = channel(stage).await;
        for n in 0..count {
            let chain_id = crate::support::unique(&format!("chain-{n}"));
            let message_id = (n % 2 == 0).then(|| chain_id.replace("chain", "run"));
            let body = definition(&chain_id, self.steps).to_string();
            stage.submit(&channel, body.as_bytes(), message_id.as_deref()).await;
            self.chains.insert(chain_id, message_id);
        }
    }

    pub fn len(&self) -> usize {
        self.chains.len()
    }

    /// How many calls all of them make.
    pub fn calls(&self) -> u64 {
        (self.len() * self.steps) as u64
    }

    /// Waits until every chain has a result, and answers with all that have come.
    pub async fn results(&self, stage: &Stage, channel: &Channel) -> Vec<Caught> {
        let mut missing: BTreeSet<&str> = self.chains.keys().map(String::as_str).collect();
        let mut all = Vec::new();
        let deadline = Instant::now() + LONG;
        while !missing.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no result within {LONG:?} of {} chains: {missing:?}", missing.len());
            let next = stage.results(channel, 1, left).await.remove(0);
            missing.remove(next.body["chain_id"].as_str().expect("a chain id"));
            all.push(next);
        }
        all
    }

    /// Waits for the results, lets the worker drain, and checks everything that is promised: see [`Load::assert_once`]. Then
    /// nothing is left in the work queue.
    pub async fn ends_well(&self, stage: &Stage, mut worker: Worker) {
        let channel = channel(stage).await;
        let mut results = self.results(stage, &channel).await;
        emptied(stage, &channel).await;
        worker.signal("TERM").await;
        assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
        assert_eq!(times(&worker, "panicked"), 0, "{}", worker.log());
        results.extend(left_over(stage, &channel).await);
        let events = stage.events(&channel).await;
        self.assert_once(&results, &events, &stage.simulator.calls());
        // What was not acknowledged is back by now.
        assert_eq!(amqp::depth(&channel, &stage.queue).await, 0, "messages are left over");
        assert_eq!(stage.dead_depth(&channel).await, 0, "messages are dead");
    }

    /// Every chain has one completed run and every repeat of its result is the same; no step was called twice; every log is
    /// whole and the result knows its head.
    pub fn assert_once(&self, results: &[Caught], events: &[Caught], calls: &Calls) {
        let results = self.by_run(results);
        assert_eq!(calls.ran_again(), Vec::<&str>::new(), "steps ran twice");
        assert_eq!(calls.runs.len(), self.len(), "one run for each chain");
        let heads = run_log::heads(events);
        assert!(heads.keys().eq(calls.runs.keys()), "one log for each run");
        for (run, steps) in &calls.runs {
            let result = &results[run];
            assert_eq!(result["final_status"], "completed", "{result}");
            assert_eq!(steps.len(), self.steps, "run {run} called all its steps");
            for (step, seen) in steps {
                assert_eq!((seen.calls, seen.answered), (1, 1), "calls of {step} of run {run}");
            }
            let (seq, hash) = &heads[run];
            assert_eq!(result["audit_head"], json!({"seq": seq, "hash": hash}), "run {run}");
        }
    }

    /// Every chain has a result, and ran under the id that its message gave it.
    pub fn assert_ids(&self, results: &[Caught]) {
        let text = |result: &Caught, key: &str| result.body[key].as_str().expect("text").to_owned();
        let chains: BTreeSet<String> = results.iter().map(|result| text(result, "chain_id")).collect();
        assert!(chains.iter().eq(self.chains.keys()), "every chain has a result, and none that nobody submitted");
        for result in results {
            let (run, chain) = (text(result, "run_id"), text(result, "chain_id"));
            let wanted = self.chains[&chain].as_ref();
            assert!(wanted.is_none_or(|wanted| *wanted == run), "{chain} ran as {run}, not as {wanted:?}");
        }
    }

    /// By run id. One chain has one run.
    fn by_run(&self, results: &[Caught]) -> BTreeMap<String, Value> {
        self.assert_ids(results);
        let mut runs: BTreeMap<String, &Caught> = BTreeMap::new();
        let mut of_chain: BTreeMap<&str, &str> = BTreeMap::new();
        for result in results {
            let text = |key: &str| result.body[key].as_str().expect("text");
            let (run, chain) = (text("run_id"), text("chain_id"));
            let before = runs.insert(run.to_owned(), result);
            assert!(before.is_none_or(|before| before.raw == result.raw), "two different results of run {run}");
            let other = of_chain.insert(chain, run);
            assert!(other.is_none_or(|other| other == run), "two runs of {chain}: {other:?} and {run}");
        }
        runs.into_iter().map(|(run, result)| (run, result.body.clone())).collect()
    }
}

fn definition(chain_id: &str, steps: usize) -> Value {
    let step = |n: usize| json!({"action_id": format!("da-{n}"), "payload": {"for": chain_id}, "timeout_seconds": 120});
    let steps: Vec<Value> = (0..steps).map(step).collect();
    json!({"chain_id": chain_id, "global_timeout_seconds": 900, "steps": steps})
}

/// The work queue holds nothing that is not in a worker's hands.
pub async fn emptied(stage: &Stage, channel: &Channel) {
    eventually("the work queue is empty", LONG, async || (amqp::depth(channel, &stage.queue).await == 0).then_some(()))
        .await;
}

/// The work queue holds `count` messages.
pub async fn waiting(stage: &Stage, channel: &Channel, count: usize) {
    let what = format!("{count} messages wait in the work queue");
    eventually(&what, SOON, async || (amqp::depth(channel, &stage.queue).await as usize == count).then_some(())).await;
}

/// Results that are there now.
pub async fn left_over(stage: &Stage, channel: &Channel) -> Vec<Caught> {
    let mut all = Vec::new();
    while amqp::depth(channel, &name(stage, "caught.results")).await > 0 {
        all.extend(stage.results(channel, 1, SOON).await);
    }
    all
}

/// Waits until what the simulator has seen fulfils `condition`.
pub async fn until(stage: &Stage, condition: impl Fn(&Calls) -> bool) -> Calls {
    let waited = tokio::time::timeout(LONG, stage.simulator.wait_until(condition)).await;
    waited.unwrap_or_else(|_| panic!("not within {LONG:?}; seen so far: {:?}", stage.simulator.calls().totals))
}

/// A stream from its beginning, until it has shown `count` different values of `key`; with all repeats up to there.
pub async fn streamed(stage: &Stage, stream: &str, count: usize, key: &str) -> Vec<Caught> {
    let channel: Channel = channel(stage).await;
    channel.basic_qos(100, BasicQosOptions::default()).await.expect("a prefetch");
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let options = BasicConsumeOptions::default();
    let stream = name(stage, stream);
    let mut messages =
        channel.basic_consume(stream.as_str().into(), "".into(), options, arguments).await.expect("a stream");
    let (mut all, mut seen): (Vec<Caught>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    while seen.len() < count {
        let next = tokio::time::timeout(LONG, messages.next()).await;
        let next = next.unwrap_or_else(|_| panic!("{stream} has {} of {count} different {key}", seen.len()));
        let message = next.expect("the stream goes on").expect("a message");
        message.acker.ack(BasicAckOptions::default()).await.expect("an ack is written");
        let caught = Caught {
            routing_key: message.routing_key.to_string(),
            body: serde_json::from_slice(&message.data).expect("JSON"),
            properties: message.properties,
            raw: message.data,
        };
        seen.insert(caught.body[key].as_str().expect("text").to_owned());
        all.push(caught);
    }
    all
}

/// How often the worker has logged `line`.
pub fn times(worker: &Worker, line: &str) -> usize {
    worker.log().matches(line).count()
}

/// Waits until the worker has logged `line` more than `before` times.
pub async fn logs_again(worker: &Worker, line: &str, before: usize, within: Duration) {
    eventually(&format!("the worker logs {line:?}"), within, async || (times(worker, line) > before).then_some(()))
        .await;
}

pub const CONSUMING: &str = "consuming queue=";
pub const LOST: &str = "connection to RabbitMQ lost";
