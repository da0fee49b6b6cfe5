//! A worker that works, and one that drains.

use std::time::Duration;

use serde_json::json;

use crate::support::{Broker, SOON, Stage, amqp};
use crate::{chain, simulator, waits};

#[tokio::test]
async fn a_worker_that_works_is_ready_and_tells_part_by_part() {
    let stage = Stage::new(Broker::shared().await, simulator(&["da-slow=slow:60s"])).await;
    let worker = stage.worker().await;
    let health = worker.health().await;
    let (status, alive) = health.get("/healthz").await;
    assert_eq!((status, &alive["status"]), (200, &json!("alive")));
    let (status, ready) = health.get("/readyz").await;
    assert_eq!((status, &ready["status"], &ready["waits_for"]), (200, &json!("ready"), &json!([])));
    assert_eq!(alive["worker"], ready["worker"]);
    let checks = &ready["checks"];
    for check in ["work", "consuming", "publishing", "journal", "token", "gate"] {
        assert_eq!(checks[check]["status"], "ready", "{check}: {ready:#}");
    }
    let queue = &checks["consuming"]["queues"][0];
    assert_eq!((&queue["name"], &queue["state"]), (&json!(stage.queue), &json!("consuming")));
    assert_eq!(checks["publishing"]["connection"]["state"], "connected");
    assert_eq!((&checks["journal"]["kind"], &checks["journal"]["writes"]), (&json!("sqlite"), &json!(true)));
    assert_eq!(checks["token"]["tenants"]["default"]["state"], "not_asked");

    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, chain("default", &json!([{"action_id": "da-slow"}])).as_bytes(), None).await;
    let busy =
        health.until("a call is on its way", |health| health["checks"]["gate"]["tenants"]["default"]["in_flight"] == 1);
    let busy = busy.await;
    assert_eq!(busy["checks"]["token"]["tenants"]["default"]["state"], "valid");
    assert_eq!((&busy["checks"]["work"]["runs"], &busy["status"]), (&json!(1), &json!("ready")));
}

#[tokio::test]
async fn a_worker_that_drains_lives_and_is_not_ready() {
    let stage = Stage::new(Broker::shared().await, simulator(&["da-held=hang"])).await;
    let mut worker = stage.worker().await;
    let health = worker.health().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, chain("default", &json!([{"action_id": "da-held"}])).as_bytes(), None).await;
    stage.simulator.wait_until(|calls| calls.action("da-held").ran == 1).await;
    worker.signal("TERM").await;
    let draining = health.until("it drains", |health| health["checks"]["work"]["draining"] == true).await;
    assert_eq!((&draining["ready"], &draining["status"]), (&json!(false), &json!("unready")));
    assert!(waits(&draining).contains("the end of 1 run: the worker drains"), "{draining:#}");
    let stopped =
        health.until("it consumes no more", |health| health["checks"]["consuming"]["queues"][0]["state"] == "stopped");
    stopped.await;
    assert_eq!(health.get("/healthz").await.0, 200, "nobody kills it before its time");
    stage.simulator.clear_faults();
    assert_eq!(worker.ended(SOON + Duration::from_secs(5)).await, 0);
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}
