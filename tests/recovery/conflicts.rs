//! Two definitions under one run id, when only the journal knows the first.

use crate::support::{Broker, amqp};
use crate::{Ground, SOON, chain, simulator};

#[tokio::test]
async fn another_definition_is_a_conflict_also_after_the_run_was_settled_by_a_worker_that_is_gone() {
    let ground = Ground::new(Broker::shared().await, simulator(&[])).await;
    ground.submit(&chain(&["da-0"]), "run").await;
    ground.ends_with_one(ground.stage.worker().await).await;

    let worker = ground.stage.worker().await;
    ground.submit(&chain(&["da-other"]), "run").await;
    let letter = ground.stage.dead(&ground.channel, 1).await.remove(0);
    assert_eq!(crate::reason(&letter), "conflict");
    ground.stops(worker).await;
    nothing_of_it(&ground).await;
}

#[tokio::test]
async fn another_definition_is_a_conflict_also_while_the_run_is_open_and_nobody_has_it() {
    let ground = Ground::new(Broker::shared().await, simulator(&["da-slow=slow:20s"])).await;
    ground.submit(&chain(&["da-slow", "da-1"]), "run").await;
    let worker = ground.stage.worker().await;
    ground.stage.simulator.wait_until(|calls| calls.totals.open == 1).await;
    ground.dies(worker, 1).await;
    // The first one's message is not there when the other comes.
    let mine = amqp::take(&ground.channel, &ground.stage.queue, 1, SOON).await.remove(0);
    ground.submit(&chain(&["da-other"]), "run").await;
    let worker = ground.stage.worker().await;
    let letter = ground.stage.dead(&ground.channel, 1).await.remove(0);
    assert_eq!(crate::reason(&letter), "conflict");
    // And goes on when it is.
    ground.stage.submit(&ground.channel, &mine.delivery.data, Some("run")).await;
    let left = ground.ends_with_one(worker).await;
    assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["unknown", "success"]));
    assert_eq!(ground.stage.simulator.calls().totals.calls, 2);
}

/// No event, no result, no call.
async fn nothing_of_it(ground: &Ground) {
    for kind in ["caught.results", "caught.events"] {
        assert_eq!(amqp::depth(&ground.channel, &ground.stage.name(kind)).await, 0, "{kind}");
    }
    assert_eq!(ground.stage.simulator.calls().action("da-other").calls, 0);
    assert_eq!(amqp::depth(&ground.channel, &ground.stage.queue).await, 0);
}
