//! The admin surface under `/_sim/`, for whoever drives the simulator from another process.

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::answer::Reply;
use super::fault::{FaultRule, Target};
use super::grammar::FaultError;
use super::plan::FaultPlan;
use super::state::Shared;

/// One fault, or several that come one after the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum Faults {
    One(String),
    Several(Vec<String>),
}

pub(super) fn calls(shared: &Shared) -> Reply {
    match serde_json::to_vec(&shared.calls()) {
        Ok(calls) => Reply::json(StatusCode::OK, calls),
        Err(error) => Reply::message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

pub(super) fn health() -> Reply {
    Reply::json(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// `{target: fault}` or `{target: [fault, …]}`.
pub(super) fn faults(shared: &Shared) -> Reply {
    let mut targets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in shared.lock().faults.rules() {
        targets.entry(rule.target.to_string()).or_default().push(rule.fault.to_string());
    }
    Reply::json(StatusCode::OK, json!(targets).to_string())
}

/// In place of all faults, if all of these are sound.
pub(super) fn put_faults(shared: &Shared, body: &Bytes) -> Reply {
    match rules(body) {
        Ok(rules) => {
            shared.change(|state| state.faults = FaultPlan::new(rules));
            faults(shared)
        }
        Err(FaultError { problems }) => {
            let message = format!("no fault was changed: {}", problems.join("; "));
            let body = json!({ "message": message, "problems": problems });
            Reply::json(StatusCode::BAD_REQUEST, body.to_string())
        }
    }
}

fn rules(body: &[u8]) -> Result<Vec<FaultRule>, FaultError> {
    let targets: BTreeMap<String, Faults> = serde_json::from_slice(body).map_err(|error| FaultError {
        problems: vec![format!("the body is not {{target: fault}} or {{target: [fault, …]}}: {error}")],
    })?;
    let (mut rules, mut problems) = (Vec::new(), Vec::new());
    for (target, faults) in &targets {
        let faults = match faults {
            Faults::One(fault) => std::slice::from_ref(fault),
            Faults::Several(faults) => faults,
        };
        let target = target.parse::<Target>().map_err(|error| problems.extend(error.problems)).ok();
        for fault in faults {
            match (&target, fault.parse()) {
                (Some(target), Ok(fault)) => match FaultRule::checked(target.clone(), fault) {
                    Ok(rule) => rules.push(rule),
                    Err(FaultError { problems: more }) => problems.extend(more),
                },
                (None, Ok(_)) => {}
                (_, Err(FaultError { problems: more })) => problems.extend(more),
            }
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(FaultError { problems }) }
}
