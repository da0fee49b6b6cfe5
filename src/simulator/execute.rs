//! The synchronous action: it echoes its payload.

use hyper::StatusCode;
use serde_json::value::RawValue;

use super::answer::Reply;
use super::exchange::Served;
use super::fault::Fault;
use super::open_call::OpenCall;
use crate::chain::ActionId;

/// Carries the action out, unless the fault is that it does not run.
pub(super) fn execute(call: &OpenCall, action: &ActionId, payload: &[u8], fault: Option<&Fault>) -> Served {
    let payload = if payload.is_empty() { b"null" } else { payload };
    let Ok(payload) = serde_json::from_slice::<&RawValue>(payload) else {
        return Served::Refused(Reply::message(StatusCode::BAD_REQUEST, "the body is not JSON"));
    };
    if fault.is_none_or(|fault| fault.behaviour.runs_the_action()) {
        call.note_run();
    }
    Served::Well(Reply::json(StatusCode::OK, output(action, payload.get())))
}

/// What a healthy action puts out for a payload, which is JSON. An action id holds nothing that JSON would escape.
pub(super) fn output(action: &ActionId, payload: &str) -> String {
    format!(r#"{{"action":"{action}","ok":true,"echo":{payload}}}"#)
}
