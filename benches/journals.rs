//! What durability costs: chains per second with the journal in memory and on disk, side by side, through a real RabbitMQ, with a
//! simulator that answers at once and 200 runs in flight; and what a step costs in a long chain, compared with a short one.
//!
//! `cargo bench --bench journals`. Rounds alternate, so that whatever else the machine does hits both kinds alike.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use cxchain::simulator::SimulatorSettings;
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use serde_json::{Value, json};
use support::load::name;
use support::{Broker, SOON, Stage, amqp};

/// Runs that a worker has in hand at once.
const IN_FLIGHT: usize = 200;
const ROUNDS: usize = 5;
/// Steps that all chains of one measurement have together.
const STEPS: usize = 30_000;
const SHORT: usize = 5;
const LONG: usize = 25;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Memory,
    Sqlite,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
        }
    }
}

#[tokio::main]
async fn main() {
    // `cargo test --all-targets` comes by here, too, and wants to know that this compiles.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let broker = Broker::start().await;
    println!("RabbitMQ {}, {IN_FLIGHT} runs in flight, chains of {SHORT} and {LONG} steps", broker.version());
    println!("round  steps  memory        sqlite        sqlite / memory");
    let (mut ratios, mut growth) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut by_length = Vec::new();
        for steps in [SHORT, LONG] {
            let order = if round % 2 == 0 { [Kind::Memory, Kind::Sqlite] } else { [Kind::Sqlite, Kind::Memory] };
            let mut rates = [0.0; 2];
            for kind in order {
                rates[kind as usize] = rate(&broker, kind, steps).await;
            }
            let [memory, sqlite] = rates;
            let ratio = sqlite / memory;
            println!(
                "{:>5}  {steps:>5}  {memory:>6.1} runs/s {sqlite:>6.1} runs/s  {:>5.1} %",
                round + 1,
                ratio * 100.0
            );
            if steps == SHORT {
                ratios.push(ratio);
            }
            by_length.push(rates.map(|rate| 1000.0 / rate / f64::from(u32::try_from(steps).expect("few"))));
        }
        let [short, long] = [by_length[0][1], by_length[1][1]];
        println!(
            "{:>5}  a step costs {short:.3} ms in a short chain and {long:.3} ms in a long one (sqlite)",
            round + 1
        );
        growth.push(long / short);
    }
    println!("sqlite reaches {:.1} % of memory (median of {ROUNDS} rounds)", median(ratios) * 100.0);
    println!("a step of a chain of {LONG} costs {:.2} times one of a chain of {SHORT} (median)", median(growth));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs per second, while all places are taken: neither the start nor the end counts.
async fn rate(broker: &Broker, kind: Kind, steps: usize) -> f64 {
    let chains = (STEPS / steps).max(5 * IN_FLIGHT);
    let mut stage = Stage::new(broker, SimulatorSettings { latency: Duration::ZERO, ..Default::default() }).await;
    let queues = format!("[{{name = \"{}\", prefetch = {IN_FLIGHT}}}]", stage.queue);
    stage.set("journal.kind", kind.name()).set("queues", &queues).set("telemetry.log", "warn");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&stage, &channel, chains, steps).await;

    let results = name(&stage, "caught.results");
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let consumer = channel.basic_consume(results.as_str().into(), "".into(), options, FieldTable::default()).await;
    let mut consumer = consumer.expect("the results can be consumed");
    let mut worker = support::Worker::spawn(&stage.env());
    let mut arrivals = Vec::with_capacity(chains);
    while arrivals.len() < chains {
        let next = tokio::time::timeout(SOON, consumer.next()).await;
        let message = next.unwrap_or_else(|_| panic!("no result within {SOON:?}:\n{}", worker.log()));
        let message = message.expect("the queue stays").expect("a result");
        let result: Value = serde_json::from_slice(&message.data).expect("JSON");
        assert_eq!(result["final_status"], "completed", "{result}");
        arrivals.push(Instant::now());
    }
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    for queue in ["chains", "dead", "caught.results", "caught.events", "audit.log", "results.log"] {
        let deleted = channel.queue_delete(name(&stage, queue).as_str().into(), QueueDeleteOptions::default()).await;
        deleted.expect("the queue can be deleted");
    }
    let (first, last) = (IN_FLIGHT, chains - IN_FLIGHT);
    f64::from(u32::try_from(last - first).expect("few")) / (arrivals[last] - arrivals[first]).as_secs_f64()
}

async fn submit(stage: &Stage, channel: &Channel, chains: usize, steps: usize) {
    let mut confirms = Vec::with_capacity(chains);
    for n in 0..chains {
        let step = |step: usize| json!({"action_id": format!("da-{step}"), "payload": {"chain": n, "step": step}});
        let steps: Vec<Value> = (0..steps).map(step).collect();
        let body = json!({"chain_id": format!("bench-{n}"), "max_depth": 25, "steps": steps}).to_string();
        let properties = BasicProperties::default().with_message_id(format!("run-{n}").into()).with_delivery_mode(2);
        let queue = stage.queue.as_str().into();
        let written =
            channel.basic_publish("".into(), queue, BasicPublishOptions::default(), body.as_bytes(), properties);
        confirms.push(written.await.expect("written"));
    }
    for confirm in confirms {
        confirm.await.expect("the broker has it");
    }
}
