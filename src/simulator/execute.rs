//! The action endpoint.

use std::sync::Arc;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use serde_json::value::RawValue;

use super::answer::{Answer, BrokenOff, Reply};
use super::carry_out::{carry_out, reset};
use super::fault::{Behaviour, Fault, Target};
use super::identity::Identity;
use super::ledger::Caller;
use super::open_call::{Admission, OpenCall};
use super::state::Shared;
use super::wire::Wire;
use crate::chain::ActionId;

const MAX_BODY: usize = 16 << 20;

/// Judged when the headers are there; answered when the body is.
pub(super) async fn execute(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    action: ActionId,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let (head, body) = request.into_parts();
    let caller = Caller { target: Target::Action(action.clone()), identity: Identity::of(&head.headers) };
    let call = OpenCall::begin(shared, caller);
    let admission = call.admit(bearer(&head.headers));
    if let Admission::Accepted(Some(Fault { behaviour: Behaviour::ResetBefore, .. }), _) = admission {
        return Err(reset(call, wire));
    }
    let payload = match read(body).await {
        Ok(payload) => payload,
        Err(Unread::TooLarge) => return Ok(too_large().to(Some(call), wire)),
        // The call is dropped: cut off.
        Err(Unread::ClientGone) => return Err(BrokenOff),
    };
    call.note_payload(&payload);
    let reply = match admission {
        Admission::NoToken => Reply::message(StatusCode::UNAUTHORIZED, "a valid token is needed"),
        Admission::Throttled(seconds) => {
            Reply::message(StatusCode::TOO_MANY_REQUESTS, "the rate limit is exceeded").with(RETRY_AFTER, seconds)
        }
        Admission::Accepted(fault, latency) => {
            let Some(healthy) = echo(&action, &payload) else {
                return Ok(Reply::message(StatusCode::BAD_REQUEST, "the body is not JSON").to(Some(call), wire));
            };
            if fault.as_ref().is_none_or(|fault| fault.behaviour.runs_the_action()) {
                call.note_run();
            }
            return carry_out(call, wire, fault, latency, healthy).await;
        }
    };
    Ok(reply.to(Some(call), wire))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn echo(action: &ActionId, payload: &[u8]) -> Option<Reply> {
    let payload = if payload.is_empty() { b"null" } else { payload };
    let payload = serde_json::from_slice::<&RawValue>(payload).ok()?;
    // An action id holds nothing that JSON would escape.
    Some(Reply::json(StatusCode::OK, format!(r#"{{"action":"{action}","ok":true,"echo":{payload}}}"#)))
}

/// Why there is no body.
pub(super) enum Unread {
    TooLarge,
    ClientGone,
}

/// All of a request's body, within bounds.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Unread> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::ClientGone),
    }
}

pub(super) fn too_large() -> Reply {
    Reply::message(StatusCode::PAYLOAD_TOO_LARGE, "the body is over 16 MiB")
        .with(CONNECTION, HeaderValue::from_static("close"))
}
