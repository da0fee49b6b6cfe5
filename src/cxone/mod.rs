//! CXone, and platforms that are like it, over HTTP: fills [`ports::Actions`](crate::ports::Actions). The only room that knows
//! reqwest. What differs by platform is in `presets`.
//!
//! The runner calls it: once for a token, once for each exchange. It keeps these promises:
//! * one client, one connection pool and one token cache a tenant: one tenant's trouble is not another's;
//! * an exchange is made once: no redirect, no retry and no proxy of the client's own doing;
//! * what came of it is read off in one place, `classify`, and "nothing was sent" is said only where it is proven;
//! * an exchange ends at its deadline, whatever the peer does, and holds no more of its answer than it may;
//! * no secret goes where the settings do not point; `discovery` has how far an issuer is believed;
//! * secrets are exposed in `secrets` only; nothing of our own URLs, tokens or payloads is in an error.
//!
//! It logs nothing: a failure is an [`Answer`], and is told where it is settled.

mod ask;
mod auth;
mod body;
mod calls;
mod classify;
mod cover;
mod discovery;
mod error_text;
mod jobs;
mod outgoing;
mod places;
mod presets;
mod request;
mod retry_after;
mod secrets;
mod settings;
mod state_search;
mod tenants;
mod token;
mod transport;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::chain::{ActionId, ErrorClass, Mode, TenantName};
use crate::ports::{Actions, Answer, BoxFuture, Call, Credential, CredentialError, Poll, Polled, Prepared, Seen};

pub use auth::TokenStatus;
pub use presets::{JobShape, Preset};
pub use settings::{
    AccessKey, ActionSettings, AuthSettings, ClientAuth, ClientSettings, CxoneError, Discovery, Grant, TenantSettings,
};
use tenants::Tenant;

/// Every tenant's platform.
pub struct Cxone {
    tenants: BTreeMap<TenantName, Tenant>,
    max_response_bytes: usize,
}

impl Cxone {
    /// Makes the clients. Connects to nothing yet.
    ///
    /// A response of more than `max_response_bytes`, counted after decompression, is not kept.
    ///
    /// # Errors
    /// [`CxoneError`] when a URL cannot be used, or TLS cannot be set up (a machine without any CA certificate, say).
    pub fn new(settings: BTreeMap<TenantName, TenantSettings>, max_response_bytes: usize) -> Result<Self, CxoneError> {
        let mut tenants = BTreeMap::new();
        for (name, settings) in settings {
            let tenant = Tenant::new(&name, settings)?;
            tenants.insert(name, tenant);
        }
        Ok(Self { tenants, max_response_bytes })
    }

    /// How `tenant`'s token stands; `None` if there is no such tenant. Asks nobody.
    #[must_use]
    pub fn token(&self, tenant: &TenantName) -> Option<TokenStatus> {
        self.tenants.get(tenant).map(|known| known.tokens.status())
    }
}

impl fmt::Debug for Cxone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cxone").field("tenants", &self.tenants.keys()).finish_non_exhaustive()
    }
}

impl Actions for Cxone {
    fn credential<'a>(&'a self, tenant: &'a TenantName) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        Box::pin(async move {
            match self.tenants.get(tenant) {
                Some(known) => known.tokens.credential().await,
                None => Err(CredentialError {
                    class: ErrorClass::System,
                    retryable: false,
                    message: format!("the tenant {tenant} is not configured"),
                }),
            }
        })
    }

    fn send<'a>(&'a self, call: &'a Call, credential: &'a Credential) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.tenants.get(&call.tenant) {
                Some(known) => calls::send(known, self.max_response_bytes, call, credential).await,
                None => calls::unsendable(&format!("the tenant {} is not configured", call.tenant)),
            }
        })
    }

    fn prepare(
        &self,
        tenant: &TenantName,
        action: &ActionId,
        mode: &Mode,
        payload: &Map<String, Value>,
    ) -> Result<Prepared, String> {
        match self.tenants.get(tenant) {
            Some(known) => request::prepare(known, action, mode, payload),
            None => Err(format!("the tenant {tenant} is not configured")),
        }
    }

    fn poll<'a>(&'a self, poll: &'a Poll, credential: &'a Credential) -> BoxFuture<'a, Polled> {
        Box::pin(async move {
            match self.tenants.get(&poll.tenant) {
                Some(known) => jobs::poll(known, self.max_response_bytes, poll, credential).await,
                None => Polled { seen: Seen::Unread, http_status: None },
            }
        })
    }

    fn refused(&self, tenant: &TenantName, credential: &Credential) {
        if let Some(known) = self.tenants.get(tenant) {
            known.tokens.refused(credential);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_are_exposed_in_one_file_only() {
        let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cxone");
        let exposing: Vec<_> = std::fs::read_dir(room)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| std::fs::read_to_string(path).unwrap().contains(concat!(".expose", "_secret()")))
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(exposing, ["secrets.rs"]);
    }
}
