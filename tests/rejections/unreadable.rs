//! Properties that no AMQP library in UTF-8 can read, or that are nested so deeply that reading them overflows a stack. One
//! such message must not take the connection, the worker, or the messages beside it with it.

use cxchain::simulator::SimulatorSettings;
use lapin::{Channel, Connection};

use super::support::{Broker, Caught, SOON, Stage, Worker, amqp};
use super::wire::{CORRELATION_ID, HEADERS, MESSAGE_ID, Wire, long_string, short_string};
use super::{good, header, left_over, text};

/// Lists in a list in a list…, as a table's only field. Each level takes five bytes.
fn nested(levels: usize) -> Vec<u8> {
    let mut list = Vec::new();
    for _ in 0..levels {
        list = [b"A", &long_string(&list)[..]].concat();
    }
    long_string(&[&short_string(b"deep")[..], &list].concat())
}

/// What is left when a good chain with hostile properties, and two innocent ones beside it, have their results.
struct Survivors {
    stage: Stage,
    worker: Worker,
    channel: Channel,
    _connection: Connection,
    /// Of the hostile message's result.
    correlation_id: String,
}

impl Survivors {
    /// Enqueues all three, and runs a worker that may lose no connection over them.
    async fn of(flags: u16, properties: &[u8]) -> Self {
        let broker = Broker::shared().await;
        let stage = Stage::new(broker, SimulatorSettings::default()).await;
        let connection = stage.connect().await;
        let channel = amqp::channel(&connection).await;
        let mut wire = Wire::connect(broker.url()).await;
        stage.submit(&channel, &good(), Some("before")).await;
        wire.publish(&stage.queue, flags, properties, &good()).await;
        stage.submit(&channel, &good(), Some("after")).await;

        let worker = stage.worker().await;
        let results = stage.results(&channel, 3, SOON).await;
        assert_eq!(worker.log().matches("connected to RabbitMQ").count(), 2, "one was lost: {}", worker.log());
        let innocent = ["before", "after"];
        let hostile = results.iter().find(|result| !innocent.iter().any(|id| result.body["run_id"] == *id));
        let correlation_id = hostile.expect("the hostile message's").properties.correlation_id().clone();
        let correlation_id = correlation_id.unwrap_or_default().to_string();
        Self { stage, worker, channel, _connection: connection, correlation_id }
    }

    /// The hostile message's copy, where it was rejected.
    async fn copy(&self) -> Caught {
        self.stage.dead(&self.channel, 1).await.remove(0)
    }

    /// Nothing is left over.
    async fn end_well(mut self) {
        self.worker.signal("TERM").await;
        assert_eq!(self.worker.ended(SOON).await, 0);
        assert_eq!(left_over(&self.stage, &self.channel).await, 0);
        assert_eq!(self.stage.dead_depth(&self.channel).await, 0);
    }
}

#[tokio::test]
async fn a_correlation_id_that_is_not_utf8_loses_what_cannot_be_read() {
    let survivors = Survivors::of(CORRELATION_ID, &short_string(b"caf\xe9-1")).await;
    assert_eq!(survivors.correlation_id, "caf?-1");
    survivors.end_well().await;
}

#[tokio::test]
async fn a_message_id_that_is_not_utf8_is_a_reason_for_rejection() {
    let survivors = Survivors::of(MESSAGE_ID, &short_string(b"run-\xff")).await;
    let copy = survivors.copy().await;
    assert_eq!(text(copy.properties.message_id().as_ref()), "run-?");
    survivors.end_well().await;
}

#[tokio::test]
async fn a_header_whose_name_is_not_utf8_costs_the_message_its_headers() {
    let table = [&short_string(b"na\xefve")[..], b"t\x01"].concat();
    let properties = [long_string(&table), short_string(b"run-\xff")].concat();
    let survivors = Survivors::of(HEADERS | MESSAGE_ID, &properties).await;
    let copy = survivors.copy().await;
    assert_eq!(header(&copy, "x-cxchain-headers-omitted").as_deref(), Some("true"));
    survivors.end_well().await;
}

#[tokio::test]
async fn headers_nested_twenty_thousand_deep_overflow_no_stack() {
    let properties = [nested(20_000), short_string(b"a b")].concat();
    let survivors = Survivors::of(HEADERS | MESSAGE_ID, &properties).await;
    let copy = survivors.copy().await;
    assert_eq!(header(&copy, "x-cxchain-headers-omitted").as_deref(), Some("true"));
    survivors.end_well().await;
}

#[tokio::test]
async fn headers_within_reason_come_along() {
    let properties = [nested(10), short_string(b"a b")].concat();
    let survivors = Survivors::of(HEADERS | MESSAGE_ID, &properties).await;
    let copy = survivors.copy().await;
    assert!(copy.properties.headers().as_ref().is_some_and(|headers| headers.inner().contains_key("deep")));
    survivors.end_well().await;
}
