//! A disk that does not write for a while, or for good.

use std::time::{Duration, Instant};

use cxchain::simulator::SimulatorSettings;
use serde_json::Value;
use tokio::process::Command;

use super::disk::Disk;
use crate::support::load::{self, Load, channel, times, until, waiting};
use crate::support::{Broker, Health, SOON, Stage, Worker};

/// How long a worker waits for its disk.
const PATIENCE: Duration = Duration::from_secs(60);

fn calls() -> SimulatorSettings {
    load::taking(Duration::from_millis(200), Duration::from_millis(400))
}

fn sent(stage: &Stage) -> u64 {
    stage.simulator.calls().totals.calls
}

/// Waits until the journal is known not to write, for a reason that says `why`; what is in flight then ends.
async fn stands_still(stage: &Stage, health: &Health, why: &str) {
    let down = health.until("the journal does not write", |ready| ready["checks"]["journal"]["writes"] == false).await;
    assert_eq!(down["ready"], false);
    let waits_for = down["waits_for"].to_string();
    assert!(waits_for.contains("the journal, which does not write: ") && waits_for.contains(why), "{waits_for}");
    until(stage, |calls| calls.totals.open == 0).await;
}

/// The journal tries so many more times, in vain.
async fn tries_in_vain(health: &Health, times: usize) {
    let at = |ready: &Value| ready["checks"]["journal"]["last_error"]["at"].to_string();
    for _ in 0..times {
        let last = at(&health.get("/readyz").await.1);
        health.until("it tries again", |ready| at(ready) != last).await;
    }
}

/// While it is so nothing is sent, whatever comes; then all goes on, and every call is made once.
async fn goes_on(stage: &Stage, worker: Worker, mut load: Load, (why, heal): (&str, impl AsyncFnOnce(&Worker))) {
    let health = worker.health().await;
    stands_still(stage, &health, why).await;
    let before = sent(stage);
    assert!(before < load.calls(), "no test of anything: all is done");
    load.more(stage, 20).await;
    tries_in_vain(&health, 4).await;
    assert_eq!(sent(stage), before, "something was sent that could not be recorded");
    heal(&worker).await;
    health.until("it is ready again", |ready| ready["ready"] == true).await;
    assert_eq!(times(&worker, "the journal writes again"), 1, "{}", worker.log());
    load.ends_well(stage, worker).await;
}

#[tokio::test]
async fn with_a_full_disk_nothing_is_sent_and_all_goes_on_when_there_is_room_again() {
    let disk = Disk::new(64).await;
    let mut stage = load::stage(Broker::shared().await, calls(), 50).await;
    let worker = disk.worker(&mut stage).await;
    let load = Load::submit(&stage, 40, 4).await;
    until(&stage, |calls| calls.totals.answered >= 20).await;
    disk.fill();
    goes_on(&stage, worker, load, ("full", async |_: &Worker| disk.make_room())).await;
}

/// Whoever may write no file beyond this size gets an error for every write: the journal's disk, as it sees it, is broken.
async fn limit_files(worker: &Worker, bytes: &str) {
    let (pid, limit) = (worker.pid().to_string(), format!("--fsize={bytes}:"));
    let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status().await.expect("prlimit is of util-linux");
    assert!(done.success());
}

#[tokio::test]
async fn with_io_errors_nothing_is_sent_and_all_goes_on_when_they_are_over() {
    let stage = load::stage(Broker::shared().await, calls(), 50).await;
    let worker = Worker::spawn_after("trap '' XFSZ", &stage.env());
    worker.consuming(1, SOON).await;
    let load = Load::submit(&stage, 40, 4).await;
    until(&stage, |calls| calls.totals.answered >= 20).await;
    limit_files(&worker, "1").await;
    goes_on(&stage, worker, load, ("disk I/O error", async |worker: &Worker| limit_files(worker, "unlimited").await))
        .await;
}

#[tokio::test]
async fn a_disk_that_stays_full_ends_the_worker_with_70_and_every_message_goes_back() {
    let disk = Disk::new(64).await;
    let mut stage = load::stage(Broker::shared().await, calls(), 50).await;
    let mut worker = disk.worker(&mut stage).await;
    let load = Load::submit(&stage, 40, 4).await;
    until(&stage, |calls| calls.totals.answered >= 20).await;
    disk.fill();
    let health = worker.health().await;
    stands_still(&stage, &health, "make room on its file system").await;
    let (since, before) = (Instant::now(), sent(&stage));
    assert_eq!(worker.ended(PATIENCE + SOON).await, 70, "{}", worker.log());
    assert!(since.elapsed() > PATIENCE - Duration::from_secs(5), "after {:?}", since.elapsed());
    let log = worker.log();
    assert!(log.contains("nothing could be written for 60 s") && log.contains("make room on its file system"), "{log}");
    assert_eq!(sent(&stage), before, "something was sent that could not be recorded");
    let channel = channel(&stage).await;
    waiting(&stage, &channel, load.len()).await;

    // What was answered and could not be recorded is unknown to the next one, and not sent again.
    disk.make_room();
    let _worker = disk.worker(&mut stage).await;
    let results = load.results(&stage, &channel).await;
    load.assert_ids(&results);
    assert_eq!(stage.simulator.calls().ran_again(), Vec::<&str>::new(), "steps ran twice");
}
