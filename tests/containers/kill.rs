//! A worker's container is gone from one moment to the next.

use super::docker::{docker, inspect};
use super::stack::Stack;
use super::support::eventually;
use super::traffic::{SOON, Traffic, accepted_by, slow_down, stepped_by};

const RUNS: [&str; 6] = ["k-0", "k-1", "k-2", "k-3", "k-4", "k-5"];

#[tokio::test]
async fn every_chain_completes_once_although_a_worker_is_killed() {
    let stack = Stack::up().await;
    let mut traffic = Traffic::on(&stack).await;
    slow_down(&stack, "2s").await;
    traffic.submit(&RUNS).await;
    let in_hand = eventually("worker-1 is in the middle of chains", SOON, async || {
        let events = traffic.events().await;
        let (its, others) = (accepted_by(events, "worker-1"), accepted_by(events, "worker-2"));
        let in_the_middle =
            its.len() + others.len() == RUNS.len() && !its.is_empty() && its == stepped_by(events, "worker-1");
        in_the_middle.then(|| its.iter().map(|run| (*run).to_owned()).collect::<Vec<_>>())
    })
    .await;

    let worker = stack.container("worker-1").await;
    docker(&["kill", "--signal", "KILL", &worker]).await;

    let results = traffic.results(&stack, &RUNS).await;
    assert_eq!(inspect(&worker).await["State"]["ExitCode"], 137);
    for (run, result) in &results {
        assert_eq!(result["final_status"], "completed", "{run}: {result}");
        assert_eq!(result["worker"], "worker-2", "{run}");
        assert_eq!(result["completion_rate_percent"], 100.0, "{run}");
    }
    let events = traffic.events().await;
    let taken_over = accepted_by(events, "worker-2");
    assert!(in_hand.iter().all(|run| taken_over.contains(run.as_str())), "{in_hand:?} of {taken_over:?}");

    docker(&["start", &worker]).await;
    eventually("worker-1 is back", SOON, async || stack.is_healthy("worker-1").await.then_some(())).await;
}
