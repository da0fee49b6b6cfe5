//! The quota of one action.

use std::time::Duration;

use serde_json::json;

use super::server::Platform;
use super::{run, stage};
use crate::support::{SOON, amqp, unique};

#[tokio::test]
async fn an_actions_limits_hold_over_all_runs_and_hold_up_no_other_action() {
    let platform = Platform::answering(|_| (200, Some(json!({})))).await;
    let actions = "{slow = {path = \"/slow\", limits = [{limit = 1, per = \"1s\"}]}, fast = {path = \"/fast\"}}";
    let stage = stage(&platform, actions).await;
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let chain = |action: &str| json!({"chain_id": "c", "steps": [{"action_id": action}]}).to_string();
    for _ in 0..4 {
        stage.submit(&channel, chain("slow").as_bytes(), Some(&unique("slow"))).await;
    }
    for _ in 0..20 {
        stage.submit(&channel, chain("fast").as_bytes(), Some(&unique("fast"))).await;
    }
    let results = stage.distinct_results(&channel, 24, SOON).await;
    assert!(results.values().all(|result| result["final_status"] == "completed"), "{results:?}");
    let seen = platform.seen();
    let times = |path: &str| -> Vec<_> {
        seen.iter().filter(|request| request.line.ends_with(path)).map(|request| request.at).collect()
    };
    let (slow, fast) = (times("/slow"), times("/fast"));
    assert_eq!((slow.len(), fast.len()), (4, 20));
    // What is counted is when a request leaves; on its way here it can lose time.
    for pair in slow.windows(2) {
        let between = pair[1] - pair[0];
        assert!(between >= Duration::from_millis(900), "{between:?}");
    }
    assert!(fast.iter().max() < slow.last(), "they did not wait behind the others");
    // And within one run.
    let result = run(&stage, &channel, json!([{"action_id": "slow"}, {"action_id": "slow"}])).await;
    let waited = result["aggregated_responses"][1]["gate_wait_ms"].as_u64().unwrap();
    assert!(waited >= 900, "{waited}");
}
