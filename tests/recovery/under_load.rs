//! SIGKILL under load, again and again: no known step is sent twice, and every chain has one result.

use crate::support::load::{Load, brisk, until};
use crate::support::proof::as_long_as;
use crate::support::{Broker, SOON};
use crate::{Ground, amqp};

#[tokio::test]
async fn a_worker_killed_again_and_again_repeats_no_step_and_loses_no_run() {
    for _ in 0..as_long_as(1, 5) {
        let mut ground = Ground::new(Broker::shared().await, brisk()).await;
        let queues = format!("[{{name = \"{}\", prefetch = 10}}]", ground.stage.queue);
        ground.stage.set("queues", &queues);
        let load = Load::submit(&ground.stage, 60, 3).await;
        // What is in the middle of a call ends there: no more than thirty chains of the sixty.
        for share in [10, 25, 40] {
            let mut worker = ground.stage.worker().await;
            until(&ground.stage, |seen| seen.totals.answered >= load.calls() * share / 100).await;
            worker.signal("KILL").await;
            assert_eq!(worker.ended(SOON).await, 137);
        }
        let left = ground.ends(load.len(), ground.stage.worker().await).await;
        let calls = ground.stage.simulator.calls();
        assert!(calls.ran_again().is_empty(), "steps ran twice: {:?}", calls.ran_again());
        assert_eq!(left.len(), load.len(), "one run for each chain");
        // One whose first intent is all that was left of it was not called.
        assert!(calls.runs.keys().all(|run| left.contains_key(run)), "a run that nobody sent");
        for (run, left) in &left {
            for (n, status) in left.statuses().into_iter().enumerate() {
                // One that was not called is a success of nobody, and no unknown either where its intent was journaled only.
                let called = calls.step(run, &format!("step_{n}")).calls;
                assert!(
                    called == 1 || (called == 0 && status == "unknown"),
                    "{run}: step_{n} {status}, {called} calls"
                );
            }
            let ended = left.end().0;
            let unknown = left.statuses().contains(&"unknown");
            assert_eq!(ended, if unknown { "indeterminate" } else { "completed" }, "{run}");
        }
        assert_eq!(amqp::depth(&ground.channel, &ground.stage.queue).await, 0);
        assert_eq!(ground.stage.dead_depth(&ground.channel).await, 0);
    }
}
