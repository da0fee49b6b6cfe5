//! Answers that are meant to hurt: a gigabyte where kilobytes are expected, packed or not, and redirects.

use std::time::Duration;

use cxchain::simulator::{FaultRule, SimulatorSettings};
use lapin::Channel;
use serde_json::{Value, json};

use crate::support::load::{channel, until};
use crate::support::{Broker, Stage, Worker, amqp};

/// The bound on what such an answer may cost.
const MOST_MEMORY: u64 = 20_000_000;
const WITHIN: Duration = Duration::from_secs(60);

async fn meets(fault: &str) -> (Stage, Worker, Channel) {
    let rule: FaultRule = format!("da-hostile={fault}").parse().expect("a fault");
    let settings = SimulatorSettings { faults: vec![rule], latency: Duration::ZERO, ..SimulatorSettings::default() };
    let stage = Stage::new(Broker::shared().await, settings).await;
    let (worker, channel) = (stage.worker().await, channel(&stage).await);
    // Connections, token and code paths that any run needs are not the answer's cost.
    for n in 0..3 {
        run(&stage, &channel, &format!("warm-up-{n}"), "da-kind").await;
    }
    (stage, worker, channel)
}

/// One chain of one call; its result.
async fn run(stage: &Stage, channel: &Channel, run_id: &str, action: &str) -> Value {
    let step = json!({"action_id": action, "payload": {}, "timeout_seconds": 120, "on_failure": "continue"});
    let chain = json!({"chain_id": "hostile", "global_timeout_seconds": 900, "steps": [step]});
    stage.submit(channel, chain.to_string().as_bytes(), Some(run_id)).await;
    stage.results(channel, 1, WITHIN).await.remove(0).body
}

async fn stops_at_the_limit(fault: &str, times: usize) {
    let (stage, mut worker, channel) = meets(fault).await;
    let before = worker.memory();
    worker.forget_peak();
    for n in 0..times {
        let result = run(&stage, &channel, &format!("run-{n}"), "da-hostile").await;
        assert_eq!(result["final_status"], "completed", "{result}");
        let step = &result["aggregated_responses"][0];
        assert_eq!(step["status"], "success", "{step}");
        assert_eq!(step["error_classification"], "RESPONSE_TOO_LARGE");
        assert_eq!((&step["response_omitted"], &step["response_data"]), (&json!(true), &Value::Null));
        let rise = worker.peak_memory().saturating_sub(before);
        assert!(rise < MOST_MEMORY, "memory rose by {rise} bytes with answer {n} of {fault}");
    }
    // What is known is not asked again. (A packed gigabyte is a megabyte on the wire, which buffers take whole.)
    let seen = until(&stage, |seen| seen.totals.open == 0).await.action("da-hostile");
    assert_eq!(seen.calls, times as u64);
    if fault.starts_with("huge") {
        assert_eq!(seen.cut_off, times as u64, "the simulator got all of it rid");
    }
    worker.signal("TERM").await;
    assert_eq!(worker.ended(WITHIN).await, 0, "{}", worker.log());
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
}

#[tokio::test]
async fn a_gigabyte_unpacked_stops_at_the_limit_and_costs_no_memory() {
    stops_at_the_limit("bomb:1GB", 1).await;
}

#[tokio::test]
async fn five_such_gigabytes_in_a_row_cost_no_more() {
    stops_at_the_limit("bomb:1GB", 5).await;
}

#[tokio::test]
async fn a_gigabyte_as_it_is_stops_at_the_limit_and_costs_no_memory() {
    stops_at_the_limit("huge:1GB", 5).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (stage, _worker, channel) = meets("redirect").await;
    let result = run(&stage, &channel, "run-1", "da-hostile").await;
    let step = &result["aggregated_responses"][0];
    assert_eq!((&step["status"], &step["http_status"]), (&json!("failed"), &json!(302)), "{step}");
    assert_eq!(step["error_classification"], "RESPONSE_INVALID");
    let seen = stage.simulator.calls();
    assert_eq!((seen.redirects_followed, seen.action("da-hostile").calls), (0, 1));
}
