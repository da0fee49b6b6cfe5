//! A broker that is not there, goes away, takes nothing, or lacks what the worker stands on: the worker says which, and what it
//! says is over when it is.

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use serde_json::{Value, json};

use crate::support::{Broker, SOON, Stage, Worker, amqp};
use crate::{chain, simulator, waits};

fn queue(health: &Value) -> &Value {
    &health["checks"]["consuming"]["queues"][0]
}

#[tokio::test]
async fn a_worker_that_finds_no_broker_lives_and_says_what_it_waits_for() {
    let env = [("CXCHAIN__BROKER__URL".to_owned(), "amqp://guest:canary-8a@127.0.0.1:1/%2f".to_owned())];
    let mut worker = Worker::spawn(&env);
    let health = worker.health().await;
    assert_eq!(health.get("/healthz").await.0, 200);
    let waiting =
        health.until("it has tried", |health| health["checks"]["publishing"]["connection"]["last_error"].is_object());
    let waiting = waiting.await;
    assert_eq!((&waiting["ready"], &queue(&waiting)["state"]), (&json!(false), &json!("connecting")));
    assert!(waits(&waiting).contains("RabbitMQ at 127.0.0.1:1"), "{waiting:#}");
    assert!(!waiting.to_string().contains("canary"), "{waiting:#}");
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0);
}

#[tokio::test]
async fn a_broker_that_takes_nothing_and_one_that_dies_are_told_apart_and_both_are_over_one_day() {
    let broker = Broker::start().await;
    let stage = Stage::new(&broker, simulator(&["da-held=hang"])).await;
    let worker = stage.worker().await;
    let health = worker.health().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let held = json!([{"action_id": "da-good"}, {"action_id": "da-held", "timeout_seconds": 120}]);
    stage.submit(&channel, chain("default", &held).as_bytes(), None).await;
    stage.simulator.wait_until(|calls| calls.action("da-held").ran == 1).await;

    // The broker blocks a connection when it publishes: what comes of the held step is what it does not take.
    broker.ctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    stage.simulator.clear_faults();
    let blocked =
        health.until("it is blocked", |health| health["checks"]["publishing"]["connection"]["state"] == "blocked");
    let blocked = blocked.await;
    assert_eq!(blocked["ready"], false);
    assert!(waits(&blocked).contains("connection.blocked: low on memory"), "{blocked:#}");
    assert_eq!(blocked["checks"]["consuming"]["status"], "ready", "{blocked:#}");
    broker.ctl(&["set_vm_memory_high_watermark", "0.5"]).await;
    health.until("it is ready again", |health| health["status"] == "ready").await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    drop((channel, connection));

    broker.kill().await;
    let lost = health.until("both connections are lost", |health| {
        health["checks"]["publishing"]["status"] == "unready" && health["checks"]["consuming"]["status"] == "unready"
    });
    let lost = lost.await;
    assert_eq!(queue(&lost)["state"], "connection_lost", "{lost:#}");
    assert!(waits(&lost).contains("RabbitMQ: connecting"), "{lost:#}");
    broker.restart().await;
    let back = health.until("it is ready again", |health| health["status"] == "ready").await;
    assert!(queue(&back)["last_error"]["what"].is_string(), "what went wrong is told afterwards, too: {back:#}");
    assert!(queue(&back)["since"].as_str() > queue(&lost)["since"].as_str(), "{back:#}");
}

#[tokio::test]
async fn a_queue_and_an_exchange_that_are_gone_are_named_until_somebody_makes_them() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    stage.set("broker.declare", "false");
    let worker = stage.worker().await;
    let health = worker.health().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;

    channel.exchange_delete(stage.name("audit").into(), ExchangeDeleteOptions::default()).await.expect("it was there");
    stage.submit(&channel, chain("default", &json!([{"action_id": "da-good"}])).as_bytes(), None).await;
    let stuck = health.until("a message is not taken", |health| health["checks"]["publishing"]["retrying"] == 1).await;
    assert_eq!((&stuck["status"], &stuck["ready"]), (&json!("degraded"), &json!(true)));
    assert!(waits(&stuck).contains("1 message to be taken: RabbitMQ closed the channel: NOT_FOUND"), "{stuck:#}");

    let log = worker.log();
    let told = log.lines().find(|line| line.contains("not published yet")).expect("it says so");
    assert!(told.contains("run{run_id="), "whose event it is: {told}");

    channel.queue_delete(stage.queue.as_str().into(), QueueDeleteOptions::default()).await.expect("it was there");
    let gone = health.until("its queue is gone", |health| queue(health)["state"] == "queue_gone").await;
    assert_eq!(gone["ready"], false);
    assert!(waits(&gone).contains(&format!("queue {}: queue_gone: ", stage.queue)), "{gone:#}");

    assert_eq!(stage.command(&["topology", "apply"]).await.0, 0);
    health.until("it is ready again", |health| health["status"] == "ready").await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}
