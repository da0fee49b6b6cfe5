//! Genesys Cloud, as far as it is played: data actions, asynchronous queries, and an echo for everything else below `/api/v2/`.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::json;

use super::answer::Reply;
use super::exchange::{Endpoint, Served};
use super::execute::output;
use super::fault::Fault;
use super::open_call::OpenCall;
use super::operation::{Operation, json_of, not_json, run};
use super::quota::Hint;
use crate::chain::ActionId;

/// Whom a request is for; `Err` with the method that the path has, where it does not have this one.
pub(super) fn endpoint(method: &Method, path: &str, query: Option<&str>) -> Option<Result<Endpoint, &'static str>> {
    let path = path.strip_prefix("/api/v2/")?;
    let segments: Vec<&str> = path.split('/').collect();
    let name = |segments: &[&str]| ActionId::parse(&segments.join(".")).ok();
    let only = |wanted: Method, endpoint: Endpoint| if *method == wanted { Some(endpoint) } else { None };
    let found = match segments[..] {
        ["integrations", "actions", id, "execute"] => {
            let operation = Operation::new(method, path, query)?.called(id)?;
            only(Method::POST, Endpoint::Operation(operation)).ok_or("POST")
        }
        [.., "jobs"] => only(Method::POST, Endpoint::Submission(name(&segments)?)).ok_or("POST"),
        [ref whose @ .., "jobs", job] if !job.is_empty() => {
            let action = name(&[whose, &["jobs"]].concat())?;
            let job = percent_encoding::percent_decode_str(job).decode_utf8().ok()?;
            only(Method::GET, Endpoint::Poll(action, job.into_owned())).ok_or("GET")
        }
        _ => Ok(Endpoint::Operation(Operation::new(method, path, query)?)),
    };
    Some(found)
}

/// Carries an operation out.
pub(super) fn serve(call: &OpenCall, operation: &Operation, payload: &[u8], fault: Option<&Fault>) -> Served {
    let ["integrations", "actions", _, "execute"] = operation.path()[..] else {
        return operation.echo(call, payload, fault);
    };
    if operation.asked("flatten") != Some("false") {
        return refused("this simulator has outputs that are not flattened only: flatten=false");
    }
    let Ok(payload) = json_of(payload) else { return not_json() };
    run(call, fault);
    Served::Well(Reply::json(StatusCode::OK, output(&operation.action, payload.get())))
}

/// An error as this API tells it.
fn refused(message: &str) -> Served {
    let body =
        json!({"message": message, "code": "bad.request", "status": 400, "contextId": "simulated", "errors": []});
    Served::Refused(Reply::json(StatusCode::BAD_REQUEST, body.to_string()))
}

/// What goes with every answer: a name for it, and how the quota stands.
pub(super) fn decorate(headers: &mut HeaderMap, number: u64, hint: Option<Hint>) {
    let correlation = HeaderValue::try_from(format!("simulated-{number}"));
    headers.insert(HeaderName::from_static("inin-correlation-id"), correlation.unwrap_or(HeaderValue::from_static("")));
    if let Some(Hint { allowed, count, reset }) = hint {
        headers.insert(HeaderName::from_static("inin-ratelimit-allowed"), allowed.into());
        headers.insert(HeaderName::from_static("inin-ratelimit-count"), count.into());
        headers.insert(HeaderName::from_static("inin-ratelimit-reset"), reset.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_platform() {
        for (method, path, expected) in [
            (Method::POST, "/api/v2/integrations/actions/custom-1/execute", Some("custom-1")),
            (Method::GET, "/api/v2/integrations/actions/custom-1/execute", Some("only POST")),
            (Method::POST, "/api/v2/analytics/details/jobs", Some("submit analytics.details.jobs")),
            (Method::GET, "/api/v2/analytics/details/jobs/j-1", Some("poll analytics.details.jobs j-1")),
            (Method::GET, "/api/v2/analytics/details/jobs/j-1/results", Some("analytics.details.jobs.j-1.results")),
            (Method::PATCH, "/api/v2/users/17", Some("users")),
            (Method::GET, "/api/v1/users", None),
            (Method::GET, "/oauth/token", None),
        ] {
            let found = endpoint(&method, path, None).map(|found| match found {
                Ok(Endpoint::Operation(operation)) => operation.action.to_string(),
                Ok(Endpoint::Submission(action)) => format!("submit {action}"),
                Ok(Endpoint::Poll(action, job)) => format!("poll {action} {job}"),
                Ok(Endpoint::Action(action)) => format!("action {action}"),
                Err(method) => format!("only {method}"),
            });
            assert_eq!(found.as_deref(), expected, "{method} {path}");
        }
    }
}
