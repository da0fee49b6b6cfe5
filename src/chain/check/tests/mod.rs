//! The contract for chain definitions, rule by rule, and what hostile messages do to it.

mod catalogue;
mod expressions;
mod fallbacks;
mod hostile;
mod identity;
mod jobs;
mod meant;
mod mistakes;
mod references;
mod rules;
mod tree;

use serde_json::{Value, json};

use super::*;

/// The customer's message, byte for byte.
const CUSTOMER: &str = r#"{
  "chain_id": "cust-data-sync-001",
  "max_depth": 5,
  "global_timeout_seconds": 120,
  "steps": [
    {"action_id": "da-fetch-customer-profile", "payload": {"customerId": "CUST-8842", "fields": ["name", "email", "tier"]}, "timeout_seconds": 20, "on_failure": "abort"},
    {"action_id": "da-validate-tier-eligibility", "payload": {"tier": "premium", "region": "US-WEST"}, "timeout_seconds": 15, "on_failure": "continue"},
    {"action_id": "da-update-external-crm", "payload": {"targetSystem": "salesforce", "syncMode": "incremental"}, "timeout_seconds": 30, "on_failure": "fallback"}
  ]
}"#;

/// A definition that uses every field of this release but those of a job.
const FULL: &str = r#"{
  "version": 1,
  "chain_id": "a.b_c:d-1",
  "run_id": "run:1",
  "tenant": "north_west-1",
  "max_depth": 25,
  "global_timeout_seconds": 900,
  "expires_at": "2027-01-31T09:30:00+02:00",
  "allow_repeated_actions": true,
  "metadata": {"": "", "ticket": "T-1"},
  "steps": [
    {"id": "first", "action_id": "a", "payload": {"n": [1, -0.5, 9007199254740993, null, {"ä": "😀"}]}, "mode": "sync", "timeout_seconds": 120,
     "on_failure": "continue", "on_unknown": "retry", "idempotent": true, "retry": {"max_attempts": 10}, "required_params": ["n"]},
    {"action_id": "a", "timeout_seconds": 5, "on_unknown": "stop"}
  ]
}"#;

fn tenant(name: &str) -> TenantName {
    TenantName::parse(name).unwrap()
}

fn checked_as(body: impl AsRef<[u8]>, message_id: Option<&str>, catalogue: &Catalogue) -> Result<Chain, Rejection> {
    check(&Submission { body: body.as_ref(), message_id, queue_tenant: &tenant("of-the-queue") }, catalogue)
}

fn checked(body: impl AsRef<[u8]>) -> Result<Chain, Rejection> {
    checked_as(body, None, &Catalogue::any())
}

/// Everything that is said about a body; nothing when it is a chain.
fn said(body: impl AsRef<[u8]>) -> String {
    checked(body).err().map(|rejection| rejection.problems.to_string()).unwrap_or_default()
}

/// The pointers that are complained about, each with its phrase.
fn faults(body: &Value) -> Vec<(String, String)> {
    let Err(rejection) = checked(body.to_string()) else { return Vec::new() };
    assert!(!rejection.problems.is_empty());
    rejection.problems.list().iter().map(|problem| (problem.pointer.clone(), problem.what.clone())).collect()
}

/// A chain of one step, with `value` put at `field` (in the step for `steps/0/…`); removed for `None`.
fn with(field: &str, value: Option<Value>) -> Value {
    let mut body = json!({"chain_id": "c", "steps": [{"action_id": "a"}]});
    let (object, key) = match field.strip_prefix("steps/0/") {
        Some(key) => (&mut body["steps"][0], key),
        None => (&mut body, field),
    };
    let object = object.as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(key.to_owned(), value),
        None => object.remove(key),
    };
    body
}
