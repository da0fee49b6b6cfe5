//! What every call of the API goes through: judged when its headers are there, answered when its body is.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};

use super::answer::{Answer, BrokenOff, Reply};
use super::api::Api;
use super::carry_out::{carry_out, reset};
use super::cxone;
use super::execute;
use super::fault::{Behaviour, Fault, Target};
use super::genesys;
use super::identity::Identity;
use super::job_calls;
use super::ledger::Caller;
use super::open_call::{Admission, OpenCall};
use super::operation::Operation;
use super::state::Shared;
use super::wire::Wire;
use crate::chain::ActionId;

const MAX_BODY: usize = 16 << 20;

/// Whom a call is for.
pub(super) enum Endpoint {
    /// An action that answers when it is done.
    Action(ActionId),
    /// One of many operations, of an API that has them.
    Operation(Operation),
    /// An action that is carried out as a job.
    Submission(ActionId),
    /// An action's job, by its id.
    Poll(ActionId, String),
}

/// What comes of a request that passed.
pub(super) enum Served {
    /// The healthy answer; what it tells of is done, unless the fault is that it is not.
    Well(Reply),
    /// Nothing was done, whatever the fault.
    Refused(Reply),
}

pub(super) async fn exchange(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    endpoint: Endpoint,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let mut response = answer(shared, wire, endpoint, request).await?;
    if shared.settings.api == Api::Genesys {
        let (number, hint) = shared.change(|state| (state.quota.calls().accepted, state.quota.hint(Instant::now())));
        genesys::decorate(response.headers_mut(), number, hint);
    }
    Ok(response)
}

async fn answer(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    endpoint: Endpoint,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let (head, body) = request.into_parts();
    let mut call = OpenCall::begin(shared, endpoint.caller(shared, &head.headers));
    let admission = call.admit(bearer(&head.headers), endpoint.scope(shared.settings.api));
    if let Admission::Accepted(Some(Fault { behaviour: Behaviour::ResetBefore, .. }), _) = admission {
        return Err(reset(call, wire));
    }
    let payload = match read(body).await {
        Ok(payload) => payload,
        Err(Unread::TooLarge) => return Ok(too_large().to(Some(call), wire)),
        // The call is dropped: cut off.
        Err(Unread::ClientGone) => return Err(BrokenOff),
    };
    if !matches!(endpoint, Endpoint::Poll(..)) {
        call.note_payload(&payload);
    }
    let reply = match admission {
        Admission::NoToken => Reply::message(StatusCode::UNAUTHORIZED, "a valid token is needed"),
        Admission::Forbidden(scope) => {
            Reply::message(StatusCode::FORBIDDEN, &format!("the token has no scope {scope}"))
        }
        Admission::Throttled(seconds) => {
            Reply::message(StatusCode::TOO_MANY_REQUESTS, "the rate limit is exceeded").with(RETRY_AFTER, seconds)
        }
        Admission::Accepted(..) if shared.settings.api == Api::Cxone && !takes_json(&head.headers) => {
            cxone::unrenderable()
        }
        Admission::Accepted(fault, latency) => {
            match endpoint.serve(shared.settings.api, &mut call, &payload, fault.as_ref()) {
                Served::Well(reply) => return carry_out(call, wire, fault, latency, reply).await,
                Served::Refused(reply) => reply,
            }
        }
    };
    Ok(reply.to(Some(call), wire))
}

impl Endpoint {
    fn caller(&self, shared: &Shared, headers: &HeaderMap) -> Caller {
        let identity = Identity::of(headers);
        match self {
            Self::Action(action) | Self::Submission(action) | Self::Operation(Operation { action, .. }) => {
                Caller { target: Target::Action(action.clone()), identity }
            }
            Self::Poll(action, job) => {
                let identity = identity.of_step(job_calls::owner(shared, action, job));
                Caller { target: Target::Poll(action.clone()), identity }
            }
        }
    }

    /// The scope that a token for it must have; of data actions, the one platform here that is told scopes.
    fn scope(&self, api: Api) -> Option<&'static str> {
        match self {
            _ if api != Api::DataActions => None,
            Self::Action(_) => Some("integration:data-actions:execute"),
            Self::Submission(_) => Some("dataactions:execute"),
            Self::Poll(..) => Some("jobs:read"),
            Self::Operation(_) => None,
        }
    }

    fn serve(&self, api: Api, call: &mut OpenCall, payload: &[u8], fault: Option<&Fault>) -> Served {
        match self {
            Self::Action(action) => execute::execute(call, action, payload, fault),
            Self::Operation(operation) if api == Api::Genesys => genesys::serve(call, operation, payload, fault),
            Self::Operation(operation) => cxone::serve(call, operation, payload, fault),
            Self::Submission(action) => job_calls::submit(api, call, action, payload, fault),
            Self::Poll(action, job) => Served::Well(job_calls::poll(call, action, job)),
        }
    }
}

/// Whether the client says that it takes JSON.
fn takes_json(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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
