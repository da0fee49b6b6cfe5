//! Deliveries that are in hand and cannot be served for long.

use super::*;
use crate::support::Broker;

const HELD: usize = 500;

#[tokio::test]
async fn a_worker_that_is_stopped_gives_back_all_that_it_has_not_begun_at_once() {
    let _busy = QUIET.read().await;
    let mut stage = Stage::new(Broker::shared().await, taking(Duration::ZERO)).await;
    let queues = format!("[{{name = \"{}\", prefetch = {HELD}}}]", stage.queue);
    stage.set("queues", &queues).set("tenants.default.limits", "[{limit = 1, per = \"1h\", burst = 1}]");
    // The one permit of the hour is not to be lost to a machine that is slow between the permit and its use.
    stage.set("gate.slack", "1s");
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&channel, &stage.queue, &chain(1), "run", HELD + 1).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    eventually("all are in the worker's hands", SOON, async || {
        (amqp::depth(&channel, &stage.queue).await == 0).then_some(())
    })
    .await;
    let took = drained(&mut worker).await;
    assert_eq!(amqp::depth(&channel, &stage.queue).await as usize, HELD);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let accepted = stage.events(&channel).await.iter().filter(|event| event.body["event"] == "run.accepted").count();
    assert_eq!((accepted, stage.simulator.calls().totals.calls), (1, 1), "nothing of them has begun");
}

#[tokio::test]
async fn a_tenant_that_says_429_for_an_hour_leaves_its_chains_unaccepted_and_the_others_alone() {
    let _busy = QUIET.read().await;
    let hour = "da-0=status:429,retry-after:3600".parse().unwrap();
    let paused = SimulatorSettings { faults: vec![hour], ..taking(Duration::ZERO) };
    let mut stage = Stage::new(Broker::shared().await, paused).await;
    let b = Second::join(&mut stage, "[{limit = 1000, per = \"1s\", burst = 1}]", taking(Duration::ZERO));
    let queues =
        format!("[{{name = \"{}\", prefetch = {HELD}}}, {{name = \"{}\", tenant = \"b\"}}]", stage.queue, b.queue);
    stage.set("queues", &queues).set("worker.drain_timeout", "1s").in_memory();
    let mut worker = Worker::spawn(&stage.env());
    worker.consuming(2, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&channel, &stage.queue, &chain(1), "throttled", 1).await;
    stage.simulator.wait_until(|calls| calls.totals.answered == 1).await;
    eventually("the worker knows", SOON, async || {
        let events = stage.events(&channel).await;
        events.iter().any(|event| event.body["event"] == "step.retried").then_some(())
    })
    .await;
    submit(&channel, &stage.queue, &chain(1), "held", HELD - 1).await;
    submit(&channel, &b.queue, &chain(3), "other", 50).await;
    let results = stage.distinct_results(&channel, 50, SOON).await;
    assert!(results.keys().all(|run| run.starts_with("other-")));
    eventually("all are in the worker's hands", SOON, async || {
        (amqp::depth(&channel, &stage.queue).await == 0).then_some(())
    })
    .await;
    let events = stage.events(&channel).await;
    assert!(events.iter().all(|event| event.body["tenant"] == "b"), "of the paused tenant nothing more is accepted");
    assert_eq!(stage.simulator.calls().totals.calls, 1);
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 1, "the run that was throttled is cut short: {}", worker.log());
    assert_eq!(amqp::depth(&channel, &stage.queue).await as usize, HELD, "all are back");
}
