//! Hostile properties: they are carried along, and nobody acts upon them.

use cxchain::simulator::SimulatorSettings;
use lapin::options::QueueBindOptions;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{BasicProperties, Channel};
use url::Url;

use super::support::{Broker, Caught, SOON, Stage, amqp};
use super::{good, header, left_over, no_chain, problems, text};

async fn stage() -> Stage {
    Stage::new(Broker::shared().await, SimulatorSettings::default()).await
}

/// The dead letter that becomes of a broken message with these properties.
async fn buried(stage: &Stage, channel: &Channel, properties: BasicProperties) -> Caught {
    stage.submit_with(channel, &no_chain(), properties).await;
    let copy = stage.dead(channel, 1).await.remove(0);
    assert_eq!(copy.raw, no_chain());
    assert_eq!(problems(&copy)[0]["pointer"], "/steps");
    copy
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn list(entries: &[&str]) -> AMQPValue {
    let entries = entries.iter().map(|entry| AMQPValue::LongString((*entry).into())).collect::<Vec<_>>();
    AMQPValue::FieldArray(FieldArray::from(entries))
}

/// RabbitMQ itself routes a message by its headers CC and BCC as by its routing key. So the bystander's queue is made and
/// bound only after the messages were enqueued: what arrives there has come from the worker.
#[tokio::test]
async fn headers_that_ask_for_copies_are_not_obeyed() {
    let stage = stage().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let bystander = stage.name("bystander");
    let headers = table([("CC", list(&[&bystander])), ("BCC", list(&[&bystander])), ("kept", list(&["x"]))]);
    stage.submit_with(&channel, &no_chain(), BasicProperties::default().with_headers(headers.clone())).await;
    stage.submit_with(&channel, &good(), BasicProperties::default().with_headers(headers)).await;
    amqp::quorum_queue(&channel, &bystander).await;
    for exchange in ["dead", "results", "audit"] {
        let (queue, key) = (bystander.as_str().into(), bystander.as_str().into());
        let exchange = stage.name(exchange).as_str().into();
        let bound = channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await;
        bound.expect("both are there");
    }

    let mut worker = stage.worker().await;
    stage.results(&channel, 2, SOON).await;
    let copy = stage.dead(&channel, 1).await.remove(0);
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0);
    assert_eq!(amqp::depth(&channel, &bystander).await, 0);
    let kept = copy.properties.headers().clone().unwrap_or_default();
    assert_eq!(kept.inner().get("kept"), Some(&list(&["x"])), "other headers come along");
}

#[tokio::test]
async fn the_dead_letter_stays_and_carries_what_was_received() {
    let stage = stage().await;
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let user = Url::parse(Broker::shared().await.url()).expect("an AMQP URL").username().to_owned();
    let received = BasicProperties::default()
        .with_content_type("text/html".into())
        .with_content_encoding("gzip".into())
        .with_priority(255)
        .with_correlation_id("ä".repeat(127).as_str().into())
        .with_reply_to(stage.queue.as_str().into())
        .with_message_id("run-1".into())
        .with_timestamp(u64::from(u32::MAX))
        .with_type("../../etc/passwd".into())
        .with_app_id("a\r\nb".into());
    let acted_upon = received.clone().with_expiration("600000".into()).with_user_id(user.as_str().into());

    let copy = buried(&stage, &channel, acted_upon).await;
    let plain = copy.properties.clone().with_headers(FieldTable::default());
    assert_eq!(plain, received.with_delivery_mode(2).with_headers(FieldTable::default()), "no expiration, no user id");
}

#[tokio::test]
async fn headers_that_fill_a_frame_are_left_behind() {
    let stage = stage().await;
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let mut one = FieldTable::default();
    one.insert("x".into(), AMQPValue::LongString("x".repeat(100 << 10).into()));
    let mut many = FieldTable::default();
    for n in 0..9000 {
        many.insert(format!("name-{n}").as_str().into(), AMQPValue::Boolean(true));
    }
    let lists = table([("x", AMQPValue::FieldArray(vec![AMQPValue::Void; 100 << 10].into()))]);
    let tables =
        table([("x", AMQPValue::FieldArray(vec![AMQPValue::FieldTable(FieldTable::default()); 20_000].into()))]);

    for headers in [one, many, lists, tables] {
        let copy = buried(&stage, &channel, BasicProperties::default().with_headers(headers)).await;
        let kept = copy.properties.headers().clone().unwrap_or_default();
        assert!(kept.inner().keys().all(|name| is_noted(name.as_str())), "{kept:?}");
        assert_eq!(header(&copy, "x-cxchain-headers-omitted").as_deref(), Some("true"));
    }
    let small = table([("x", AMQPValue::LongString("x".repeat(50 << 10).into()))]);
    let copy = buried(&stage, &channel, BasicProperties::default().with_headers(small)).await;
    assert_eq!(header(&copy, "x").map(|text| text.len()), Some(50 << 10));
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0);
    assert_eq!(worker.log().matches("connected to RabbitMQ").count(), 2, "no connection was lost: {}", worker.log());
}

/// What the worker, or the broker on the way to the test, wrote down.
fn is_noted(name: &str) -> bool {
    name.starts_with("x-cxchain-") || name == "x-delivery-count"
}

/// A result in a work queue would come back as a broken chain, whose result would come back as one more.
#[tokio::test]
async fn no_reply_goes_to_a_queue_of_the_workers_own() {
    let stage = stage().await;
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let foreign = "cxchain.somebody-elses";
    let own = [stage.queue.clone(), stage.name("dead"), stage.name("audit.log"), foreign.to_owned()];
    for (n, name) in own.iter().enumerate() {
        let properties = BasicProperties::default().with_reply_to(name.as_str().into());
        let good_id = format!("good-{n}");
        stage.submit_with(&channel, &good(), properties.clone().with_message_id(good_id.as_str().into())).await;
        stage.submit_with(&channel, &no_chain(), properties).await;
    }
    stage.results(&channel, 2 * own.len(), SOON).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0);
    assert_eq!(stage.dead_depth(&channel).await, 4, "the four that were submitted, and no result");
    assert_eq!(left_over(&stage, &channel).await, 0);
    assert_eq!(amqp::depth(&channel, &stage.name("caught.results")).await, 0);
}

#[tokio::test]
async fn whoever_waits_for_a_reply_hears_of_the_rejection() {
    let stage = stage().await;
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let replies = stage.name("replies");
    amqp::quorum_queue(&channel, &replies).await;
    let properties =
        BasicProperties::default().with_reply_to(replies.as_str().into()).with_correlation_id("question-1".into());
    buried(&stage, &channel, properties).await;

    let reply = amqp::take(&channel, &replies, 1, SOON).await.remove(0);
    assert_eq!(text(reply.delivery.properties.correlation_id().as_ref()), "question-1");
    let body: serde_json::Value = serde_json::from_slice(&reply.delivery.data).expect("JSON");
    assert_eq!(body["final_status"], "rejected");
}

#[tokio::test]
async fn a_correlation_id_of_255_bytes_comes_back_whole() {
    let stage = stage().await;
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let id = format!("{}c", "ä".repeat(127));
    let properties = BasicProperties::default().with_correlation_id(id.as_str().into());
    stage.submit_with(&channel, &good(), properties.clone()).await;
    stage.submit_with(&channel, &no_chain(), properties).await;
    for result in stage.results(&channel, 2, SOON).await {
        assert_eq!(text(result.properties.correlation_id().as_ref()), id, "{}", result.body);
    }
    for event in stage.events(&channel).await {
        assert_eq!(text(event.properties.correlation_id().as_ref()), id, "{}", event.body);
    }
}

#[tokio::test]
async fn trace_context_is_passed_on_only_in_its_own_form() {
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let stage = stage().await;
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let upper = GOOD.to_uppercase();
    let text = |text: &str| AMQPValue::LongString(text.into());
    let bytes = AMQPValue::LongString(b"00-\xff".to_vec().into());
    let values = [text("x\r\ny: z"), text(""), text(&upper), bytes, AMQPValue::LongInt(7), list(&[GOOD]), text(GOOD)];
    for (n, value) in values.into_iter().enumerate() {
        let is_good = value == text(GOOD);
        let properties = BasicProperties::default().with_headers(table([("traceparent", value)]));
        let good_id = format!("run-{n}");
        stage.submit_with(&channel, &good(), properties.clone().with_message_id(good_id.as_str().into())).await;
        stage.submit_with(&channel, &no_chain(), properties).await;
        let mut published = stage.results(&channel, 2, SOON).await;
        published.extend(stage.events(&channel).await);
        assert_eq!(published.len(), 6, "two results, three events of the run, one of the rejection");
        for message in published {
            assert_eq!(header(&message, "traceparent").as_deref(), is_good.then_some(GOOD), "{n}: {}", message.body);
        }
    }
}
