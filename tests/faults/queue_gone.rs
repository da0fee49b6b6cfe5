//! The work queue is gone, alone or with everything else that the broker knew.

use lapin::Channel;
use lapin::options::QueueDeleteOptions;

use super::waits::{WaitsFor, ready};
use crate::support::load::{self, CONSUMING, Load, brisk, channel, held, logs_again, streamed, times, until};
use crate::support::{Broker, SOON, Stage, Worker};

async fn delete_queue(stage: &Stage, channel: &Channel) {
    channel.queue_delete(stage.queue.as_str().into(), QueueDeleteOptions::default()).await.expect("it is deleted");
}

/// What waits in the queue is gone with it, and what is in hand can be acknowledged no more; its runs end all the same.
#[tokio::test]
async fn a_work_queue_that_is_deleted_comes_back_and_runs_in_hand_are_finished() {
    let stage = load::stage(Broker::shared().await, brisk(), 10).await;
    let doomed = Load::submit(&stage, 10, 3).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.runs.len() == 10 && seen.totals.answered >= 5).await;
    let before = times(&worker, CONSUMING);
    let channel = channel(&stage).await;
    delete_queue(&stage, &channel).await;
    logs_again(&worker, CONSUMING, before, SOON).await;

    let results = doomed.results(&stage, &channel).await;
    doomed.assert_once(&results, &stage.events(&channel).await, &stage.simulator.calls());
    stage.simulator.reset();
    let fresh = Load::submit(&stage, 20, 3).await;
    fresh.ends_well(&stage, worker).await;
}

/// `broker.declare = false`: the operator deletes the queue and declares it again at once.
#[tokio::test]
async fn a_queue_that_is_replaced_under_a_worker_that_may_not_declare_is_consumed_again() {
    let (stage, worker, doomed) = may_not_declare().await;
    let (before, channel) = (times(&worker, CONSUMING), channel(&stage).await);
    delete_queue(&stage, &channel).await;
    stage.simulator.clear_faults();
    declared_again(&stage, &worker, before).await;
    let results = doomed.results(&stage, &channel).await;
    doomed.assert_once(&results, &stage.events(&channel).await, &stage.simulator.calls());
    goes_on(&stage, worker).await;
}

/// The queue is gone for as long as the operator likes: what is in hand is finished meanwhile.
#[tokio::test]
async fn a_queue_that_is_missing_and_not_the_workers_to_declare_is_named_and_waited_for() {
    let (stage, worker, doomed) = may_not_declare().await;
    let (before, channel) = (times(&worker, CONSUMING), channel(&stage).await);
    delete_queue(&stage, &channel).await;
    stage.simulator.clear_faults();
    let missing = WaitsFor::Queue(&stage.queue);
    missing.said(&worker).await;
    let results = doomed.results(&stage, &channel).await;
    doomed.assert_once(&results, &stage.events(&channel).await, &stage.simulator.calls());
    assert_eq!(missing.times(&worker), 1, "it says so once:\n{}", worker.log());
    assert_eq!(times(&worker, CONSUMING), before);
    missing.holds(&worker).await;
    declared_again(&stage, &worker, before).await;
    goes_on(&stage, worker).await;
}

/// Ten chains in the middle of their first call, which is held.
async fn may_not_declare() -> (Stage, Worker, Load) {
    let mut stage = load::stage(Broker::shared().await, held(), 10).await;
    stage.set("broker.declare", "false");
    let load = Load::submit(&stage, 10, 2).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 10).await;
    (stage, worker, load)
}

async fn declared_again(stage: &Stage, worker: &Worker, before: usize) {
    let (code, _, said) = stage.command(&["topology", "apply"]).await;
    assert_eq!(code, 0, "{said}");
    logs_again(worker, CONSUMING, before, SOON).await;
    ready(worker).await;
}

async fn goes_on(stage: &Stage, worker: Worker) {
    stage.simulator.reset();
    Load::submit(stage, 20, 1).await.ends_well(stage, worker).await;
}

/// Everything that the broker knew is gone: queues, exchanges, users, messages, as if its disk were new. What is in hand is
/// finished, and what comes then finds everything as it was.
#[tokio::test]
async fn a_broker_that_forgets_everything_finds_it_declared_again_and_runs_in_hand_are_finished() {
    let broker = Broker::start().await;
    let stage = load::stage(&broker, held(), 20).await;
    let doomed = Load::submit(&stage, 20, 1).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.open == 20).await;
    let before = times(&worker, CONSUMING);
    broker.ctl(&["stop_app"]).await;
    stage.simulator.clear_faults();
    for command in ["reset", "start_app"] {
        broker.ctl(&[command]).await;
    }
    logs_again(&worker, CONSUMING, before, SOON).await;

    // The queues that caught everything are gone as well: the streams tell.
    let results = streamed(&stage, "results.log", doomed.len(), "run_id").await;
    doomed.assert_ids(&results);
    assert!(results.iter().all(|result| result.body["final_status"] == "completed"));
    let seen = stage.simulator.calls();
    assert_eq!((seen.ran_again(), seen.totals.calls), (vec![], doomed.calls()), "steps ran twice");
    stage.catch().await;
    stage.simulator.reset();
    let fresh = Load::submit(&stage, 20, 1).await;
    fresh.ends_well(&stage, worker).await;
}
