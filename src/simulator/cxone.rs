//! CXone's own API, as far as it is played: a handful of operations that depend on one another, data extraction, and an echo for
//! everything else below `/incontactapi/services/v{number}/`.

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::answer::Reply;
use super::exchange::{Endpoint, Served};
use super::fault::Fault;
use super::open_call::OpenCall;
use super::operation::{Operation, json_of, not_json, run};
use crate::chain::ActionId;

/// What data extraction is called in faults and counts.
const EXTRACTION: &str = "data-extraction.jobs";
/// Where it says, at times nowhere else, what went wrong.
const DESCRIPTION: HeaderName = HeaderName::from_static("icstatusdescription");
/// The first contact's id; the next ones follow.
const FIRST_CONTACT: u64 = 500_000_001;

/// Whom a request is for; `Err` with the method that the path has, where it does not have this one.
pub(super) fn endpoint(method: &Method, path: &str, query: Option<&str>) -> Option<Result<Endpoint, &'static str>> {
    let lower = path.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix("/data-extraction/v1/jobs") {
        let action = ActionId::parse(EXTRACTION).ok()?;
        let id = path[path.len() - rest.len()..].strip_prefix('/');
        return match id {
            None if !rest.is_empty() => None,
            None if method == Method::POST => Some(Ok(Endpoint::Submission(action))),
            None => Some(Err("POST")),
            Some(id) if id.is_empty() || id.contains('/') => None,
            Some(_) if method != Method::GET => Some(Err("GET")),
            Some(id) => {
                let id = percent_encoding::percent_decode_str(id).decode_utf8().ok()?;
                Some(Ok(Endpoint::Poll(action, id.into_owned())))
            }
        };
    }
    let rest = lower.strip_prefix("/incontactapi/services/")?;
    let (version, rest) = rest.split_once('/')?;
    let number = version.strip_prefix('v')?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let operation = Operation::new(method, &path[path.len() - rest.len()..], query)?;
    let name = match operation.path()[..] {
        ["agent-sessions", _, "interactions", _, "disposition"] => "interactions.disposition",
        _ => return Some(Ok(Endpoint::Operation(operation))),
    };
    operation.called(name).map(|operation| Ok(Endpoint::Operation(operation)))
}

/// Carries an operation out.
pub(super) fn serve(call: &OpenCall, operation: &Operation, payload: &[u8], fault: Option<&Fault>) -> Served {
    match operation.path()[..] {
        ["scripts", "start"] => begin(call, operation, payload, fault, &["skillId", "scriptPath"]),
        ["queuecallback"] => begin(call, operation, payload, fault, &["phoneNumber", "skill"]),
        ["interactions", contact, "signal"] => {
            settle(call, operation, contact, fault, &[Method::POST], StatusCode::ACCEPTED)
        }
        ["agent-sessions", _, "interactions", contact, "disposition"] => {
            let known = operation.asked("primaryDispositionId").is_some()
                || serde_json::from_slice(payload).is_ok_and(|body: Value| body.get("primaryDispositionId").is_some());
            if !known {
                return refused(StatusCode::BAD_REQUEST, "MissingParameter", "primaryDispositionId is required");
            }
            settle(call, operation, contact, fault, &[Method::POST, Method::PUT], StatusCode::NO_CONTENT)
        }
        _ => operation.echo(call, payload, fault),
    }
}

/// A contact begins: what it needs to know is in the query, the body says nothing.
fn begin(call: &OpenCall, operation: &Operation, payload: &[u8], fault: Option<&Fault>, needed: &[&str]) -> Served {
    if operation.method != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "this operation is a POST");
    }
    if json_of(payload).is_err() {
        return not_json();
    }
    if let Some(missing) = needed.iter().find(|name| operation.asked(name).is_none()) {
        return refused(StatusCode::BAD_REQUEST, "MissingParameter", &format!("{missing} is required"));
    }
    run(call, fault);
    let parameters: Vec<_> = operation.asked("Parameters").into_iter().flat_map(|text| text.split('|')).collect();
    let told = json!({"contactId": call.begin_contact(FIRST_CONTACT), "parameters": parameters});
    Served::Well(Reply::json(StatusCode::ACCEPTED, told.to_string()))
}

/// Something is done to a contact that is known; there is nothing to tell.
fn settle(
    call: &OpenCall,
    operation: &Operation,
    contact: &str,
    fault: Option<&Fault>,
    methods: &[Method],
    status: StatusCode,
) -> Served {
    if !methods.contains(&operation.method) {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "this operation has another method");
    }
    let known = contact.parse().is_ok_and(|id: u64| id >= FIRST_CONTACT && id < FIRST_CONTACT + call.contacts());
    if !known {
        // Here it is the header alone that says why.
        let why = HeaderValue::from_static("there is no such contact");
        return Served::Refused(Reply::empty(StatusCode::NOT_FOUND).with(DESCRIPTION, why));
    }
    run(call, fault);
    Served::Well(Reply::empty(status))
}

/// An error as this API tells it: in the body, and in a header.
fn refused(status: StatusCode, error: &str, description: &str) -> Served {
    let reply = Reply::json(status, json!({"error": error, "errorDescription": description}).to_string());
    let header = HeaderValue::from_str(description).unwrap_or(HeaderValue::from_static(""));
    Served::Refused(reply.with(DESCRIPTION, header))
}

/// What a client gets that does not say that it takes JSON.
pub(super) fn unrenderable() -> Reply {
    Reply::new(StatusCode::NOT_ACCEPTABLE, "text/plain", "No known way to render data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, path: &str) -> Option<String> {
        endpoint(method, path, None).map(|found| match found {
            Ok(Endpoint::Operation(operation)) => operation.action.to_string(),
            Ok(Endpoint::Submission(action)) => format!("submit {action}"),
            Ok(Endpoint::Poll(action, job)) => format!("poll {action} {job}"),
            Ok(Endpoint::Action(action)) => format!("action {action}"),
            Err(method) => format!("only {method}"),
        })
    }

    #[test]
    fn paths_are_those_of_the_platform() {
        let root = "/incontactapi/services/v31.0";
        for (method, path, expected) in [
            (Method::POST, format!("{root}/scripts/start"), Some("scripts.start")),
            (Method::POST, "/inContactAPI/services/v34/queuecallback".to_owned(), Some("queuecallback")),
            (Method::GET, format!("{root}/agents/17/skills"), Some("agents.skills")),
            (Method::POST, format!("{root}/interactions/500/signal"), Some("interactions.signal")),
            (
                Method::POST,
                format!("{root}/agent-sessions/S%3D%3D/interactions/500/disposition"),
                Some("interactions.disposition"),
            ),
            (Method::POST, "/data-extraction/v1/jobs".to_owned(), Some("submit data-extraction.jobs")),
            (Method::GET, "/data-extraction/v1/jobs/A%2Fb".to_owned(), Some("poll data-extraction.jobs A/b")),
            (Method::GET, "/data-extraction/v1/jobs".to_owned(), Some("only POST")),
            (Method::POST, "/data-extraction/v1/jobs/x".to_owned(), Some("only GET")),
            (Method::GET, "/data-extraction/v1/jobs/".to_owned(), None),
            (Method::GET, "/data-extraction/v1/jobsx".to_owned(), None),
            (Method::GET, "/incontactapi/services/x/agents".to_owned(), None),
            (Method::GET, "/incontactapi/services/v31.0".to_owned(), None),
            (Method::GET, "/api/v2/integration/data-actions/x/execute".to_owned(), None),
        ] {
            assert_eq!(of(&method, &path).as_deref(), expected, "{method} {path}");
        }
    }
}
