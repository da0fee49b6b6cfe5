//! Messages without an id after a crash: each finds the run that the dead worker began with it, or with its twin.

use std::collections::BTreeSet;

use crate::support::Broker;
use crate::{Ground, chain, simulator};

#[tokio::test]
async fn messages_of_equal_bytes_go_on_with_a_run_each_and_none_begins_anew() {
    let ground = Ground::new(Broker::shared().await, simulator(&["da-slow=slow:20s"])).await;
    let definition = chain(&["da-0", "da-slow", "da-2"]);
    for _ in 0..3 {
        ground.submit(&definition, None).await;
    }
    let worker = ground.stage.worker().await;
    ground.stage.simulator.wait_until(|calls| calls.totals.open == 3).await;
    let begun: BTreeSet<String> = ground.stage.simulator.calls().runs.into_keys().collect();
    ground.dies(worker, 3).await;

    let left = ground.ends(3, ground.stage.worker().await).await;
    assert!(left.keys().eq(begun.iter()), "{:?}, {begun:?}", left.keys());
    for (run, left) in &left {
        assert_eq!(
            (left.end(), left.statuses()),
            (("completed", None), vec!["success", "unknown", "success"]),
            "{run}"
        );
    }
    let calls = ground.stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.ran_again().len()), (9, 0));
}

#[tokio::test]
async fn one_that_was_settled_and_not_acknowledged_gets_its_result_again() {
    let ground = Ground::new(Broker::shared().await, simulator(&[])).await;
    ground.submit(&chain(&["da-0"]), None).await;
    ground.dies_at("settled").await;
    let left = ground.ends_with_one(ground.stage.worker().await).await;
    assert_eq!((left.end(), left.events[0]["run_id_assigned"].as_bool()), (("completed", None), Some(true)));
    assert_eq!(ground.stage.simulator.calls().totals.calls, 1);

    // It is acknowledged now: the same bytes are another run.
    ground.submit(&chain(&["da-0"]), None).await;
    let next = ground.ends_with_one(ground.stage.worker().await).await;
    assert_ne!(next.result["run_id"], left.result["run_id"]);
}
