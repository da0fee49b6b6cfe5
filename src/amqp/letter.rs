//! Messages as they leave: properties, headers, exchange and key.

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

use crate::ports::{Destination, Outgoing};

/// A message ready to be published.
#[derive(Clone)]
pub(super) struct Letter {
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
}

/// Names of the exchanges that the worker publishes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `exchanges.results`.
    pub results: String,
    /// `exchanges.audit`.
    pub audit: String,
    /// `exchanges.dead`.
    pub dead: String,
}

impl Letter {
    pub(super) fn new(outgoing: Outgoing, names: &Names) -> Self {
        let (exchange, routing_key) = match outgoing.to {
            Destination::Results { routing_key } => (names.results.clone(), routing_key),
            Destination::Audit { routing_key } => (names.audit.clone(), routing_key),
            Destination::Reply { queue } => (String::new(), queue),
        };
        let mut properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short(&outgoing.message_id))
            .with_type(short(&outgoing.schema))
            .with_app_id("cxchain".into())
            .with_timestamp(u64::try_from(outgoing.timestamp.since_epoch() / 1000).unwrap_or(0));
        if let Some(id) = &outgoing.correlation_id {
            properties = properties.with_correlation_id(short(id));
        }
        if let Some(trace) = outgoing.traceparent {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), AMQPValue::LongString(LongString::from(trace)));
            properties = properties.with_headers(headers);
        }
        Self { exchange, routing_key, properties, body: outgoing.body }
    }
}

pub(super) const PERSISTENT: u8 = 2;

/// AMQP's short strings end at 255 bytes; ours are bounded below that, and what came in had the same bound.
pub(super) fn short(text: &str) -> ShortString {
    let mut end = text.len().min(255);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    ShortString::try_new(&text[..end]).unwrap_or_default()
}

pub(super) fn text_header(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}
