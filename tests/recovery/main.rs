//! What becomes of runs when a worker dies or stops in the middle of them, and another one comes: the shipped binary with the
//! journal on disk, a real RabbitMQ, SIGKILL. The simulator's counts are the witness that nothing ran twice.

#[path = "../support/mod.rs"]
mod support;

mod abandoned;
mod arrows;
mod conflicts;
mod crash_loop;
mod drained;
mod nameless;
mod under_load;

use std::collections::BTreeMap;
use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use lapin::Channel;
use serde_json::{Value, json};
use support::worker::doomed;
use support::{Broker, Caught, SOON, Stage, Worker, amqp, eventually, run_log};

/// A stage whose workers come one after the other, and find the journal of the one before.
struct Ground {
    stage: Stage,
    channel: Channel,
}

/// What a run left behind.
struct Left {
    result: Value,
    /// Each event once, in order.
    events: Vec<Value>,
}

impl Ground {
    async fn new(broker: &Broker, simulator: SimulatorSettings) -> Self {
        let mut stage = Stage::new(broker, simulator).await;
        // A permit that grows old while its intent is journaled costs a second intent: not where they are counted.
        stage.set("gate.slack", "1s");
        let channel = amqp::channel(&stage.connect().await).await;
        Self { stage, channel }
    }

    /// As [`new`](Self::new), with a gate that holds every call back for half a second: no outcome shares an append with the
    /// intent that follows it, and all arrows are apart.
    async fn held(broker: &Broker, simulator: SimulatorSettings) -> Self {
        let mut ground = Self::new(broker, simulator).await;
        ground.stage.set("tenants.default.limits", "[{limit = 2, per = \"1s\", burst = 1}]");
        // A permit outlives a slow append: an intent that is withdrawn would be counted as one more.
        ground.stage.set("gate.slack", "400ms");
        ground
    }

    async fn submit(&self, definition: &Value, run_id: impl Into<Option<&str>>) {
        self.stage.submit(&self.channel, definition.to_string().as_bytes(), run_id.into()).await;
    }

    /// Lets a worker work until it comes by `place` (`name` or `name:n`), where SIGKILL ends it.
    async fn dies_at(&self, place: &str) {
        let mut worker = Worker::spawn(&doomed(self.stage.env(), place));
        assert_eq!(worker.ended(SOON).await, 137, "it did not come by {place}:\n{}", worker.log());
    }

    /// SIGKILL for `worker`, and whatever it had in hand is back in the queue.
    async fn dies(&self, mut worker: Worker, in_hand: u32) {
        worker.signal("KILL").await;
        assert_eq!(worker.ended(SOON).await, 137);
        self.holds(in_hand).await;
    }

    /// Waits until so many messages wait in the work queue.
    async fn holds(&self, count: u32) {
        let depth = async || (amqp::depth(&self.channel, &self.stage.queue).await == count).then_some(());
        eventually(&format!("{count} messages wait in the work queue"), SOON, depth).await;
    }

    /// Waits for the results of so many runs, stops the worker in good order, and looks at everything that is left: each run has
    /// one result, however often it came, and a log without holes or forks whose head the result knows. No message is left over.
    async fn ends(&self, runs: usize, worker: Worker) -> BTreeMap<String, Left> {
        let mut results = self.stage.distinct_results(&self.channel, runs, SOON).await;
        self.stops(worker).await;
        assert_eq!(amqp::depth(&self.channel, &self.stage.queue).await, 0, "messages are left over");
        for again in support::load::left_over(&self.stage, &self.channel).await {
            let run = again.body["run_id"].as_str().expect("a run id").to_owned();
            let before = results.insert(run.clone(), again.body.clone());
            assert_eq!(before, Some(again.body), "another result of run {run}");
        }
        let events = self.stage.events(&self.channel).await;
        let heads = run_log::heads(&events);
        assert!(heads.keys().eq(results.keys()), "a log for each result: {:?}, {:?}", heads.keys(), results.keys());
        let left = |(run, result): (String, Value)| {
            let (seq, hash) = &heads[&run];
            assert_eq!(result["audit_head"], json!({"seq": seq, "hash": hash}), "run {run}");
            let events = once(&events, &run);
            (run, Left { result, events })
        };
        results.into_iter().map(left).collect()
    }

    /// The one run.
    async fn ends_with_one(&self, worker: Worker) -> Left {
        self.ends(1, worker).await.into_values().next().expect("one")
    }

    async fn stops(&self, mut worker: Worker) {
        worker.signal("TERM").await;
        assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
        assert!(!worker.log().contains("panicked"), "{}", worker.log());
    }
}

impl Left {
    /// The events with this name.
    fn named(&self, name: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == name).collect()
    }

    /// `success`, `unknown`, … of each step that was reached.
    fn statuses(&self) -> Vec<&str> {
        let steps = self.result["aggregated_responses"].as_array().expect("an array");
        steps.iter().map(|step| step["status"].as_str().expect("text")).collect()
    }

    /// How the run ended, and why.
    fn end(&self) -> (&str, Option<&str>) {
        (self.result["final_status"].as_str().expect("text"), self.result["reason"]["code"].as_str())
    }
}

fn once(events: &[Caught], run: &str) -> Vec<Value> {
    let mut of_run: Vec<Value> = events.iter().map(|event| event.body.clone()).collect();
    of_run.retain(|event| event["run_id"] == run);
    of_run.sort_by_key(|event| event["seq"].as_u64());
    of_run.dedup();
    of_run
}

/// Answers that come at once, but for these rules: `target=fault`.
fn simulator(rules: &[&str]) -> SimulatorSettings {
    let faults = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
    SimulatorSettings { faults, latency: Duration::ZERO, ..SimulatorSettings::default() }
}

/// A chain of steps with these actions.
fn chain(actions: &[&str]) -> Value {
    let steps: Vec<Value> =
        actions.iter().map(|action| json!({"action_id": action, "on_failure": "continue"})).collect();
    json!({"chain_id": "under-test", "steps": steps})
}

/// Why a letter is dead.
fn reason(letter: &Caught) -> String {
    use lapin::types::AMQPValue;
    match letter.properties.headers().as_ref().and_then(|headers| headers.inner().get("x-cxchain-reason")) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("x-cxchain-reason is {other:?}"),
    }
}
