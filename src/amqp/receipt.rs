//! Settles deliveries, and sends copies of bad ones to the dead exchange.

use std::time::Duration;

use bytes::Bytes;
use lapin::Acker;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use tracing::debug;

use super::letter::{Letter, PERSISTENT};
use super::publisher::Publisher;
use super::vacancy::InHand;
use crate::ports::{BoxFuture, DeadReason, Receipt, Stopped, Tether};

/// Headers of a hostile message may fill a whole frame; with ours on top they would not fit and the broker would close the
/// connection. Beyond this size they are left behind.
const MOST_HEADER_BYTES: usize = 64 * 1024;
/// How long it may take until a settlement is written. One that is said while the connection breaks is never answered, and a
/// run would wait for it without end.
const WRITTEN: Duration = Duration::from_secs(10);

pub(super) struct AmqpReceipt {
    pub(super) acker: Acker,
    pub(super) queue: String,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
    pub(super) publisher: Publisher,
    pub(super) tether: Tether,
    pub(super) in_hand: InHand,
}

impl Receipt for AmqpReceipt {
    fn is_usable(&self) -> bool {
        stands(&self.acker, &self.tether)
    }

    fn tether(&self) -> Tether {
        self.tether.clone()
    }

    fn ack(self: Box<Self>) -> BoxFuture<'static, bool> {
        Box::pin(async move {
            let acked = written(self.acker.ack(BasicAckOptions::default())).await;
            if acked {
                self.in_hand.settled();
            }
            acked
        })
    }

    fn requeue(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            if written(self.acker.nack(options)).await {
                self.in_hand.settled();
            } else {
                debug!("a delivery was gone before it could be given back");
            }
        })
    }

    fn bury<'a>(&'a self, reason: DeadReason, problems: String) -> BoxFuture<'a, Result<(), Stopped>> {
        let letter = Letter {
            exchange: self.publisher.names().dead.clone(),
            routing_key: self.queue.clone(),
            properties: dead_properties(&self.properties, reason, problems, &self.queue),
            body: self.body.clone(),
        };
        Box::pin(self.publisher.deliver(letter))
    }
}

/// A channel that is given up may not have been told yet.
fn stands(acker: &Acker, tether: &Tether) -> bool {
    tether.cut_at().is_none() && acker.usable()
}

/// Whether a settlement was said to the broker.
async fn written(settling: impl Future<Output = lapin::Result<bool>>) -> bool {
    matches!(tokio::time::timeout(WRITTEN, settling).await, Ok(Ok(true)))
}

/// The properties as received, with what the worker has to say. Left out is what would make the broker act: an expiration (the
/// message would vanish from the dead queue), a user id (it must be the publisher's, or the channel is closed), and the headers
/// CC and BCC (copies to any queue that the sender names).
fn dead_properties(received: &BasicProperties, reason: DeadReason, problems: String, queue: &str) -> BasicProperties {
    let mut headers = received.headers().clone().unwrap_or_default();
    if size_of_table(&headers) > MOST_HEADER_BYTES {
        headers = FieldTable::default();
        headers.insert("x-cxchain-headers-omitted".into(), AMQPValue::Boolean(true));
    }
    let mut kept = FieldTable::default();
    for (name, value) in headers.inner() {
        if !matches!(name.as_str(), "CC" | "BCC") {
            kept.insert(name.clone(), value.clone());
        }
    }
    let mut note = |name: &str, value: String| {
        kept.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    };
    note("x-cxchain-reason", reason.as_str().into());
    note("x-cxchain-problems", problems);
    note("x-cxchain-queue", queue.into());

    let mut properties = BasicProperties::default().with_headers(kept).with_delivery_mode(PERSISTENT);
    macro_rules! keep {
        ($($get:ident => $with:ident),*) => {
            $(if let Some(value) = received.$get() { properties = properties.$with(value.clone()); })*
        };
    }
    keep!(
        content_type => with_content_type, content_encoding => with_content_encoding, priority => with_priority,
        correlation_id => with_correlation_id, reply_to => with_reply_to, message_id => with_message_id,
        timestamp => with_timestamp, kind => with_type, app_id => with_app_id
    );
    properties
}

/// About how many bytes a table takes on the wire.
fn size_of_table(table: &FieldTable) -> usize {
    table.inner().iter().map(|(name, value)| name.as_str().len() + 2 + size_of_value(value)).sum()
}

fn size_of_value(value: &AMQPValue) -> usize {
    const PLAIN: usize = 8;
    match value {
        AMQPValue::ShortString(text) => text.as_str().len() + 1,
        AMQPValue::LongString(text) => text.as_bytes().len() + 4,
        AMQPValue::ByteArray(bytes) => bytes.as_slice().len() + 4,
        AMQPValue::FieldArray(items) => items.as_slice().iter().map(|item| 1 + size_of_value(item)).sum::<usize>() + 4,
        AMQPValue::FieldTable(table) => size_of_table(table) + 4,
        _ => PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn a_receipt_of_a_channel_that_is_given_up_is_void() {
        let delivery = lapin::message::Delivery::mock(1, "".into(), "queue".into(), false, Vec::new());
        let tether = Tether::default();
        assert!(stands(&delivery.acker, &tether));
        tether.cut();
        assert!(!stands(&delivery.acker, &tether));
    }

    #[tokio::test(start_paused = true)]
    async fn a_settlement_counts_only_when_it_was_written_in_time() {
        assert!(written(ready(Ok(true))).await);
        assert!(!written(ready(Ok(false))).await, "its channel was lost");
        assert!(!written(ready(Err(lapin::ErrorKind::InvalidChannel(1).into()))).await);
        assert!(!written(pending()).await, "the connection broke while it was said");
    }
}
