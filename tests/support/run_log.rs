//! What is asked of the audit log of a run: gapless, linked, and every repeat the same.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::Caught;

/// Checks the logs of all runs that `events` (in the order of their arrival) are of, and answers with their heads: run id →
/// (number of events, last hash).
///
/// # Panics
/// When a log has a gap, a broken link, a hash that does not fit, two versions of one event, or an event that arrived for the
/// first time before the one that it follows.
pub fn heads(events: &[Caught]) -> BTreeMap<String, (u64, String)> {
    let mut logs: BTreeMap<String, Vec<&Caught>> = BTreeMap::new();
    let mut seen: BTreeMap<&str, &[u8]> = BTreeMap::new();
    for event in events {
        let id = event.body["event_id"].as_str().expect("an event has an id");
        let before = seen.insert(id, &event.raw);
        assert!(before.is_none_or(|before| before == event.raw), "two different events {id}");
        if before.is_none() {
            let run = event.body["run_id"].as_str().expect("an event has a run");
            logs.entry(run.to_owned()).or_default().push(event);
        }
    }
    logs.into_iter().map(|(run, log)| (run, head(&log))).collect()
}

fn head(log: &[&Caught]) -> (u64, String) {
    let run = &log[0].body["run_id"];
    let mut previous = log[0].body["definition_hash"].clone();
    let mut seq = 0;
    for event in log {
        let event = &event.body;
        seq += 1;
        assert_eq!(event["seq"], seq, "the events of run {run} arrive in order, none missing: {event}");
        assert_eq!(event["prev_hash"], previous, "event {seq} of run {run} follows the one before");
        previous = event["hash"].clone();
        assert_eq!(previous, hash(event), "the hash of event {seq} of run {run}");
    }
    (seq, previous.as_str().expect("a hash is text").to_owned())
}

/// SHA-256 over the event's canonical form (RFC 8785) without `hash`.
fn hash(event: &Value) -> String {
    let mut bare = event.clone();
    bare.as_object_mut().expect("an event is an object").remove("hash");
    let canonical = serde_json_canonicalizer::to_vec(&bare).expect("JSON has a canonical form");
    Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}
