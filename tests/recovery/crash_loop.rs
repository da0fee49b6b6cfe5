//! A run that kills whoever takes it up.

use crate::support::{Broker, amqp};
use crate::{Ground, chain, simulator};

#[tokio::test]
async fn the_fifth_resume_in_a_row_without_progress_ends_the_run_and_copies_its_message_to_dead() {
    let ground = Ground::new(Broker::shared().await, simulator(&[])).await;
    let definition = chain(&["da-0", "da-1", "da-2"]);
    ground.submit(&definition, "run").await;
    ground.dies_at("intent:2").await;
    // The step in flight is unknown then: that is progress. From there on it is always the next one that kills.
    for _ in 0..5 {
        ground.dies_at("permit").await;
    }
    let worker = ground.stage.worker().await;
    let letter = ground.stage.dead(&ground.channel, 1).await.remove(0);
    let left = ground.ends_with_one(worker).await;

    assert_eq!(left.end(), ("terminated_early", Some("crash_loop")));
    assert_eq!(left.statuses()[..2], ["success", "unknown"]);
    assert_eq!(left.result["reason"]["step_id"], "step_2");
    let calls = ground.stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.step("run", "step_0").calls), (1, 1));
    assert_eq!(crate::reason(&letter), "crash_loop");
    assert_eq!(letter.raw, definition.to_string().as_bytes());
    assert_eq!(ground.stage.dead_depth(&ground.channel).await, 0, "one copy");

    // It is over: a duplicate gets the same result.
    let worker = ground.stage.worker().await;
    ground.submit(&definition, "run").await;
    let again = ground.stage.result(&ground.channel).await;
    assert_eq!(again, left.result);
    ground.stops(worker).await;
    assert_eq!(amqp::depth(&ground.channel, &ground.stage.queue).await, 0);
}

#[tokio::test]
async fn a_run_that_gets_further_each_time_is_never_given_up() {
    let ground = Ground::held(Broker::shared().await, simulator(&[])).await;
    let actions: Vec<String> = (0..8).map(|n| format!("da-{n}")).collect();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    ground.submit(&chain(&actions), "run").await;
    for _ in 0..7 {
        ground.dies_at("outcome").await;
    }
    let left = ground.ends_with_one(ground.stage.worker().await).await;
    assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["success"; 8]));
    assert_eq!(left.named("run.resumed").len(), 7);
    assert_eq!(ground.stage.simulator.calls().totals.calls, 8);
}
