//! Which path leads where, by platform. Paths are matched as they are written.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::admin;
use super::answer::{Answer, BrokenOff, Reply};
use super::api::Api;
use super::carry_out::TRAP;
use super::exchange::{self, Endpoint, exchange};
use super::state::Shared;
use super::wire::Wire;
use super::{cxone, discovery, genesys, oauth};
use crate::chain::ActionId;

pub(super) async fn route(
    shared: Arc<Shared>,
    wire: Arc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let (path, query) = (request.uri().path(), request.uri().query());
    let api = shared.settings.api;
    let found = match api {
        Api::DataActions => data_action(request.method(), path),
        Api::Cxone => cxone::endpoint(request.method(), path, query),
        Api::Genesys => genesys::endpoint(request.method(), path, query),
    };
    let reply = if let Some(found) = found {
        match found {
            Ok(endpoint) => return exchange(&shared, &wire, endpoint, request).await,
            Err(method) => wrong_method(&shared, method),
        }
    } else if let Some(grant) = oauth::at(api, path) {
        if request.method() == Method::POST {
            return oauth::token(&shared, &wire, grant, request).await;
        }
        wrong_method(&shared, "POST")
    } else if api == Api::Cxone && [discovery::OPENID, discovery::CXONE].contains(&path) {
        if request.method() == Method::GET {
            return discovery::document(&shared, &wire, request).await;
        }
        wrong_method(&shared, "GET")
    } else if path == TRAP {
        shared.change(|state| state.ledger.calls.redirects_followed += 1);
        Reply::message(StatusCode::OK, "redirects are not to be followed")
    } else {
        administer(&shared, request).await?
    };
    Ok(reply.to(None, &wire))
}

/// Whom a request of preset `data-actions` is for; `Err` with the method that the path has, where it does not have this one.
fn data_action(method: &Method, path: &str) -> Option<Result<Endpoint, &'static str>> {
    let endpoint = endpoint(path)?;
    let wanted = if matches!(endpoint, Endpoint::Poll(..)) { Method::GET } else { Method::POST };
    Some(if *method == wanted { Ok(endpoint) } else { Err(if wanted == Method::GET { "GET" } else { "POST" }) })
}

/// `/api/v2/integration/data-actions/{action_id}/execute`, `/api/v2/dataactions/{action_id}/execute` and
/// `/api/v2/dataactions/{action_id}/jobs/{job_id}`. Nothing is decoded but a job's id.
fn endpoint(path: &str) -> Option<Endpoint> {
    let segments: Vec<&str> = path.strip_prefix("/api/v2/")?.split('/').collect();
    let action = |id: &str| ActionId::parse(id).ok();
    match segments[..] {
        ["integration", "data-actions", id, "execute"] => action(id).map(Endpoint::Action),
        ["dataactions", id, "execute"] => action(id).map(Endpoint::Submission),
        ["dataactions", id, "jobs", job] if !job.is_empty() => {
            let job = percent_encoding::percent_decode_str(job).decode_utf8().ok()?;
            Some(Endpoint::Poll(action(id)?, job.into_owned()))
        }
        _ => None,
    }
}

async fn administer(shared: &Shared, request: Request<Incoming>) -> Result<Reply, BrokenOff> {
    Ok(match (request.uri().path(), request.method().as_str()) {
        ("/_sim/health", "GET") => admin::health(),
        ("/_sim/calls", "GET") => admin::calls(shared),
        ("/_sim/reset", "POST") => {
            shared.reset();
            Reply::empty(StatusCode::NO_CONTENT)
        }
        ("/_sim/tokens", "DELETE") => {
            shared.change(|state| state.tokens.revoke_all());
            Reply::empty(StatusCode::NO_CONTENT)
        }
        ("/_sim/faults", "GET") => admin::faults(shared),
        ("/_sim/faults", "PUT") => match exchange::read(request.into_body()).await {
            Ok(body) => admin::put_faults(shared, &body),
            Err(exchange::Unread::TooLarge) => exchange::too_large(),
            Err(exchange::Unread::ClientGone) => return Err(BrokenOff),
        },
        ("/_sim/faults", "DELETE") => {
            shared.change(|state| state.faults.clear());
            Reply::empty(StatusCode::NO_CONTENT)
        }
        ("/_sim/health" | "/_sim/calls", _) => wrong_method(shared, "GET"),
        ("/_sim/reset", _) => wrong_method(shared, "POST"),
        ("/_sim/tokens", _) => wrong_method(shared, "DELETE"),
        ("/_sim/faults", _) => wrong_method(shared, "GET, PUT, DELETE"),
        _ => {
            shared.change(|state| state.ledger.calls.not_found += 1);
            Reply::message(StatusCode::NOT_FOUND, "there is no such path")
        }
    })
}

fn wrong_method(shared: &Shared, allowed: &'static str) -> Reply {
    shared.change(|state| state.ledger.calls.wrong_method += 1);
    Reply::message(StatusCode::METHOD_NOT_ALLOWED, "the path does not have this method")
        .with(ALLOW, HeaderValue::from_static(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<String> {
        endpoint(path).map(|endpoint| match endpoint {
            Endpoint::Action(action) => action.to_string(),
            Endpoint::Operation(operation) => format!("{operation:?}"),
            Endpoint::Submission(action) => format!("submit {action}"),
            Endpoint::Poll(action, job) => format!("poll {action} {job}"),
        })
    }

    #[test]
    fn paths_are_matched_strictly() {
        for (path, expected) in [
            ("/api/v2/integration/data-actions/da-x.1/execute", "da-x.1"),
            ("/api/v2/dataactions/da-x.1/execute", "submit da-x.1"),
            ("/api/v2/dataactions/execute/execute", "submit execute"),
            ("/api/v2/dataactions/da-x/jobs/simulated-job-1", "poll da-x simulated-job-1"),
        ] {
            assert_eq!(of(path).as_deref(), Some(expected));
        }
        for other in [
            "/api/v2/integration/data-actions//execute",
            "/api/v2/integration/data-actions/execute",
            "/api/v2/integration/data-actions/da-x/execute/",
            "/api/v2/integration/data-actions/da-x/Execute",
            "/api/v2/integration/data-actions/../execute",
            "/api/v2/integration/data-actions/a/b/execute",
            "/api/v2/integration/data-actions/a%2fb/execute",
            "/api/v2/integrations/data-actions/da-x/execute",
            "//api/v2/integration/data-actions/da-x/execute",
            "/api/v2/data-actions/da-x/execute",
            "/api/v2/dataactions//execute",
            "/api/v2/dataactions/da-x/jobs/",
            "/api/v2/dataactions/da-x/jobs",
            "/api/v2/dataactions/da-x/jobs/a/b",
            "/api/v2/dataactions/da-x/jobs/a/",
            "/api/v2/dataactions/%64a/jobs/a",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_jobs_id_is_what_its_one_segment_says_decoded() {
        for (segment, job) in [("..%2Fx", "../x"), ("%2E%2e", ".."), ("a%20%C3%A9", "a é"), ("%", "%"), ("a+b", "a+b")]
        {
            assert_eq!(of(&format!("/api/v2/dataactions/da-x/jobs/{segment}")), Some(format!("poll da-x {job}")));
        }
        assert_eq!(of("/api/v2/dataactions/da-x/jobs/%ff"), None, "it is not UTF-8");
    }
}
