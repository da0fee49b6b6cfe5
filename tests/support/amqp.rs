//! AMQP as tests need it: every answer is checked, and a surprise fails the test where it happens.

use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use tokio::time::timeout;

use super::wait::eventually;

/// How long a broker on a busy machine may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection; lapin's own timeout does not hold here, ours does.
pub async fn connect(url: &str) -> Connection {
    try_connect(url, PATIENCE).await.unwrap_or_else(|why| panic!("cannot connect to {url}: {why}"))
}

/// A connection, or why there is none.
pub async fn try_connect(url: &str, within: Duration) -> Result<Connection, String> {
    match timeout(within, Connection::connect(url, ConnectionProperties::default())).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {within:?}")),
    }
}

/// A channel with publisher confirms.
pub async fn channel(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("publisher confirms");
    channel
}

/// A durable quorum queue.
pub async fn quorum_queue(channel: &Channel, name: &str) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    queue(channel, name, arguments).await;
}

/// A durable queue with these arguments.
pub async fn queue(channel: &Channel, name: &str, arguments: FieldTable) {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(short(name), options, arguments).await;
    declared.unwrap_or_else(|error| panic!("cannot declare queue {name}: {error}"));
}

/// A durable topic exchange, and a queue that gets whatever matches `pattern`.
pub async fn topic_with_queue(channel: &Channel, exchange: &str, pattern: &str, queue: &str) {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared = channel.exchange_declare(short(exchange), ExchangeKind::Topic, options, FieldTable::default()).await;
    declared.unwrap_or_else(|error| panic!("cannot declare exchange {exchange}: {error}"));
    quorum_queue(channel, queue).await;
    let bound = channel
        .queue_bind(short(queue), short(exchange), short(pattern), QueueBindOptions::default(), FieldTable::default())
        .await;
    bound.unwrap_or_else(|error| panic!("cannot bind {queue} to {exchange}: {error}"));
}

/// Publishes a persistent message and waits until the broker has confirmed and routed it. An empty exchange name is the
/// default exchange, where the key is a queue's name.
pub async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8], properties: BasicProperties) {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let written =
        channel.basic_publish(short(exchange), short(key), options, body, properties.with_delivery_mode(2)).await;
    let written = written.unwrap_or_else(|error| panic!("cannot publish to {exchange}/{key}: {error}"));
    let confirmed = timeout(PATIENCE, written).await.unwrap_or_else(|_| panic!("no confirm for {exchange}/{key}"));
    match confirmed {
        Ok(Confirmation::Ack(None)) => {}
        other => panic!("{exchange}/{key} was not taken: {other:?}"),
    }
}

/// Takes `count` messages off a queue, in order, each acked.
///
/// # Panics
/// When they are not all there in time, saying how many were.
pub async fn take(channel: &Channel, queue: &str, count: usize, within: Duration) -> Vec<BasicGetMessage> {
    let mut taken = Vec::with_capacity(count);
    let full = async {
        while taken.len() < count {
            taken.push(eventually(queue, within, async || get(channel, queue).await).await);
        }
    };
    let in_time = timeout(within, full).await.is_ok();
    assert!(in_time, "{queue}: {} of {count} messages within {within:?}", taken.len());
    taken
}

/// The next message, acked; `None` when the queue is empty now.
pub async fn get(channel: &Channel, queue: &str) -> Option<BasicGetMessage> {
    let message = channel.basic_get(short(queue), BasicGetOptions::default()).await;
    let message = message.unwrap_or_else(|error| panic!("cannot get from {queue}: {error}"))?;
    let acked = message.delivery.ack(lapin::options::BasicAckOptions::default()).await.expect("an ack is written");
    assert!(acked, "the ack of a message from {queue} was stale");
    Some(message)
}

/// How many messages are ready in a queue.
pub async fn depth(channel: &Channel, queue: &str) -> u32 {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(short(queue), passive, FieldTable::default()).await;
    declared.unwrap_or_else(|error| panic!("there is no queue {queue}: {error}")).message_count()
}

fn short(name: &str) -> ShortString {
    ShortString::try_new(name).expect("names in tests are short")
}
