//! Runs whose message does not come again: each has a result all the same.

use std::time::{Duration, Instant};

use lapin::options::QueuePurgeOptions;
use serde_json::json;

use crate::support::Broker;
use crate::{Ground, chain, simulator};

/// The run clock at its shortest, five seconds' grace, a look every fifteen, and a busy machine.
const ENDED: Duration = Duration::from_secs(60 + 5 + 15 + 30);

#[tokio::test]
async fn an_open_run_whose_message_was_purged_ends_after_its_deadline_with_a_result_of_its_own() {
    let mut ground = Ground::new(Broker::shared().await, simulator(&["da-slow=slow:30s"])).await;
    let mut definition = chain(&["da-0", "da-slow", "da-2"]);
    definition["global_timeout_seconds"] = json!(60);
    ground.submit(&definition, "purged").await;
    ground.submit(&definition, None).await;
    let worker = ground.stage.worker().await;
    ground.stage.simulator.wait_until(|calls| calls.totals.open == 2).await;
    let begun = Instant::now();
    ground.dies(worker, 2).await;
    let purged = ground.channel.queue_purge(ground.stage.queue.as_str().into(), QueuePurgeOptions::default()).await;
    assert_eq!(purged.expect("it is purged"), 2);

    // Another tenant by now, and the old one is not served here any more.
    let tenant = "{base_url = \"http://127.0.0.1:1\"}";
    ground.stage.set("tenants.other", tenant);
    let worker = ground.stage.worker().await;
    let results = ground.stage.distinct_results(&ground.channel, 2, ENDED).await;
    assert!(begun.elapsed() > Duration::from_secs(58), "not before its time: {:?}", begun.elapsed());
    assert!(results.contains_key("purged"));
    for (run, result) in &results {
        assert_eq!(
            (&result["final_status"], &result["reason"]["code"]),
            (&json!("timed_out"), &json!("global_timeout"))
        );
        let line = format!("run_id={run}");
        let said =
            worker.log().lines().filter(|text| text.contains("past its deadline") && text.contains(&line)).count();
        assert_eq!(said, 1, "{}", worker.log());
    }
    // Should they come after all, they get the same again.
    worker.at_rest().await;
    ground.submit(&definition, "purged").await;
    assert_eq!(ground.stage.result(&ground.channel).await, results["purged"]);
    ground.stops(worker).await;
    let calls = ground.stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.ran_again().len()), (4, 0));
    let heads = crate::run_log::heads(&ground.stage.events(&ground.channel).await);
    for (run, result) in results {
        let (seq, hash) = &heads[&run];
        assert_eq!(result["audit_head"], json!({"seq": seq, "hash": hash}));
    }
}
