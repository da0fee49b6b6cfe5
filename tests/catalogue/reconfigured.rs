//! A run that has begun goes on under another configuration than the one that it was accepted under.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::server::Platform;
use super::stage;
use crate::support::{SOON, amqp, eventually};

#[tokio::test]
async fn a_run_goes_on_when_its_action_is_none_any_more() {
    let done = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&done);
    let platform = Platform::answering(move |request| {
        let state = if over.load(Ordering::SeqCst) { "COMPLETED" } else { "RUNNING" };
        match request.line.as_str() {
            line if line.contains("/jobs/j-1") => (200, Some(json!({"status": state, "output": 7}))),
            _ => (202, Some(json!({"jobId": "j-1"}))),
        }
    })
    .await;
    let mut stage = stage(&platform, "{export = {mode = \"job\", path = \"/export\", timeout_seconds = 600}}").await;
    stage.set("tenants.default.jobs.poll", "100ms");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    // A job by its action alone: without that, nothing of it would be accepted.
    let step = json!({"action_id": "export", "version_id": "v1", "timeout_seconds": 600, "payload": {"note": "n".repeat(1000)}});
    let chain = json!({"chain_id": "c", "steps": [step]}).to_string();

    let mut worker = stage.worker().await;
    stage.submit(&channel, chain.as_bytes(), Some("begun")).await;
    eventually("the job is polled", SOON, async || (platform.lines().len() > 1).then_some(())).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());

    // Neither its action nor its size would be accepted today.
    stage.set("tenants.default.actions", "{other = {}}");
    stage.set("worker.max_message_bytes", "1024");
    done.store(true, Ordering::SeqCst);
    let worker = stage.worker().await;
    stage.submit(&channel, chain.as_bytes(), Some("new")).await;
    let results = stage.distinct_results(&channel, 2, SOON).await;
    assert_eq!(results["begun"]["final_status"], "completed", "{}", worker.log());
    assert_eq!(results["new"]["final_status"], "rejected", "{}", worker.log());
    let submissions = platform.lines().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(submissions, 1, "{:?}", platform.lines());
}
