//! Files whose contents are not what was written, and files that are gone.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::support::load::{self, Load, channel, until, waiting};
use crate::support::{Broker, SOON, Stage, amqp};

/// A journal with a run in the middle, whose worker has ended. Its message is in the queue.
async fn handed_back() -> Stage {
    let stage = Stage::new(Broker::shared().await, load::taking(Duration::from_secs(2), Duration::from_secs(2))).await;
    let mut worker = stage.worker().await;
    let channel = channel(&stage).await;
    let steps: Vec<_> =
        (0..4).map(|n| json!({"action_id": format!("da-{n}"), "payload": {"mark": "unharmed"}})).collect();
    let body = json!({"chain_id": "c", "steps": steps}).to_string();
    stage.submit(&channel, body.as_bytes(), Some("run-1")).await;
    until(&stage, |calls| calls.totals.open == 1).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    waiting(&stage, &channel, 1).await;
    stage
}

fn overwrite(file: &Path, at: usize, bytes: &[u8]) {
    let file = std::fs::File::options().write(true).open(file).expect("the journal");
    file.write_all_at(bytes, at as u64).expect("it is written");
}

#[tokio::test]
async fn a_corrupted_byte_of_a_run_ends_the_worker_with_70_before_anything_is_sent() {
    let stage = handed_back().await;
    let bytes = std::fs::read(stage.journal()).expect("the journal");
    // In the record, and wherever SQLite has left what it has moved.
    let marked = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"unharmed"));
    assert!(marked.map(|at| overwrite(&stage.journal(), at + 3, b"H")).count() > 0, "the definition is in it");

    let before = stage.simulator.calls().totals.calls;
    let mut worker = stage.worker().await;
    assert_eq!(worker.ended(SOON).await, 70, "{}", worker.log());
    let log = worker.log();
    let path = stage.journal().display().to_string();
    for word in [path.as_str(), "is damaged: run run-1, record 0", "checksum", "Put no backup in its place"] {
        assert!(log.contains(word), "{word} is not in\n{log}");
    }
    assert_eq!(stage.simulator.calls().totals.calls, before);
    waiting(&stage, &channel(&stage).await, 1).await;
}

#[tokio::test]
async fn a_corrupted_page_keeps_the_worker_from_starting_with_70() {
    let stage = handed_back().await;
    let pages = std::fs::metadata(stage.journal()).expect("the journal").len() / 4096;
    for page in 2..pages {
        overwrite(&stage.journal(), usize::try_from(page).expect("small") * 4096, &[0xa5; 64]);
    }
    let (code, _, _) = stage.command(&["config", "check"]).await;
    assert_eq!(code, 0, "the configuration is good");
    let (code, _, said) = stage.command(&["worker"]).await;
    assert_eq!(code, 70, "{said}");
    assert!(said.contains("is damaged: ") && said.contains(&*stage.journal().display().to_string()), "{said}");
    waiting(&stage, &channel(&stage).await, 1).await;
}

#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_ends_the_worker_with_70() {
    for replaced in [false, true] {
        let stage = load::stage(Broker::shared().await, load::brisk(), 20).await;
        let mut worker = stage.worker().await;
        let load = Load::submit(&stage, 30, 4).await;
        until(&stage, |calls| calls.totals.answered >= 20).await;
        let taken = stage.journal().with_extension("taken");
        std::fs::rename(stage.journal(), &taken).expect("it is there");
        if replaced {
            std::fs::copy(&taken, stage.journal()).expect("a copy");
        }
        assert_eq!(worker.ended(SOON).await, 70, "{}", worker.log());
        let log = worker.log();
        assert!(log.contains("was deleted, moved or replaced under the worker"), "{log}");
        let calls = stage.simulator.calls().totals;
        assert!(calls.calls < load.calls(), "it went on without its journal: {calls:?}");
        let channel = channel(&stage).await;
        eventually_back(&stage, &channel).await;
    }
}

/// What was in hand is in the queue again.
async fn eventually_back(stage: &Stage, channel: &lapin::Channel) {
    crate::support::eventually("messages are back", SOON, async || {
        (amqp::depth(channel, &stage.queue).await > 0).then_some(())
    })
    .await;
}
