//! One worker works on a queue.

use std::time::{Duration, Instant};

use cxchain::simulator::SimulatorSettings;
use serde_json::json;

use super::support::load::{self, CONSUMING, LOST, Load, brisk, logs_again, times, until};
use super::support::wire::Wire;
use super::support::{Broker, SOON, Stage, Worker, amqp, eventually};
use super::{HEARTBEAT, PATIENCE, lock_of, stage, take_lock, with_journal};

const CHAIN: &[u8] = br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#;
const WAITS: &str = "another connection to RabbitMQ holds this queue's lock";

/// It takes nothing off the queue, and says in its health what it waits for.
#[tokio::test]
async fn a_second_worker_waits_for_the_lock_and_ends_with_78() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let _first = stage.worker().await;
    let other = tempfile::tempdir().expect("a temporary directory");
    let begun = Instant::now();
    let mut second = with_journal(&mut stage, &other.path().join("other.db"));
    let health = second.health().await;
    let lock = lock_of(&stage);
    let waits = health.until("the second worker says what it waits for", |health| {
        health["checks"]["consuming"]["queues"][0]["state"] == "locked"
    });
    let waits = waits.await;
    assert_eq!(waits["status"], "unready");
    assert!(waits["waits_for"].to_string().contains(&format!("another connection holds {lock}")), "{waits}");

    assert_eq!(second.ended(SOON).await, 78, "{}", second.log());
    assert!(begun.elapsed() >= PATIENCE, "it waited for {:?}", begun.elapsed());
    let said = second.log();
    for part in [stage.queue.as_str(), &lock, "did not let go of it within 7 s", "journal.kind = \"redis\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!((said.matches(WAITS).count(), said.matches(CONSUMING).count()), (1, 0), "{said}");

    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed", "the first one works on");
}

#[tokio::test]
async fn a_worker_that_waits_takes_over_when_the_first_is_killed() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let mut first = stage.worker().await;
    let other = tempfile::tempdir().expect("a temporary directory");
    let second = with_journal(&mut stage, &other.path().join("other.db"));
    logs_again(&second, WAITS, 0, SOON).await;
    first.signal("KILL").await;
    first.ended(SOON).await;
    second.consuming(1, SOON).await;
    assert!(second.log().contains("the lock is free; this worker has it now"), "{}", second.log());
}

#[tokio::test]
async fn workers_with_journals_in_memory_share_a_queue() {
    let mut stage = stage(SimulatorSettings::default()).await;
    stage.in_memory();
    let (_first, _second) = (stage.worker().await, stage.worker().await);
    assert!(take_lock(&stage).await.is_ok(), "neither has taken it");
}

#[tokio::test]
async fn one_worker_may_have_several_queues_and_another_one_none_of_them() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let (own, shared) = (stage.name("own"), stage.queue.clone());
    let queues = format!("[{{name = \"{own}\"}}, {{name = \"{shared}\"}}]");
    let _first = stage.worker().await;
    stage.set("queues", &queues).set("broker.heartbeat", HEARTBEAT);
    let other = tempfile::tempdir().expect("a temporary directory");
    let mut second = with_journal(&mut stage, &other.path().join("other.db"));
    assert_eq!(second.ended(SOON).await, 78, "{}", second.log());
    let said = second.log();
    assert!(said.contains(&format!("queue {shared} is another worker's")), "{said}");
    assert_eq!(said.matches(CONSUMING).count(), 0, "not from its own either: {said}");
}

/// Its own old connection is gone, and nobody has taken the lock meanwhile.
#[tokio::test]
async fn a_connection_that_breaks_under_load_costs_no_call_and_the_lock_comes_back() {
    let broker = Broker::shared().await;
    let wire = Wire::to(broker).await;
    let mut stage = load::stage(broker, brisk(), 20).await;
    stage.set("broker.url", wire.url()).set("broker.heartbeat", HEARTBEAT);
    let load = Load::submit(&stage, 60, 3).await;
    let worker = stage.worker().await;
    for answered in [30, 90] {
        until(&stage, |seen| seen.totals.answered >= answered).await;
        let before = times(&worker, CONSUMING);
        wire.cut_all();
        logs_again(&worker, CONSUMING, before, SOON).await;
        assert!(take_lock(&stage).await.is_err(), "it is the worker's again");
    }
    load.ends_well(&stage, worker).await;
}

/// The test is the other worker: it has the lock before the worker is back.
async fn loses_its_lock(stage: &mut Stage) -> (Worker, lapin::Connection, Wire) {
    let wire = Wire::to(Broker::shared().await).await;
    stage.set("broker.url", wire.url());
    let worker = stage.worker().await;
    wire.refuse();
    wire.cut_all();
    logs_again(&worker, LOST, 0, SOON).await;
    let taken = eventually("the lock is free", SOON, async || take_lock(stage).await.ok()).await;
    wire.accept();
    logs_again(&worker, WAITS, 0, SOON).await;
    (worker, taken, wire)
}

#[tokio::test]
async fn a_worker_that_lost_its_lock_to_another_ends_with_78() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let (mut worker, _taken, _wire) = loses_its_lock(&mut stage).await;
    let begun = Instant::now();
    assert_eq!(worker.ended(SOON).await, 78, "{}", worker.log());
    assert!(begun.elapsed() + Duration::from_secs(2) >= PATIENCE, "it waited for {:?}", begun.elapsed());
    let said = worker.log();
    assert!(said.contains(&format!("queue {} is another worker's", stage.queue)), "{said}");
}

#[tokio::test]
async fn a_worker_whose_lock_comes_free_again_goes_on() {
    let mut stage = stage(SimulatorSettings::default()).await;
    let (worker, taken, _wire) = loses_its_lock(&mut stage).await;
    let health = worker.health().await;
    health.until("it says what it waits for", |health| health["ready"] == json!(false)).await;
    taken.close(200, "bye".into()).await.expect("it closes");
    worker.consuming(2, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}
