//! `[tenants.NAME.auth]` and `[tenants.NAME.retry]`: how a tenant is logged in to, and when a call is made again.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::key::{Fallback, Key, Part};
use super::links::{HttpUrl, Secret};
use super::lists::{Statuses, Strings};
use super::problem::Origin;
use super::reader::Section;
use super::secrets;
use super::shapes::{Choice, Decimal, FilePath, Integer, Span, Text, printable};

/// How a tenant is logged in to.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The OAuth grant.
    pub grant: Grant,
    /// Where tokens are had: `http` or `https`.
    pub token_url: Url,
    /// The client's id: at most 512 characters of printable ASCII; may be empty.
    pub client_id: String,
    /// The client's secret; `None`: none was given.
    pub client_secret: Option<SecretString>,
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
}

/// When a call is made again, and after how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// How many exchanges a step may take: 1–10.
    pub max_attempts: u8,
    /// The first delay: 1 ms – 10 min, not above `max`.
    pub base: Duration,
    /// By what each further delay is longer: 1–10.
    pub multiplier: f64,
    /// The longest delay: 1 ms – 10 min.
    pub max: Duration,
    /// The HTTP statuses after which a call may be made again: 400–599, not 401, none twice.
    pub statuses: Vec<u16>,
}

const GRANT: Key<Choice<Grant>> = Key::new(
    "grant",
    Choice(&[("client_credentials", Some(Grant::ClientCredentials)), ("access_key", None), ("static", None)]),
    Fallback::Value("\"client_credentials\""),
    "How a token is had.",
);
const TOKEN_URL: Key<HttpUrl> =
    Key::new("token_url", HttpUrl, Fallback::Else("`{base_url}/oauth/token`"), "Where tokens are had.");
const CLIENT_ID: Key<Text> = Key::new(
    "client_id",
    Text {
        rule: "of at most 512 characters of printable ASCII",
        valid: |text| text.is_empty() || printable(text, 512),
    },
    Fallback::Value("\"\""),
    "The client's id.",
);
const CLIENT_SECRET: Key<Secret> =
    Key::new("client_secret", Secret, Fallback::Else("none"), "The client's secret. Better kept in a file.");
const CLIENT_SECRET_FILE: Key<FilePath> = Key::new(
    "client_secret_file",
    FilePath,
    Fallback::Else("`client_secret` holds"),
    "A file that holds the secret, instead of `client_secret`; a newline at its end is not part of it.",
);
const SCOPES: Key<Strings> = Key::new(
    "scopes",
    Strings { most: 50, rule: "1 to 256 characters as OAuth allows them", valid: is_scope, spaced: true },
    Fallback::Value("[\"integration:data-actions:execute\", \"integration:data-actions:read\"]"),
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
    about: "How the tenant is logged in to.",
    keys: &[&GRANT, &TOKEN_URL, &CLIENT_ID, &CLIENT_SECRET, &CLIENT_SECRET_FILE, &SCOPES, &REFRESH_MARGIN],
};

/// RFC 6749: printable ASCII without space, quote and backslash.
fn is_scope(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'))
}

pub(super) fn read_auth(mut section: Section<'_>, base_url: &Url) -> Auth {
    let auth = Auth {
        grant: section.value(&GRANT),
        token_url: section.get(&TOKEN_URL).unwrap_or_else(|| {
            let url = token_url(base_url);
            section.show(TOKEN_URL.name, url.as_str().into(), Origin::Default);
            url
        }),
        client_id: section.value(&CLIENT_ID),
        client_secret: secrets::secret(&mut section, &CLIENT_SECRET, &CLIENT_SECRET_FILE),
        scopes: section.value(&SCOPES),
        refresh_margin: section.value(&REFRESH_MARGIN),
    };
    section.finish();
    auth
}

fn token_url(base_url: &Url) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}/oauth/token", base_url.path().trim_end_matches('/')));
    url
}

const MAX_ATTEMPTS: Key<Integer> = Key::new(
    "max_attempts",
    Integer { min: 1, max: 10 },
    Fallback::Value("4"),
    "How many exchanges a step may take; 429s and the repeat after a 401 are not counted.",
);
const BASE: Key<Span> = Key::new(
    "base",
    Span::between(Duration::from_millis(1), Duration::from_secs(600)),
    Fallback::Value("\"2s\""),
    "The first delay; not above `max`.",
);
const MULTIPLIER: Key<Decimal> = Key::new(
    "multiplier",
    Decimal { min: 1.0, max: 10.0 },
    Fallback::Value("1.5"),
    "By what each further delay is longer.",
);
const MAX: Key<Span> = Key::new(
    "max",
    Span::between(Duration::from_millis(1), Duration::from_secs(600)),
    Fallback::Value("\"12s\""),
    "The longest delay.",
);
const STATUSES: Key<Statuses> = Key::new(
    "statuses",
    Statuses,
    Fallback::Value("[429, 503]"),
    "The HTTP statuses after which a call is made again; others than 429 and 503 only for idempotent steps.",
);

pub(super) const RETRY_PART: Part = Part {
    pattern: "tenants.NAME.retry",
    about: "When a call is made again, and after how long.",
    keys: &[&MAX_ATTEMPTS, &BASE, &MULTIPLIER, &MAX, &STATUSES],
};

pub(super) fn read_retry(mut section: Section<'_>) -> Retry {
    let (base_origin, max_origin) = (section.given(&BASE), section.given(&MAX));
    let (base, max) = (section.get(&BASE), section.get(&MAX));
    if base.zip(max).is_some_and(|(base, max)| base > max) {
        let (name, origin) = match (base_origin, max_origin) {
            (Some(origin), _) => (BASE.name, origin),
            (None, origin) => (MAX.name, origin.unwrap_or(Origin::Default)),
        };
        section.blame(name, origin, "base must not be above max");
    }
    let retry = Retry {
        max_attempts: u8::try_from(section.value(&MAX_ATTEMPTS)).unwrap_or(u8::MAX),
        base: base.unwrap_or_default(),
        multiplier: section.value(&MULTIPLIER),
        max: max.unwrap_or_default(),
        statuses: section.value(&STATUSES),
    };
    section.finish();
    retry
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
