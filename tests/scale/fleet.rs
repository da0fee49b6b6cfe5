//! A thousand chains at once.

use super::*;
use crate::support::Broker;

const CHAINS: usize = 1000;
/// Of the whole process, in its dev build.
const MOST_MEMORY: u64 = 150_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_chains_are_in_flight_together_in_little_memory() {
    let _alone = QUIET.write().await;
    cxchain::ops::raise_open_files(CHAINS as u64);
    // The first call of each is held until all of them are there: how fast they come is the machine's business.
    let held = SimulatorSettings { faults: vec!["da-0=hang".parse().unwrap()], ..taking(Duration::from_secs(1)) };
    let mut stage = Stage::new(Broker::shared().await, held).await;
    let queues = format!("[{{name = \"{}\", prefetch = {CHAINS}}}]", stage.queue);
    stage.set("queues", &queues).set("tenants.default.max_concurrent", "1000");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&channel, &stage.queue, &chain(3), "run", CHAINS).await;

    let mut worker = stage.worker().await;
    let start = tokio::time::Instant::now();
    let all = stage.simulator.wait_until(|calls| calls.totals.open == CHAINS as u64);
    tokio::time::timeout(SOON, all).await.expect("all calls are in flight at once");
    eprintln!("all calls in flight after {:?}", start.elapsed());
    stage.simulator.clear_faults();
    let calls = stage.simulator.wait_until(|calls| calls.totals.answered == 3 * CHAINS as u64);
    let calls = tokio::time::timeout(Duration::from_secs(60), calls).await.unwrap();
    eprintln!("all calls answered after {:?}; at most {} at once", start.elapsed(), calls.max_concurrent);
    let results = stage.distinct_results(&channel, CHAINS, SOON).await;
    eprintln!("all results after {:?}; memory {}", start.elapsed(), worker.peak_memory());
    assert!(results.values().all(|result| result["final_status"] == "completed"));
    assert_eq!(calls.max_concurrent, CHAINS as u64, "calls in flight at once");
    let peak = worker.peak_memory();
    assert!(peak < MOST_MEMORY, "{peak} bytes");
    drained(&mut worker).await;
}
