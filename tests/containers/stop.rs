//! A worker's container is stopped, as an update does it.

use super::docker::{docker, inspect};
use super::stack::Stack;
use super::support::eventually;
use super::traffic::{SOON, Traffic, accepted_by, slow_down};

const RUNS: [&str; 4] = ["s-0", "s-1", "s-2", "s-3"];

#[tokio::test]
async fn a_stopped_worker_finishes_its_chains_first() {
    let stack = Stack::up().await;
    let mut traffic = Traffic::on(&stack).await;
    slow_down(&stack, "2s").await;
    traffic.submit(&RUNS).await;
    let in_hand = eventually("both workers have chains in hand", SOON, async || {
        let events = traffic.events().await;
        let (its, others) = (accepted_by(events, "worker-2"), accepted_by(events, "worker-1"));
        let all = its.len() + others.len() == RUNS.len() && !its.is_empty();
        all.then(|| its.iter().map(|run| (*run).to_owned()).collect::<Vec<_>>())
    })
    .await;

    // Docker waits for as long as compose.yaml says.
    let worker = stack.container("worker-2").await;
    docker(&["stop", &worker]).await;

    let told = inspect(&worker).await;
    assert_eq!(told["State"]["ExitCode"], 0, "{}", told["State"]);
    let results = traffic.results(&stack, &RUNS).await;
    for (run, result) in &results {
        assert_eq!(result["final_status"], "completed", "{run}: {result}");
    }
    for run in &in_hand {
        assert_eq!(results[run]["worker"], "worker-2", "{run} is finished by whoever had it");
    }
    let accepted = traffic.events().await.iter().filter(|event| event["event"] == "run.accepted").count();
    assert_eq!(accepted, RUNS.len(), "no chain was started over");
}
