//! Which path leads where. Paths are matched as they are written, without decoding; the query is ignored.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::admin;
use super::answer::{Answer, BrokenOff, Reply};
use super::carry_out::TRAP;
use super::execute::{self, execute};
use super::oauth;
use super::state::Shared;
use super::wire::Wire;
use crate::chain::ActionId;

pub(super) async fn route(
    shared: Arc<Shared>,
    wire: Arc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let path = request.uri().path();
    let reply = if let Some(action) = action_of(path) {
        if request.method() == Method::POST {
            return execute(&shared, &wire, action, request).await;
        }
        wrong_method(&shared, "POST")
    } else if path == "/oauth/token" {
        if request.method() == Method::POST {
            return oauth::token(&shared, &wire, request).await;
        }
        wrong_method(&shared, "POST")
    } else if path == TRAP {
        shared.change(|state| state.ledger.calls.redirects_followed += 1);
        Reply::message(StatusCode::OK, "redirects are not to be followed")
    } else {
        administer(&shared, request).await?
    };
    Ok(reply.to(None, &wire))
}

/// `/api/v2/integration/data-actions/{action_id}/execute`
fn action_of(path: &str) -> Option<ActionId> {
    let action = path.strip_prefix("/api/v2/integration/data-actions/")?.strip_suffix("/execute")?;
    ActionId::parse(action).ok()
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
        ("/_sim/faults", "PUT") => match execute::read(request.into_body()).await {
            Ok(body) => admin::put_faults(shared, &body),
            Err(execute::Unread::TooLarge) => execute::too_large(),
            Err(execute::Unread::ClientGone) => return Err(BrokenOff),
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

    #[test]
    fn the_action_path_is_matched_strictly() {
        let of = |path| action_of(path).map(|action| action.to_string());
        assert_eq!(of("/api/v2/integration/data-actions/da-x.1/execute"), Some("da-x.1".to_owned()));
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
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
