//! `[tenants.NAME.auth]`: how a tenant is logged in to.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::key::{Fallback, Key, Part};
use super::links::{HttpUrl, Secret, Token, is_domain};
use super::lists::Strings;
use super::presets::{self, Api};
use super::problem::Origin;
use super::reader::Section;
use super::secrets;
use super::shapes::{Choice, FilePath, Span, Text, printable};

/// How a tenant is logged in to.
#[derive(Debug, Clone)]
pub struct Auth {
    /// How a token is had.
    pub grant: Grant,
    /// How the client says who it is.
    pub client_auth: ClientAuth,
    /// Where tokens are had: `http` or `https`. `None`: the issuer says it, or nobody is asked.
    pub token_url: Option<Url>,
    /// Who says where things are: `http` or `https`; of API `cxone` only.
    pub issuer: Option<Url>,
    /// What the platform calls the tenant: at most 128 of `[A-Za-z0-9._-]`.
    pub tenant_id: Option<String>,
    /// Where the issuer may point to, besides to itself: at most 20 domains.
    pub trusted_domains: Vec<String>,
    /// The client's id: at most 512 characters of printable ASCII; may be empty.
    pub client_id: String,
    /// The client's secret; `None`: none was given.
    pub client_secret: Option<SecretString>,
    /// The access key's id: as the client's.
    pub access_key_id: String,
    /// The access key's secret; `None`: none was given.
    pub access_key_secret: Option<SecretString>,
    /// The token of a grant that is static: visible ASCII.
    pub token: Option<SecretString>,
    /// The scopes asked for: at most 50.
    pub scopes: Vec<String>,
    /// How long before its end a token is renewed: up to 10 min.
    pub refresh_margin: Duration,
}

/// How a token is had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grant {
    /// OAuth 2 client credentials.
    #[default]
    ClientCredentials,
    /// OAuth 2 password, with an access key.
    AccessKey,
    /// An access key as JSON.
    AccessKeyJson,
    /// A token that is given.
    Static,
}

/// How the client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// In the form.
    #[default]
    Body,
    /// By HTTP Basic.
    Basic,
}

const GRANT: Key<Choice<Grant>> = Key::new(
    "grant",
    Choice(&[
        ("client_credentials", Some(Grant::ClientCredentials)),
        ("access_key", Some(Grant::AccessKey)),
        ("access_key_json", Some(Grant::AccessKeyJson)),
        ("static", Some(Grant::Static)),
    ]),
    Fallback::ByApi(&presets::GRANT),
    "How a token is had. `client_credentials`: OAuth 2. `access_key`: OAuth 2 password with an access key of CXone. \
     `access_key_json`: the access key as JSON, CXone's older way. `static`: no request, but the token that `token` gives.",
);
const CLIENT_AUTH: Key<Choice<ClientAuth>> = Key::new(
    "client_auth",
    Choice(&[("body", Some(ClientAuth::Body)), ("basic", Some(ClientAuth::Basic))]),
    Fallback::ByApi(&presets::CLIENT_AUTH),
    "How the client says who it is: in the form, or by HTTP Basic.",
);
const TOKEN_URL: Key<HttpUrl> = Key::new(
    "token_url",
    HttpUrl,
    Fallback::ByApi(&presets::TOKEN_URL),
    "Where tokens are had. Required with `grant = \"access_key_json\"`: \
     `https://na1.nice-incontact.com/authentication/v1/token/access-key`, or `au1`, `eu1`.",
);
const ISSUER: Key<HttpUrl> = Key::new(
    "issuer",
    HttpUrl,
    Fallback::ByApi(&presets::ISSUER),
    "Who says where things are: `{issuer}/.well-known/openid-configuration` the token endpoint unless there is a `token_url`, \
     `{issuer}/.well-known/cxone-configuration` the API unless there is a `base_url`.",
);
const TENANT_ID: Key<Text> = Key::new(
    "tenant_id",
    Text { rule: "of 1 to 128 characters of A-Z a-z 0-9 . _ -", valid: is_tenant_id },
    Fallback::ByApi(&presets::TENANT_ID),
    "What the platform calls the tenant, to ask the issuer for its API.",
);
const TRUSTED_DOMAINS: Key<Strings> = Key::new(
    "trusted_domains",
    Strings { most: 20, rule: "a domain such as example.com", valid: is_domain, spaced: true },
    Fallback::ByApi(&presets::TRUSTED_DOMAINS),
    "Where the issuer may point to, besides to itself and to what lies below its host: these domains and all below them, by https. \
     Secrets and tokens go there.",
);
const CLIENT_ID: Key<Text> = name("client_id", "The client's id.");
const CLIENT_SECRET: Key<Secret> =
    Key::new("client_secret", Secret, Fallback::Else("none"), "The client's secret. Better kept in a file.");
const CLIENT_SECRET_FILE: Key<FilePath> = file(
    "client_secret_file",
    "`client_secret` holds",
    "A file that holds the secret, instead of `client_secret`; a newline at its end is not part of it.",
);
const ACCESS_KEY_ID: Key<Text> = name("access_key_id", "The access key's id.");
const ACCESS_KEY_SECRET: Key<Secret> =
    Key::new("access_key_secret", Secret, Fallback::Else("none"), "The access key's secret. Better kept in a file.");
const ACCESS_KEY_SECRET_FILE: Key<FilePath> = file(
    "access_key_secret_file",
    "`access_key_secret` holds",
    "A file that holds it, instead of `access_key_secret`.",
);
const TOKEN: Key<Token> = Key::new(
    "token",
    Token,
    Fallback::Else("none"),
    "The token of `grant = \"static\"`, which goes out as `Authorization: Bearer …`. Better kept in a file.",
);
const TOKEN_FILE: Key<FilePath> =
    file("token_file", "`token` holds", "A file that holds it, instead of `token`. Read at start.");
const SCOPES: Key<Strings> = Key::new(
    "scopes",
    Strings { most: 50, rule: "1 to 256 characters as OAuth allows them", valid: is_scope, spaced: true },
    Fallback::ByApi(&presets::SCOPES),
    "The scopes asked for; none: the parameter is left out.",
);
const REFRESH_MARGIN: Key<Span> = Key::new(
    "refresh_margin",
    Span::between(Duration::ZERO, Duration::from_secs(600)),
    Fallback::Value("\"30s\""),
    "How long before its end a token is renewed.",
);

pub(super) const AUTH_PART: Part = Part {
    pattern: "tenants.NAME.auth",
    about: "How the tenant is logged in to. A key that has no effect with the `api` and the `grant` must not be given.",
    keys: &[
        &GRANT,
        &CLIENT_AUTH,
        &TOKEN_URL,
        &ISSUER,
        &TENANT_ID,
        &TRUSTED_DOMAINS,
        &CLIENT_ID,
        &CLIENT_SECRET,
        &CLIENT_SECRET_FILE,
        &ACCESS_KEY_ID,
        &ACCESS_KEY_SECRET,
        &ACCESS_KEY_SECRET_FILE,
        &TOKEN,
        &TOKEN_FILE,
        &SCOPES,
        &REFRESH_MARGIN,
    ],
};

const fn name(key: &'static str, about: &'static str) -> Key<Text> {
    let shape = Text { rule: "of at most 512 characters of printable ASCII", valid: |text| printable(text, 512) };
    Key::new(key, shape, Fallback::Else("none"), about)
}

const fn file(key: &'static str, otherwise: &'static str, about: &'static str) -> Key<FilePath> {
    Key::new(key, FilePath, Fallback::Else(otherwise), about)
}

/// RFC 6749: printable ASCII without space, quote and backslash.
fn is_scope(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

fn is_tenant_id(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(known)
}

/// What the tenant's own section says of where it is.
pub(super) struct Whereabouts<'w> {
    /// `None`: the issuer says it.
    pub base_url: Option<&'w Url>,
    pub base_url_given: bool,
    /// Of Genesys Cloud: `None` where it was not given and does not follow.
    pub region: Option<&'w str>,
    pub region_given: bool,
}

pub(super) fn read_auth(mut section: Section<'_>, at: &Whereabouts<'_>) -> Auth {
    let grant = section.value(&GRANT);
    let token_url = read_token_url(&mut section, grant, at);
    let is_cxone = section.api == Api::Cxone;
    for_api(&mut section, &ISSUER, is_cxone);
    for_api(&mut section, &TENANT_ID, is_cxone);
    for_api(&mut section, &TRUSTED_DOMAINS, is_cxone);
    let (issuer, tenant_id) = (section.get(&ISSUER), section.get(&TENANT_ID));
    if is_cxone && grant == Grant::Static && at.base_url.is_none() && tenant_id.is_none() {
        let what = "is missing; with grant = \"static\" it, or the tenant's base_url, must be given";
        section.blame(TENANT_ID.name, section.origin.clone(), what);
    }
    let trusted_domains = section.value(&TRUSTED_DOMAINS);

    let has_client = matches!(grant, Grant::ClientCredentials | Grant::AccessKey);
    let has_key = matches!(grant, Grant::AccessKey | Grant::AccessKeyJson);
    let is_static = grant == Grant::Static;
    for_grant(&mut section, grant, &CLIENT_AUTH, has_client);
    for_grant(&mut section, grant, &CLIENT_ID, has_client);
    for_grant(&mut section, grant, &CLIENT_SECRET, has_client);
    for_grant(&mut section, grant, &CLIENT_SECRET_FILE, has_client);
    for_grant(&mut section, grant, &ACCESS_KEY_ID, has_key);
    for_grant(&mut section, grant, &ACCESS_KEY_SECRET, has_key);
    for_grant(&mut section, grant, &ACCESS_KEY_SECRET_FILE, has_key);
    for_grant(&mut section, grant, &TOKEN, is_static);
    for_grant(&mut section, grant, &TOKEN_FILE, is_static);
    for_grant(&mut section, grant, &SCOPES, has_client);
    let client_auth = if has_client { section.value(&CLIENT_AUTH) } else { ClientAuth::default() };
    let client_origin = section.given(&CLIENT_ID);
    let client_id = section.value(&CLIENT_ID);
    if let Some(origin) = client_origin.filter(|_| client_auth == ClientAuth::Basic && client_id.contains(':')) {
        section.blame(CLIENT_ID.name, origin, "must have no colon in it with client_auth = \"basic\"");
    }
    let auth = Auth {
        grant,
        client_auth,
        token_url,
        issuer,
        tenant_id,
        trusted_domains,
        client_id,
        client_secret: secrets::secret(&mut section, &CLIENT_SECRET, &CLIENT_SECRET_FILE),
        access_key_id: section.value(&ACCESS_KEY_ID),
        access_key_secret: secrets::secret(&mut section, &ACCESS_KEY_SECRET, &ACCESS_KEY_SECRET_FILE),
        token: secrets::secret(&mut section, &TOKEN, &TOKEN_FILE),
        scopes: if has_client { section.value(&SCOPES) } else { Vec::new() },
        refresh_margin: section.value(&REFRESH_MARGIN),
    };
    section.finish();
    auth
}

/// A key that has an effect only if `fits`.
fn for_api<S>(section: &mut Section<'_>, key: &Key<S>, fits: bool) {
    if !fits {
        section.idle(key, &format!("has no effect with api = {:?}", section.api.name()));
    }
}

fn for_grant<S>(section: &mut Section<'_>, grant: Grant, key: &Key<S>, fits: bool) {
    if !fits {
        section.idle(key, &format!("has no effect with grant = {}", super::key::Shape::show(&GRANT.shape, &grant)));
    }
}

/// `None` where the issuer says it, where nobody is asked, and after a problem.
fn read_token_url(section: &mut Section<'_>, grant: Grant, at: &Whereabouts<'_>) -> Option<Url> {
    if grant == Grant::Static {
        for_grant(section, grant, &TOKEN_URL, false);
        return None;
    }
    let given = section.given(&TOKEN_URL).is_some();
    let missing = |section: &Section<'_>, why: &str| {
        section.blame(TOKEN_URL.name, section.origin.clone(), &format!("is missing; {why}"));
    };
    if !given && grant == Grant::AccessKeyJson {
        missing(section, "with grant = \"access_key_json\" it must be given");
        return None;
    }
    let is_half = section.api == Api::Genesys && !at.region_given && at.base_url_given != given;
    if is_half && !given {
        missing(section, "beside base_url either it or the tenant's region must be given");
        return None;
    }
    if is_half {
        let what = "must not be given without the tenant's base_url or region";
        section.blame(TOKEN_URL.name, section.given(&TOKEN_URL).unwrap_or(Origin::Default), what);
    }
    let url = section.get(&TOKEN_URL);
    if given {
        return url;
    }
    let url = match section.api {
        Api::DataActions => at.base_url.map(token_url),
        Api::Genesys => at.region.and_then(|region| Url::parse(&format!("https://login.{region}/oauth/token")).ok()),
        Api::Cxone => None,
    };
    if let Some(url) = &url {
        section.show(TOKEN_URL.name, url.as_str().into(), Origin::Default);
    }
    url
}

fn token_url(base_url: &Url) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}/oauth/token", base_url.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_url_follows_the_base_url() {
        for (base, token) in [
            ("https://us-01.api.nicecxone.com", "https://us-01.api.nicecxone.com/oauth/token"),
            ("http://127.0.0.1:8080/a%20b/", "http://127.0.0.1:8080/a%20b/oauth/token"),
        ] {
            assert_eq!(token_url(&Url::parse(base).unwrap()).as_str(), token);
        }
    }
}
