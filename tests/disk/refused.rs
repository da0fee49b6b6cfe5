//! Disks and files that a worker does not even begin with.

use crate::support::load::{self, channel, waiting};
use crate::support::{Broker, SOON, Stage, Worker};

use super::disk::Disk;

async fn submit(stage: &Stage) {
    let channel = channel(stage).await;
    stage.submit(&channel, br#"{"chain_id": "c", "steps": [{"action_id": "a"}]}"#, Some("r")).await;
}

/// The worker ends with this code and these words; the message is still there, and nothing was sent.
async fn refuses(stage: &Stage, mut worker: Worker, code: i32, words: &[&str]) {
    assert_eq!(worker.ended(SOON).await, code, "{}", worker.log());
    let log = worker.log();
    for word in words {
        assert!(log.contains(word), "{word} is not in\n{log}");
    }
    assert_eq!(stage.simulator.calls().totals.calls, 0);
    waiting(stage, &channel(stage).await, 1).await;
}

#[tokio::test]
async fn a_read_only_disk_is_refused_with_70() {
    let disk = Disk::new(64).await;
    let mut stage = Stage::new(Broker::shared().await, load::brisk()).await;
    let mut worker = disk.worker(&mut stage).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert!(disk.seen().exists());
    disk.make_read_only().await;
    submit(&stage).await;
    let worker = disk.spawn(&mut stage);
    refuses(&stage, worker, 70, &["Read-only file system", "make its file system writable again"]).await;
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_beginning_is_refused_with_70() {
    let disk = Disk::new(1).await;
    let mut stage = Stage::new(Broker::shared().await, load::brisk()).await;
    disk.fill();
    submit(&stage).await;
    let worker = disk.spawn(&mut stage);
    refuses(&stage, worker, 70, &["full", "make room on its file system"]).await;
}

#[tokio::test]
async fn a_second_worker_on_one_file_is_refused_with_78() {
    let stage = Stage::new(Broker::shared().await, load::brisk()).await;
    let worker = stage.worker().await;
    let mut second = Worker::spawn(&stage.env());
    assert_eq!(second.ended(SOON).await, 78, "{}", second.log());
    assert!(second.log().contains("is in use by another process"), "{}", second.log());
    assert_eq!(worker.health().await.get("/readyz").await.0, 200, "the first one is not disturbed");
}
