//! Reads a stream as it is read over AMQP 0-9-1: from the first offset on, with a prefetch and acknowledgements.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use tokio::time::timeout;

use crate::support::{SOON, amqp};

/// Where reading ends: put in by the reader, so that nothing that was there before is missed.
const END: &[u8] = b"the end";

/// All messages of a stream, by routing key and body.
pub(crate) async fn kept(channel: &Channel, stream: &str) -> Vec<(String, Vec<u8>)> {
    amqp::publish(channel, "", stream, END, BasicProperties::default()).await;
    channel.basic_qos(10, BasicQosOptions::default()).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let options = BasicConsumeOptions::default();
    let mut messages = channel.basic_consume(stream.into(), "".into(), options, arguments).await.unwrap();
    let mut read = Vec::new();
    loop {
        let next = timeout(SOON, messages.next()).await;
        let message = next.unwrap_or_else(|_| panic!("{stream} stops after {} messages", read.len())).unwrap().unwrap();
        message.acker.ack(BasicAckOptions::default()).await.unwrap();
        if message.data == END {
            return read;
        }
        read.push((message.routing_key.to_string(), message.data));
    }
}
