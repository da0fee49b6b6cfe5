//! Makes audit events: numbers them, links each to the one before by its hash, and fixes the bytes that are journaled
//! and published.

use serde::Serialize;
use serde_json::Value;

use super::super::canonical::canonical;
use super::super::hash::sha256_hex;
use super::super::ids::{ChainId, RunId, TenantName};
use super::super::stamp::Millis;
use super::event::{Event, EventBody, RunRejected};

/// An event with the bytes that it is published as (its RFC 8785 form).
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// The event.
    pub event: Event,
    /// The message's body.
    pub bytes: String,
}

/// The last link of a run's hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The number of published events.
    pub seq: u64,
    /// The hash of the last one; of none: the definition hash.
    pub hash: String,
}

/// Whom an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The run.
    pub run_id: RunId,
    /// The chain.
    pub chain_id: ChainId,
    /// The tenant.
    pub tenant: TenantName,
}

/// Who writes events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// `worker.id`.
    pub worker: String,
    /// `audit.compliance_tag`.
    pub compliance_tag: String,
}

/// The event that follows `head`.
#[must_use]
pub fn seal(head: &Head, subject: &Subject, author: &Author, timestamp: Millis, body: EventBody) -> Sealed {
    let seq = head.seq + 1;
    finish(Event {
        schema: schema(&body),
        event_id: format!("{}:{seq}", subject.run_id),
        body,
        seq,
        run_id: Some(subject.run_id.clone()),
        chain_id: Some(subject.chain_id.clone()),
        tenant: subject.tenant.clone(),
        worker: author.worker.clone(),
        timestamp,
        compliance_tag: author.compliance_tag.clone(),
        prev_hash: Some(head.hash.clone()),
        hash: String::new(),
    })
}

/// The event for a message that is no valid chain definition. `body_hash` names it: the same bytes rejected twice make
/// the same id.
#[must_use]
pub fn rejection(
    body_hash: &str,
    run: (Option<RunId>, Option<ChainId>, TenantName),
    author: &Author,
    timestamp: Millis,
    rejected: RunRejected,
) -> Sealed {
    let (run_id, chain_id, tenant) = run;
    let body = EventBody::RunRejected(rejected);
    finish(Event {
        schema: schema(&body),
        event_id: format!("{body_hash}:0"),
        body,
        seq: 0,
        run_id,
        chain_id,
        tenant,
        worker: author.worker.clone(),
        timestamp,
        compliance_tag: author.compliance_tag.clone(),
        prev_hash: None,
        hash: String::new(),
    })
}

fn schema(body: &EventBody) -> String {
    format!("cxchain.{}.v1", body.name())
}

fn finish(mut event: Event) -> Sealed {
    let mut form = to_value(&event);
    let fields = form.as_object_mut().unwrap_or_else(|| unreachable!("an event is an object"));
    fields.remove("hash");
    event.hash = sha256_hex(canonical(&form).as_bytes());
    form["hash"] = Value::from(event.hash.clone());
    Sealed { event, bytes: canonical(&form) }
}

fn to_value(event: &Event) -> Value {
    serde_json::to_value(event).unwrap_or_else(|error| unreachable!("an event is plain data: {error}"))
}

impl Sealed {
    /// The event that `bytes` are, as journaled before.
    ///
    /// # Errors
    /// When they are no event: the journal is damaged.
    pub fn parse(bytes: &str) -> Result<Self, serde_json::Error> {
        Ok(Self { event: serde_json::from_str(bytes)?, bytes: bytes.into() })
    }

    /// Where the hash chain stands after this event.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.event.seq, hash: self.event.hash.clone() }
    }
}
