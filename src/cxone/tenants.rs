//! A tenant as this room holds it: its client, its base URL, its tokens.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client};
use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use url::Url;

use super::auth::TokenCache;
use crate::chain::action::{Method, PathTemplate, Query, Redaction};
use crate::chain::{ActionId, TenantName};
use crate::tls;

/// How long making a connection (DNS, TCP, TLS) may take. Less than the shortest timeout of a step (5 s), so that a peer
/// that swallows every packet shows as "could not connect", of which it is known that nothing was sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Shorter than what the usual load balancers keep a connection (60 s), so that ours is rarely the one that finds it closed:
/// a POST that meets a closing connection has an unknown outcome.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);

/// Where a tenant is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// The root of its API: `http` or `https`; may have a path; no user, query or fragment.
    pub base_url: Url,
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
    /// What no text about a call may quote.
    pub redaction: Redaction,
}

/// Where a tenant's tokens come from: the OAuth 2.0 client credentials grant, RFC 6749 section 4.4, with the client's id and
/// secret in the form (section 2.3.1).
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// The token endpoint: `http` or `https`; no user or fragment.
    pub token_url: Url,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
    /// Joined with blanks into `scope`, which is left out when there are none.
    pub scopes: Vec<String>,
    /// How long before its end a token is no longer used; at most a quarter of its life.
    pub refresh_margin: Duration,
}

/// Why the clients could not be made. Quotes no URL.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CxoneError {
    /// A URL of the settings cannot be used.
    #[error("tenant {tenant}: {key} {problem}")]
    Url {
        /// Whose settings.
        tenant: TenantName,
        /// `base_url` or `auth.token_url`.
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

pub(super) struct Tenant {
    pub(super) http: Client,
    pub(super) tokens: TokenCache,
    pub(super) retry_statuses: Vec<u16>,
    pub(super) actions: BTreeMap<ActionId, ActionSettings>,
    base_url: Url,
}

impl Tenant {
    pub(super) fn new(name: &TenantName, settings: TenantSettings) -> Result<Self, CxoneError> {
        let TenantSettings { base_url, ca_file, auth, retry_statuses, max_concurrent, actions } = settings;
        let refuse = |key| move |problem| CxoneError::Url { tenant: name.clone(), key, problem };
        check_url(&auth.token_url).map_err(refuse("auth.token_url"))?;
        check_url(&base_url).map_err(refuse("base_url"))?;
        if base_url.query().is_some() {
            return Err(refuse("base_url")("must have no query"));
        }
        let authorities = ca_file.as_deref().map(tls::authorities).transpose();
        let authorities = authorities.map_err(|problem| CxoneError::Authorities { tenant: name.clone(), problem })?;
        let http = client(max_concurrent, &authorities.unwrap_or_default())
            .map_err(|error| CxoneError::Client { tenant: name.clone(), reason: reason(error) })?;
        Ok(Self { tokens: TokenCache::new(http.clone(), auth), http, retry_statuses, actions, base_url })
    }

    /// The URL of `target`, a path with or without a query, below the base URL. `None` if it is not below it.
    pub(super) fn at(&self, target: &str) -> Option<Url> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let whole = format!("{}{path}", self.base_url.path().trim_end_matches('/'));
        let mut url = self.base_url.clone();
        url.set_path(&whole);
        url.set_query(query);
        // Dot segments in any spelling, backslashes, and what else the URL's rules would make another path of, are no path of ours.
        (path.starts_with('/') && url.path() == whole && url.query() == query).then_some(url)
    }
}

fn check_url(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("must be an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user or password in it");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment");
    }
    Ok(())
}

/// HTTP/1.1 only: one exchange a connection. When a connection breaks, one outcome is unknown, not those of all that share
/// it; and hyper hands a request's head and body to a connection in one go, on which [`super::outgoing`] builds.
#[expect(clippy::disallowed_methods, reason = "the one place that makes clients")]
fn client(max_concurrent: usize, authorities: &[CertificateDer<'_>]) -> reqwest::Result<Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error says that the process has one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let mut headers = HeaderMap::new();
    // Without it CXone answers "No known way to render data".
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let authorities: Result<Vec<_>, _> = authorities.iter().map(|der| Certificate::from_der(der)).collect();
    Client::builder()
        .tls_certs_merge(authorities?)
        .user_agent(concat!("cxchain/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .gzip(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(max_concurrent.max(1))
        .tcp_nodelay(true)
        .tcp_keepalive(TCP_KEEPALIVE)
        .tcp_keepalive_interval(TCP_KEEPALIVE)
        .build()
}

/// The error and what lies below it, without a URL.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut below = std::error::Error::source(&error);
    while let Some(cause) = below {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        below = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(base_url: &str, token_url: &str) -> TenantSettings {
        TenantSettings {
            base_url: base_url.parse().unwrap(),
            ca_file: None,
            auth: AuthSettings {
                token_url: token_url.parse().unwrap(),
                client_id: "client".into(),
                client_secret: "canary-secret".into(),
                scopes: vec![],
                refresh_margin: Duration::from_secs(30),
            },
            retry_statuses: vec![429, 503],
            max_concurrent: 0,
            actions: BTreeMap::new(),
        }
    }

    fn tenant(base_url: &str, token_url: &str) -> Result<Tenant, CxoneError> {
        Tenant::new(&TenantName::parse("north").unwrap(), settings(base_url, token_url))
    }

    #[test]
    fn a_base_url_may_have_a_path_and_nothing_leaves_it() {
        for (base, whole) in [
            ("http://h", "http://h/api/a.b/execute?x=%2F"),
            ("http://h/", "http://h/api/a.b/execute?x=%2F"),
            ("http://h/x/y", "http://h/x/y/api/a.b/execute?x=%2F"),
            ("http://h/x/y/", "http://h/x/y/api/a.b/execute?x=%2F"),
        ] {
            let tenant = tenant(base, "http://h/token").unwrap();
            assert_eq!(tenant.at("/api/a.b/execute?x=%2F").unwrap().as_str(), whole);
        }
        let tenant = tenant("http://h/x", "http://h/token").unwrap();
        for outside in
            ["", "a", "http://o/", "/..", "/../y", "/a/%2e%2E/b", "/.", "/a\\b", "/a#b", "/a b", "/a\r\nb", "/ä"]
        {
            assert!(tenant.at(outside).is_none(), "{outside:?}");
        }
        // An empty segment is no host.
        assert_eq!(tenant.at("//host/a").unwrap().as_str(), "http://h/x//host/a");
    }

    #[test]
    fn a_url_that_could_leak_or_mislead_is_refused() {
        let refused = |base, token| tenant(base, token).err().unwrap().to_string();
        insta::assert_snapshot!(refused("http://u:canary@h", "http://h/t"), @"tenant north: base_url must have no user or password in it");
        insta::assert_snapshot!(refused("ftp://h", "http://h/t"), @"tenant north: base_url must be an http or https URL");
        insta::assert_snapshot!(refused("http://h?q", "http://h/t"), @"tenant north: base_url must have no query");
        insta::assert_snapshot!(refused("http://h#f", "http://h/t"), @"tenant north: base_url must have no fragment");
        insta::assert_snapshot!(refused("http://h", "http://u@h/t"), @"tenant north: auth.token_url must have no user or password in it");
        insta::assert_snapshot!(refused("http://h", "data:,x"), @"tenant north: auth.token_url must be an http or https URL");
    }

    #[test]
    fn settings_do_not_print_their_secret() {
        assert!(!format!("{:?}", settings("http://h", "http://h/t")).contains("canary"));
    }
}
