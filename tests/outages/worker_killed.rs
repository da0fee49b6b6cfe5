//! SIGKILL of the worker. Its journal was in memory, so the next worker begins what was in hand from the beginning: steps may
//! repeat, and a run may have two results that differ. Nothing is lost.

use crate::support::load::{self, Load, brisk, channel, emptied, until};
use crate::support::{Broker, SOON, amqp};

#[tokio::test]
async fn a_worker_killed_under_load_loses_no_chain() {
    let mut stage = load::stage(Broker::shared().await, brisk(), 50).await;
    stage.in_memory();
    let load = Load::submit(&stage, 100, 3).await;
    for share in [5, 40, 80] {
        let mut worker = stage.worker().await;
        let calls = load.calls() * share / 100;
        until(&stage, |seen| seen.totals.answered >= calls).await;
        worker.signal("KILL").await;
        assert_eq!(worker.ended(SOON).await, 137);
    }
    let mut worker = stage.worker().await;
    let channel = channel(&stage).await;
    let results = load.results(&stage, &channel).await;
    assert!(results.iter().all(|result| result.body["final_status"] == "completed"));
    load.assert_ids(&results);
    emptied(&stage, &channel).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
    assert_eq!(stage.dead_depth(&channel).await, 0);
}
