//! What a tenant's adapter is told: where it is and how it is logged in to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::presets::Preset;
use crate::chain::action::{Method, NoJob, PathTemplate, Query, Redaction};
use crate::chain::{ActionId, TenantName};

/// Where a tenant is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// The API that it speaks.
    pub preset: Preset,
    /// The root of its API: `http` or `https`; may have a path; no user, query or fragment. `None`: [`Discovery`] finds it.
    pub base_url: Option<Url>,
    /// Certificate authorities to be trusted besides the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Where its tokens come from.
    pub auth: AuthSettings,
    /// Statuses that are to be retried. 429 and 503 always are; the others only for idempotent steps.
    pub retry_statuses: Vec<u16>,
    /// Most exchanges at once: so many idle connections are kept.
    pub max_concurrent: usize,
    /// The operations that are not called as the API calls every action.
    pub actions: BTreeMap<ActionId, ActionSettings>,
}

/// How an action is called.
#[derive(Debug, Clone, Default)]
pub struct ActionSettings {
    /// The HTTP method.
    pub method: Method,
    /// Where, below the base URL; `None`: where the API calls every action.
    pub path: Option<PathTemplate>,
    /// What of a payload goes into the query.
    pub query: Query,
    /// Where its jobs are asked after, with the place `{jobId}`; `None`: where the API has them.
    pub poll_path: Option<PathTemplate>,
    /// Fixed request headers. Those that every exchange has go before them.
    pub headers: BTreeMap<String, String>,
    /// And those whose values are secret.
    pub secret_headers: BTreeMap<String, SecretString>,
    /// What no text about a call may quote.
    pub redaction: Redaction,
}

impl ActionSettings {
    /// Why no job of the action can be submitted to such a platform, or none could be asked after; `None`: it can be a job.
    #[must_use]
    pub fn no_job(&self, preset: Preset) -> Option<NoJob> {
        match &self.path {
            _ if !self.method.has_body() => Some(NoJob::Method(self.method)),
            _ if preset.has_all_jobs() => None,
            None => Some(NoJob::Path),
            Some(path) if self.poll_path.is_none() && path.parameters().next().is_some() => Some(NoJob::PollPath),
            Some(_) => None,
        }
    }
}

/// Where a tenant's tokens come from.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// How a token is had.
    pub grant: Grant,
    /// The token endpoint: `http` or `https`; no user or fragment. `None`: [`Discovery`] finds it.
    pub token_url: Option<Url>,
    /// Who is asked for what is not said here.
    pub discovery: Option<Discovery>,
    /// How long before its end a token is no longer used; at most a quarter of its life.
    pub refresh_margin: Duration,
}

/// How a token is had.
#[derive(Debug, Clone)]
pub enum Grant {
    /// OAuth 2.0 client credentials, RFC 6749 section 4.4.
    ClientCredentials {
        /// Who asks.
        client: ClientSettings,
        /// Joined with blanks into `scope`, which is left out when there are none.
        scopes: Vec<String>,
    },
    /// OAuth 2.0 password, RFC 6749 section 4.3, with an access key as user and password: how CXone logs in what is no person.
    AccessKey {
        /// As whom.
        key: AccessKey,
        /// Who asks; without an id nobody says so.
        client: ClientSettings,
        /// As above.
        scopes: Vec<String>,
    },
    /// The access key as JSON, `{accessKeyId, accessKeySecret}`: CXone's older way.
    AccessKeyJson {
        /// As whom.
        key: AccessKey,
    },
    /// No request at all: this token, as it is.
    Static {
        /// It.
        token: SecretString,
    },
}

/// The application that asks for a token.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: SecretString,
    /// How both are said.
    pub auth: ClientAuth,
}

/// How a client says who it is, RFC 6749 section 2.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the form.
    Body,
    /// As HTTP Basic, neither of the two encoded before: so the platforms' own pages have it.
    Basic,
}

/// An access key.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// `username`, or `accessKeyId`.
    pub id: String,
    /// `password`, or `accessKeySecret`.
    pub secret: SecretString,
}

/// Where a token endpoint and an API are found that nobody named: `{issuer}/.well-known/openid-configuration` and
/// `{issuer}/.well-known/cxone-configuration?tenantId=`.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// `http` or `https`; may have a path; no user, query or fragment.
    pub issuer: Url,
    /// What the platform calls the tenant; `None`: its tokens say.
    pub tenant_id: Option<String>,
    /// The domains that the issuer may point to, besides its own host: themselves, and all below them.
    pub trusted_domains: Vec<String>,
}

/// Why the clients could not be made. Quotes no URL.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CxoneError {
    /// A URL of the settings cannot be used.
    #[error("tenant {tenant}: {key} {problem}")]
    Url {
        /// Whose settings.
        tenant: TenantName,
        /// `base_url`, `auth.token_url` or `auth.issuer`.
        key: &'static str,
        /// What is wrong with it, in words that follow the key.
        problem: &'static str,
    },
    /// The file with its certificate authorities cannot be used.
    #[error("tenants.{tenant}.ca_file: {problem}")]
    Authorities {
        /// Whose settings.
        tenant: TenantName,
        /// What is wrong, the path included.
        problem: String,
    },
    /// The HTTP client could not be set up.
    #[error("tenant {tenant}: the HTTP client cannot be set up: {reason}")]
    Client {
        /// Whose client.
        tenant: TenantName,
        /// What the client says.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_a_job_where_it_can_be_submitted_and_asked_after() {
        let template = |text: &str| PathTemplate::parse(text).ok();
        let action = |path, poll_path| ActionSettings { path, poll_path, ..ActionSettings::default() };
        let (plain, poll) = (template("/jobs"), template("/jobs/{jobId}"));
        let with_places = template("/{entity}/jobs");
        for (action, elsewhere) in [
            (action(None, None), Some(NoJob::Path)),
            (action(None, poll.clone()), Some(NoJob::Path)),
            (action(plain.clone(), None), None),
            (action(with_places.clone(), None), Some(NoJob::PollPath)),
            (action(with_places, poll.clone()), None),
        ] {
            // It has a place for every job.
            assert_eq!(action.no_job(Preset::DataActions), None, "{action:?}");
            for preset in [Preset::Cxone, Preset::Genesys] {
                assert_eq!(action.no_job(preset), elsewhere, "{preset:?} {action:?}");
            }
            for preset in [Preset::DataActions, Preset::Cxone, Preset::Genesys] {
                for method in [Method::Get, Method::Delete] {
                    let bodiless = ActionSettings { method, ..action.clone() };
                    assert_eq!(bodiless.no_job(preset), Some(NoJob::Method(method)), "{preset:?} {bodiless:?}");
                }
            }
        }
    }
}
