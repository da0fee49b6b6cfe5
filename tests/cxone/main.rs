//! The `cxone` room against servers of its own that answer, drip, hang, cut and lie.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod bodies;
mod calls;
mod deadlines;
mod discovery;
mod grants;
#[path = "../support/hiccups.rs"]
mod hiccups;
mod jobs;
mod operations;
mod presets;
mod redaction;
mod secrecy;
mod server;
mod silence;
mod tokens;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use cxchain::chain::{ActionId, RunId, TenantName};
use cxchain::cxone::{AuthSettings, ClientAuth, ClientSettings, Cxone, Grant, Preset, TenantSettings};
use cxchain::ports::{Actions, Answer, Call, Credential, Prepared};
use tokio::time::Instant;

const LIMIT: usize = 64 * 1024;
const TOKEN: &str = "canary-token";
const SECRET: &str = "canary-secret";

fn tenant() -> TenantName {
    TenantName::parse("north").unwrap()
}

fn settings(base_url: &str) -> TenantSettings {
    TenantSettings {
        preset: Preset::DataActions,
        base_url: Some(base_url.parse().unwrap()),
        ca_file: None,
        auth: AuthSettings {
            grant: Grant::ClientCredentials {
                client: client(ClientAuth::Body),
                scopes: vec!["integration:data-actions:execute".into(), "integration:data-actions:read".into()],
            },
            token_url: Some(format!("{base_url}/oauth/token").parse().unwrap()),
            discovery: None,
            refresh_margin: Duration::from_secs(30),
        },
        retry_statuses: vec![429, 503],
        max_concurrent: 50,
        actions: BTreeMap::new(),
    }
}

fn client(auth: ClientAuth) -> ClientSettings {
    ClientSettings { id: "client".into(), secret: SECRET.into(), auth }
}

fn platform(base_url: &str) -> Cxone {
    platform_of(settings(base_url))
}

fn platform_of(settings: TenantSettings) -> Cxone {
    Cxone::new(BTreeMap::from([(tenant(), settings)]), LIMIT).unwrap()
}

/// The usual request with this body.
fn execute(body: impl Into<Bytes>) -> Prepared {
    let target = "/api/v2/integration/data-actions/da-fetch.v1/execute".into();
    Prepared { target, body: body.into(), ..Prepared::default() }
}

fn call_within(time: Duration) -> Call {
    Call {
        tenant: tenant(),
        run_id: RunId::parse("run-1").unwrap(),
        step_id: "fetch".into(),
        action: ActionId::parse("da-fetch.v1").unwrap(),
        request: execute(br#"{"customerId":"CUST-8842"}"#.as_slice()),
        attempt: 1,
        job: false,
        fallback: false,
        deadline: Instant::now() + time,
    }
}

fn credential() -> Credential {
    Credential {
        header: format!("Bearer {TOKEN}").into(),
        generation: 1,
        stale_at: Instant::now() + Duration::from_secs(60),
    }
}

/// One call with time enough.
async fn answer_from(base_url: &str) -> Answer {
    platform(base_url).send(&call_within(Duration::from_secs(10)), &credential()).await
}
