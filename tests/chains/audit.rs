//! Reads audit events as a stranger would: with another implementation of RFC 8785, and nothing of the worker's own code.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::Caught;

/// SHA-256 in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 over the RFC 8785 form.
pub(crate) fn canonical_hash(value: &Value) -> String {
    sha256(&serde_json_canonicalizer::to_vec(value).unwrap())
}

/// The names of an object's members, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Events by their run, each run's in order of arrival.
pub(crate) fn by_run(events: Vec<Caught>) -> BTreeMap<String, Vec<Caught>> {
    let mut runs: BTreeMap<String, Vec<Caught>> = BTreeMap::new();
    for event in events {
        runs.entry(event.body["run_id"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    runs
}

/// The bodies of the events of one kind.
pub(crate) fn of_kind<'a>(events: &'a [Caught], kind: &str) -> Vec<&'a Value> {
    events.iter().map(|event| &event.body).filter(|body| body["event"] == kind).collect()
}

/// Checks that `events` are a whole run of `definition`, in order, without a gap, each linked to the one before, and that
/// every message carries what all messages carry. Answers with what `audit_head` has to be.
pub(crate) fn linked(definition: &Value, run_id: &str, correlation_id: &str, events: &[Caught]) -> Value {
    let mut prev_hash = canonical_hash(definition);
    assert_eq!(events.first().unwrap().body["event"], "run.accepted");
    assert_eq!(events.last().unwrap().body["event"], "run.finished");
    assert_eq!(events[0].body["definition_hash"], prev_hash.as_str());
    for (index, caught) in events.iter().enumerate() {
        let body = &caught.body;
        assert_eq!(body["seq"], index + 1, "{body}");
        assert_eq!(body["run_id"], run_id);
        assert_eq!(body["event_id"], format!("{run_id}:{}", index + 1));
        assert_eq!(body["schema"], format!("cxchain.{}.v1", body["event"].as_str().unwrap()));
        assert_eq!(body["prev_hash"], prev_hash.as_str(), "the link before {body}");
        let mut hashed = body.clone();
        hashed.as_object_mut().unwrap().remove("hash");
        prev_hash = canonical_hash(&hashed);
        assert_eq!(body["hash"], prev_hash.as_str(), "the hash of {body}");
        assert_eq!(caught.raw, serde_json_canonicalizer::to_vec(body).unwrap(), "published as its RFC 8785 form");
        message(caught, &body["event_id"], &body["schema"], correlation_id, &body["timestamp"]);
        assert_eq!(caught.routing_key, routing_key(body));
    }
    json!({"seq": events.len(), "hash": prev_hash})
}

/// The properties that every message has.
pub(crate) fn message(caught: &Caught, id: &Value, schema: &Value, correlation_id: &str, timestamp: &Value) {
    let properties = &caught.properties;
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string).map_or(Value::Null, Value::from);
    assert_eq!(text(properties.content_type()), "application/json");
    assert_eq!(*properties.delivery_mode(), Some(2), "persistent");
    assert_eq!(text(properties.message_id()), *id);
    assert_eq!(text(properties.kind()), *schema);
    assert_eq!(text(properties.app_id()), "cxchain");
    assert_eq!(text(properties.correlation_id()), correlation_id);
    let seconds = u64::try_from(millis(timestamp) / 1000).unwrap();
    assert_eq!(*properties.timestamp(), Some(seconds));
}

/// Properties as they were sent: a quorum queue adds a header of its own.
pub(crate) fn as_sent(properties: &BasicProperties) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        if name.as_str() != "x-delivery-count" {
            headers.insert(name.clone(), value.clone());
        }
    }
    properties.clone().with_headers(headers)
}

/// The header `traceparent`.
pub(crate) fn traceparent(caught: &Caught) -> Option<String> {
    match caught.properties.headers().as_ref()?.inner().get("traceparent")? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        other => panic!("traceparent is a long string, not {other:?}"),
    }
}

/// Milliseconds since 1970 of a timestamp as published: RFC 3339 in UTC, always with three decimals.
pub(crate) fn millis(timestamp: &Value) -> i64 {
    let text = timestamp.as_str().unwrap();
    assert!(text.len() == "2026-01-01T00:00:00.000Z".len() && text.ends_with('Z'), "{text}");
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn routing_key(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap();
    let end = match text("event") {
        "step.finished" => format!(".{}", text("status")),
        "run.finished" => format!(".{}", text("final_status")),
        _ => String::new(),
    };
    format!("{}.{}{end}", text("tenant"), text("event"))
}
