//! The documents with which an issuer tells where its token endpoint and a tenant's API are: at this very simulator.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use serde_json::json;

use super::answer::{Answer, BrokenOff, Reply};
use super::carry_out::{carry_out, reset};
use super::fault::{Behaviour, Target};
use super::ledger::Caller;
use super::open_call::OpenCall;
use super::state::Shared;
use super::wire::Wire;

pub(super) const OPENID: &str = "/.well-known/openid-configuration";
pub(super) const CXONE: &str = "/.well-known/cxone-configuration";

pub(super) async fn document(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, BrokenOff> {
    let call = OpenCall::begin(shared, Caller::of(Target::Discovery));
    let fault = call.meet_fault();
    if fault.as_ref().is_some_and(|fault| fault.behaviour == Behaviour::ResetBefore) {
        return Err(reset(call, wire));
    }
    // Under the name by which it was reached.
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = format!("http://{host}");
    let healthy = if request.uri().path() == OPENID {
        let body = json!({
            "issuer": own,
            "token_endpoint": format!("{own}/auth/token"),
            "grant_types_supported": ["password", "refresh_token"],
        });
        Reply::json(StatusCode::OK, body.to_string())
    } else {
        let query = request.uri().query().unwrap_or_default();
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "tenantId");
        if asked.is_some_and(|(_, tenant)| tenant == shared.settings.tenant_id.as_str()) {
            Reply::json(StatusCode::OK, json!({"area": "na1", "cluster": "sim", "api_endpoint": own}).to_string())
        } else {
            Reply::message(StatusCode::NOT_FOUND, "there is no such tenant")
        }
    };
    carry_out(call, wire, fault, Duration::ZERO, healthy).await
}
