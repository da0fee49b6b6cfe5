//! A tenant as this room holds it: its client, its base URL, its tokens.

use std::collections::BTreeMap;
use std::sync::{Arc, Once};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client};
use rustls::pki_types::CertificateDer;
use url::Url;

use super::auth::TokenCache;
use super::places::Places;
use super::presets::Preset;
use super::settings::{ActionSettings, CxoneError, TenantSettings};
use crate::chain::{ActionId, TenantName};
use crate::tls;

/// How long making a connection (DNS, TCP, TLS) may take. Less than the shortest timeout of a step (5 s), so that a peer
/// that swallows every packet shows as "could not connect", of which it is known that nothing was sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Shorter than what the usual load balancers keep a connection (60 s), so that ours is rarely the one that finds it closed:
/// a POST that meets a closing connection has an unknown outcome.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);

pub(super) struct Tenant {
    pub(super) preset: Preset,
    pub(super) http: Client,
    pub(super) tokens: TokenCache,
    pub(super) retry_statuses: Vec<u16>,
    pub(super) actions: BTreeMap<ActionId, ActionSettings>,
    places: Arc<Places>,
}

impl Tenant {
    pub(super) fn new(name: &TenantName, settings: TenantSettings) -> Result<Self, CxoneError> {
        let TenantSettings { preset, base_url, ca_file, mut auth, retry_statuses, max_concurrent, actions } = settings;
        let (token_url, discovery) = (auth.token_url.take(), auth.discovery.take());
        let refuse = |key| move |problem| CxoneError::Url { tenant: name.clone(), key, problem };
        token_url.as_ref().map_or(Ok(()), check_url).map_err(refuse("auth.token_url"))?;
        for (key, url) in
            [("base_url", &base_url), ("auth.issuer", &discovery.as_ref().map(|found| found.issuer.clone()))]
        {
            url.as_ref().map_or(Ok(()), check_root).map_err(refuse(key))?;
        }
        let authorities = ca_file.as_deref().map(tls::authorities).transpose();
        let authorities = authorities.map_err(|problem| CxoneError::Authorities { tenant: name.clone(), problem })?;
        let http = client(max_concurrent, &authorities.unwrap_or_default())
            .map_err(|error| CxoneError::Client { tenant: name.clone(), reason: reason(error) })?;
        let places = Arc::new(Places::new(http.clone(), base_url, token_url, discovery));
        let tokens = TokenCache::new(http.clone(), auth, places.clone());
        Ok(Self { preset, tokens, http, retry_statuses, actions, places })
    }

    /// The URL of `target`, a path with or without a query, below the base URL. `None` if it is not below it, or if it is not
    /// known yet where that is: who has one of the tenant's tokens, has found the tenant.
    pub(super) fn at(&self, target: &str) -> Option<Url> {
        below(self.places.base_url()?, target)
    }

    /// How long path and query of `target` are, in bytes. `None` if it is not below the base URL, wherever that is.
    pub(super) fn length(&self, target: &str) -> Option<usize> {
        let nowhere = || Url::parse("https://nowhere.invalid").ok();
        let url = below(self.places.base_url().or_else(nowhere)?, target)?;
        Some(url.path().len() + url.query().map_or(0, str::len))
    }
}

fn below(mut url: Url, target: &str) -> Option<Url> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let whole = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&whole);
    url.set_query(query);
    // Dot segments in any spelling, backslashes, and what else the URL's rules would make another path of, are no path of ours.
    (path.starts_with('/') && url.path() == whole && url.query() == query).then_some(url)
}

fn check_root(url: &Url) -> Result<(), &'static str> {
    check_url(url)?;
    if url.query().is_some() { Err("must have no query") } else { Ok(()) }
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
    use super::super::settings::{AccessKey, AuthSettings, ClientAuth, ClientSettings, Discovery, Grant};
    use super::*;

    fn settings(base_url: &str, token_url: &str) -> TenantSettings {
        TenantSettings {
            preset: Preset::DataActions,
            base_url: Some(base_url.parse().unwrap()),
            ca_file: None,
            auth: AuthSettings {
                grant: Grant::AccessKey {
                    key: AccessKey { id: "key".into(), secret: "canary-key".into() },
                    client: ClientSettings {
                        id: "client".into(),
                        secret: "canary-secret".into(),
                        auth: ClientAuth::Body,
                    },
                    scopes: vec![],
                },
                token_url: Some(token_url.parse().unwrap()),
                discovery: None,
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
    fn a_tenant_that_is_not_found_yet_has_no_url_and_a_path_is_judged_all_the_same() {
        let settings = TenantSettings { base_url: None, ..settings("http://h", "http://h/t") };
        let tenant = Tenant::new(&TenantName::parse("north").unwrap(), settings).unwrap();
        assert_eq!((tenant.at("/x"), tenant.length("/x?ab"), tenant.length("/../x")), (None, Some(4), None));
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
        let issuer = |issuer: &str| {
            let mut settings = settings("http://h", "http://h/t");
            let issuer = issuer.parse().unwrap();
            settings.auth.discovery = Some(Discovery { issuer, tenant_id: None, trusted_domains: vec![] });
            Tenant::new(&TenantName::parse("north").unwrap(), settings).err().unwrap().to_string()
        };
        insta::assert_snapshot!(issuer("http://h?q"), @"tenant north: auth.issuer must have no query");
        insta::assert_snapshot!(issuer("http://u:canary@h"), @"tenant north: auth.issuer must have no user or password in it");
    }

    #[test]
    fn settings_do_not_print_their_secret() {
        assert!(!format!("{:?}", settings("http://h", "http://h/t")).contains("canary"));
    }
}
