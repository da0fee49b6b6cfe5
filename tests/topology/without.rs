//! `broker.declare = false`: the worker looks, and makes nothing.

use cxchain::simulator::SimulatorSettings;

use super::Place;
use super::support::{Broker, SOON, Stage, Worker, amqp};

const CHAIN: &[u8] = br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#;

#[tokio::test]
async fn a_worker_that_may_not_declare_works_on_what_is_there() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("broker.declare", "false");
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}

#[tokio::test]
async fn a_worker_that_may_not_declare_names_all_that_is_missing() {
    let mut place = Place::new().await;
    place.set("BROKER__DECLARE", "false");
    let mut worker = Worker::spawn(&place.env);
    assert_eq!(worker.ended(SOON).await, 78);
    let said = worker.log();
    for object in
        ["exchange audit", "exchange control", "queue dead", "queue chains", "queue chains.2", "queue audit.log"]
    {
        let (kind, short) = object.split_once(' ').expect("a kind and a name");
        assert!(said.contains(&format!("{kind} {}: found ", place.name(short))), "{object}: {said}");
    }
    assert!(said.contains("cxchain topology apply"), "it says what to do: {said}");
    assert_eq!(place.there().await, [""; 0], "nothing was made");
}

#[tokio::test]
async fn one_missing_queue_is_enough() {
    let mut place = Place::new().await;
    place.apply().await;
    let connection = place.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    channel.queue_delete(place.name("chains.2").as_str().into(), Default::default()).await.expect("it was there");
    place.set("BROKER__DECLARE", "false");
    let mut worker = Worker::spawn(&place.env);
    assert_eq!(worker.ended(SOON).await, 78);
    let said = worker.log();
    assert!(said.contains(&format!("queue {}: found ", place.name("chains.2"))), "{said}");
    assert!(!said.contains(&format!("queue {}: found", place.name("chains"))), "{said}");
    assert_eq!(place.there().await.len(), 8);
}
