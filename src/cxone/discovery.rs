//! What an issuer's discovery documents say, and how far they are believed.
//!
//! Where the documents point, a secret or a token goes next. So they may point to the issuer itself, and over TLS to what lies below
//! its host and to the domains that the configuration trusts, and to nobody else, whatever they say.

use serde_json::Value;
use url::Url;

use super::settings::Discovery;
use super::token::error;
use crate::chain::ErrorClass;
use crate::ports::CredentialError;

/// The longest host name that is quoted.
const MOST_HOST: usize = 100;

/// One of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// `openid-configuration`: OpenID Connect Discovery 1.0, section 4.
    TokenEndpoint,
    /// `cxone-configuration`: CXone's own.
    Api,
}

impl Document {
    /// Where it is.
    pub(super) fn url(self, issuer: &Url, tenant_id: &str) -> Url {
        let mut url = issuer.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(".well-known").push(self.name());
        }
        if self == Self::Api {
            url.query_pairs_mut().append_pair("tenantId", tenant_id);
        }
        url
    }

    fn name(self) -> &'static str {
        match self {
            Self::TokenEndpoint => "openid-configuration",
            Self::Api => "cxone-configuration",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::TokenEndpoint => "token_endpoint",
            Self::Api => "api_endpoint",
        }
    }
}

/// Reads an answer that came whole: where the document points.
///
/// # Errors
/// 429 is `RateLimited`, 408 and 504 `Timeout`, other 5xx `ComputeClusterUnavailable`: later may help. 404 is `NotFound`; anything else,
/// a place that is not to be trusted included, `ResponseInvalid`: the settings, or the document, are wrong.
pub(super) fn judge(
    settings: &Discovery,
    document: Document,
    status: u16,
    body: &[u8],
) -> Result<Url, CredentialError> {
    let name = document.name();
    match status {
        200..=299 => place(settings, document, body),
        429 => Err(error(ErrorClass::RateLimited, true, "the issuer throttles (429)")),
        408 | 504 => Err(error(ErrorClass::Timeout, true, &format!("the issuer timed out ({status})"))),
        500..=599 => {
            Err(error(ErrorClass::ComputeClusterUnavailable, true, &format!("the issuer is not available ({status})")))
        }
        404 => Err(error(ErrorClass::NotFound, false, &format!("the issuer has no {name} for this tenant (404)"))),
        0..=199 | 300..=499 | 600..=u16::MAX => {
            let message = format!("what is at the issuer's {name} is no such document ({status})");
            Err(error(ErrorClass::ResponseInvalid, false, &message))
        }
    }
}

fn place(settings: &Discovery, document: Document, body: &[u8]) -> Result<Url, CredentialError> {
    let (name, field) = (document.name(), document.field());
    let invalid = |what: &str| error(ErrorClass::ResponseInvalid, false, &format!("the issuer's {name} {what}"));
    let json: Value = serde_json::from_slice(body).map_err(|_| invalid("is not JSON"))?;
    let text = json.get(field).and_then(Value::as_str).ok_or_else(|| invalid(&format!("names no {field}")))?;
    let url = Url::parse(text).map_err(|_| invalid(&format!("has no URL for {field}")))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !plain || url.fragment().is_some() {
        return Err(invalid(&format!("has a user, a query or a fragment in {field}")));
    }
    if is_trusted(settings, &url) {
        return Ok(url);
    }
    let host: String = url.host_str().unwrap_or_default().chars().take(MOST_HOST).collect();
    Err(invalid(&format!(
        "has {}://{host} for {field}: neither the issuer itself nor https on one of auth.trusted_domains or below the issuer",
        url.scheme()
    )))
}

/// Whether the issuer may send us there: to itself, or over TLS and on the usual port to a domain that is trusted. What lies below its
/// own host is: whoever has a name gives out those below it. (A sovereign region's issuer is such a name, `nicecxone-sov1.eu` say.)
fn is_trusted(settings: &Discovery, url: &Url) -> bool {
    let own = url.origin().is_tuple() && url.origin() == settings.issuer.origin();
    let within = |domain: &str| {
        let below = |host: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        url.domain().is_some_and(below)
    };
    let named = || settings.trusted_domains.iter().map(String::as_str).chain(settings.issuer.domain());
    let trusted = || named().any(within);
    own || (url.scheme() == "https" && url.port().is_none() && trusted())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuer: &str) -> Discovery {
        let trusted_domains = vec!["niceincontact.com".into(), "sov.example".into()];
        Discovery { issuer: issuer.parse().unwrap(), tenant_id: None, trusted_domains }
    }

    #[test]
    fn the_documents_lie_below_the_issuer() {
        for (issuer, expected) in [
            ("https://i", "https://i/.well-known/"),
            ("https://i/", "https://i/.well-known/"),
            ("https://i/a/b/", "https://i/a/b/.well-known/"),
        ] {
            let issuer = issuer.parse().unwrap();
            assert_eq!(Document::TokenEndpoint.url(&issuer, "x").as_str(), format!("{expected}openid-configuration"));
            let api = Document::Api.url(&issuer, "a&b=c/../d");
            assert_eq!(api.as_str(), format!("{expected}cxone-configuration?tenantId=a%26b%3Dc%2F..%2Fd"));
        }
    }

    #[test]
    fn a_document_points_to_the_issuer_or_to_a_domain_that_is_trusted_and_nowhere_else() {
        let https = settings("https://cxone.niceincontact.com");
        let sovereign = settings("https://nicecxone-sov1.example");
        let loopback = settings("http://127.0.0.1:8099");
        for (issuer, url, trusted) in [
            (&https, "https://cxone.niceincontact.com/auth/token", true),
            (&https, "https://api-na1.niceincontact.com", true),
            (&https, "https://API-NA1.NICEincontact.COM:443/x", true),
            (&https, "https://niceincontact.com", true),
            (&https, "https://a.b.sov.example/", true),
            (&sovereign, "https://nicecxone-sov1.example/auth/token", true),
            (&sovereign, "https://api-x.nicecxone-sov1.example", true),
            (&sovereign, "http://api-x.nicecxone-sov1.example", false),
            (&sovereign, "https://api-x.nicecxone-sov1.example:8443", false),
            (&sovereign, "https://evilnicecxone-sov1.example", false),
            (&sovereign, "https://example", false),
            (&https, "http://cxone.niceincontact.com/auth/token", false),
            (&https, "https://cxone.niceincontact.com:8443/auth/token", false),
            (&https, "https://evilniceincontact.com", false),
            (&https, "https://niceincontact.com.evil.example", false),
            (&https, "https://niceincontact.com.", false),
            (&https, "https://evil.example/niceincontact.com", false),
            (&https, "https://127.0.0.1", false),
            (&https, "https://[::1]", false),
            (&https, "https://com", false),
            (&https, "ftp://x.niceincontact.com", false),
            (&https, "data:,niceincontact.com", false),
            (&loopback, "http://127.0.0.1:8099/auth/token", true),
            (&loopback, "https://x.niceincontact.com", true),
            (&loopback, "http://127.0.0.1:8100/auth/token", false),
            (&loopback, "https://127.0.0.1:8099/auth/token", false),
            (&loopback, "http://localhost:8099/auth/token", false),
        ] {
            assert_eq!(is_trusted(issuer, &url.parse().unwrap()), trusted, "{} {url}", issuer.issuer);
        }
    }

    #[test]
    fn every_answer_is_judged() {
        let said = |status: u16, body: &str| {
            let judged = judge(&settings("https://i.example"), Document::Api, status, body.as_bytes());
            judged.map_or_else(
                |error| format!("{} {}: {error}", error.class.as_str(), error.retryable),
                |url| url.to_string(),
            )
        };
        let all = [
            said(200, r#"{"api_endpoint": "https://api-na1.niceincontact.com"}"#),
            said(200, r#"{"api_endpoint": "https://evil.example/x?canary"}"#),
            said(200, r#"{"api_endpoint": "https://evil.example/canary"}"#),
            said(200, r#"{"api_endpoint": "https://u:canary@i.example"}"#),
            said(200, r#"{"api_endpoint": "canary"}"#),
            said(200, r#"{"token_endpoint": "https://i.example"}"#),
            said(200, "<html>canary"),
            said(302, ""),
            said(403, "canary"),
            said(404, "canary"),
            said(429, "canary"),
            said(503, "canary"),
            said(504, "canary"),
        ];
        assert!(all.iter().all(|line| !line.contains("canary")), "{all:#?}");
        insta::assert_snapshot!(all.join("\n"), @r#"
        https://api-na1.niceincontact.com/
        RESPONSE_INVALID false: the issuer's cxone-configuration has a user, a query or a fragment in api_endpoint
        RESPONSE_INVALID false: the issuer's cxone-configuration has https://evil.example for api_endpoint: neither the issuer itself nor https on one of auth.trusted_domains or below the issuer
        RESPONSE_INVALID false: the issuer's cxone-configuration has a user, a query or a fragment in api_endpoint
        RESPONSE_INVALID false: the issuer's cxone-configuration has no URL for api_endpoint
        RESPONSE_INVALID false: the issuer's cxone-configuration names no api_endpoint
        RESPONSE_INVALID false: the issuer's cxone-configuration is not JSON
        RESPONSE_INVALID false: what is at the issuer's cxone-configuration is no such document (302)
        RESPONSE_INVALID false: what is at the issuer's cxone-configuration is no such document (403)
        NOT_FOUND false: the issuer has no cxone-configuration for this tenant (404)
        RATE_LIMITED true: the issuer throttles (429)
        COMPUTE_CLUSTER_UNAVAILABLE true: the issuer is not available (503)
        TIMEOUT true: the issuer timed out (504)
        "#);
    }
}
