//! The shapes of addresses: URLs with and without a password in them, and plain secrets. What they show is masked.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::key::{Fault, Given, Shape};

/// What stands in a secret's place.
pub(super) const MASK: &str = "********";

/// An `http` or `https` URL without user, query or fragment.
pub(super) struct HttpUrl;

impl Shape for HttpUrl {
    type Value = Url;

    fn kind(&self) -> &'static str {
        "an http or https URL"
    }

    fn bounds(&self) -> String {
        "without user, query and fragment".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<Url, Fault> {
        let text = given.text().ok_or(Fault::Type)?;
        let url = parse(text)?;
        if climbs(text) {
            return Err(Fault::Says("has a segment . or .. in its path; must be the path itself".into()));
        }
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.has_host();
        if plain && matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(Fault::Bounds(None)) }
    }

    fn show(&self, value: &Url) -> toml::Value {
        value.as_str().trim_end_matches('/').into()
    }
}

/// A URL that may hold a password.
pub(super) struct SecretUrl {
    /// The schemes that there are, and whether this release knows them.
    pub schemes: &'static [(&'static str, bool)],
    /// The same in words.
    pub rule: &'static str,
}

impl Shape for SecretUrl {
    type Value = SecretString;

    fn kind(&self) -> &'static str {
        "a secret URL"
    }

    fn bounds(&self) -> String {
        self.rule.into()
    }

    fn read(&self, given: &Given<'_>) -> Result<SecretString, Fault> {
        let text = given.text().ok_or(Fault::Type)?;
        let url = parse(text)?;
        if url.fragment().is_some() || url.query().is_some() || url.host_str().is_none_or(str::is_empty) {
            return Err(Fault::Bounds(None));
        }
        match self.schemes.iter().find(|(scheme, _)| *scheme == url.scheme()) {
            Some((_, true)) => Ok(text.into()),
            Some((scheme, false)) => {
                let built: Vec<_> =
                    self.schemes.iter().filter(|(_, built)| *built).map(|(scheme, _)| format!("{scheme}://")).collect();
                Err(Fault::NotBuilt { value: format!("\"{scheme}://…\""), has: built.join(", ") })
            }
            None => Err(Fault::Bounds(None)),
        }
    }

    fn show(&self, value: &SecretString) -> toml::Value {
        masked(value).into()
    }
}

/// The URL with its password masked; wholly masked if it is none.
pub(super) fn masked(url: &SecretString) -> String {
    let Ok(mut url) = Url::parse(url.expose_secret()) else { return MASK.into() };
    if url.password().is_none() || url.set_password(Some(MASK)).is_ok() { url.into() } else { MASK.into() }
}

/// The `url` crate forgives white space; we do not, since others that read the same text may not either.
fn parse(text: &str) -> Result<Url, Fault> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Fault::Bounds(None));
    }
    Url::parse(text).map_err(|_| Fault::Bounds(None))
}

/// Whether a segment of its path is `.` or `..`, in any way to write it. The `url` crate goes that way without a word, and others that
/// read the same text may not.
fn climbs(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let dots = |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    path.split(['/', '\\']).any(dots)
}

/// Whether `text` is a domain of at least two labels, in lower case.
pub(super) fn is_domain(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(known) && !label.starts_with('-') && !label.ends_with('-')
    };
    // The last one of a name is never a number, and an address always ends in one.
    let named = text.rsplit('.').next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_lowercase()));
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label) && named
}

/// A secret text.
pub(super) struct Secret;

impl Shape for Secret {
    type Value = SecretString;

    fn kind(&self) -> &'static str {
        "a secret string"
    }

    fn bounds(&self) -> String {
        String::new()
    }

    fn read(&self, given: &Given<'_>) -> Result<SecretString, Fault> {
        match given.text() {
            Some(text) if !text.is_empty() => Ok(text.into()),
            Some(_) => Err(Fault::Bounds(None)),
            None => Err(Fault::Type),
        }
    }

    fn show(&self, _: &SecretString) -> toml::Value {
        MASK.into()
    }
}

/// A secret that goes into a header as it is.
pub(super) struct Token;

impl Shape for Token {
    type Value = SecretString;

    fn kind(&self) -> &'static str {
        Secret.kind()
    }

    fn bounds(&self) -> String {
        "of visible ASCII characters".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<SecretString, Fault> {
        let token = Secret.read(given)?;
        let visible = token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
        if visible { Ok(token) } else { Err(Fault::Bounds(None)) }
    }

    fn show(&self, value: &SecretString) -> toml::Value {
        Secret.show(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_name_and_no_address() {
        for good in ["example.com", "a.b-c.d2", "niceincontact.com", "xn--bcher-kva.example"] {
            assert!(is_domain(good), "{good}");
        }
        let long = format!("{}.com", "a".repeat(64));
        for bad in [
            "",
            "com",
            "Example.com",
            ".com",
            "a..b",
            "a.b.",
            "-a.b",
            "a-.b",
            "10.0.0.1",
            "[::1]",
            "a.b:80",
            "*.a.b",
            &long,
        ] {
            assert!(!is_domain(bad), "{bad}");
        }
    }

    #[test]
    fn a_path_that_climbs_is_seen_in_any_way_to_write_it() {
        for climbing in ["http://h/a/../b", "http://h/.", "http://h/a/%2E%2e/b", "http://h/.%2e", "http:\\\\h\\..\\b"] {
            assert!(climbs(climbing), "{climbing}");
        }
        for plain in ["http://h", "http://h/", "http://a.b/c.d/...", "http://h/..a/b..", "http://h/.well-known"] {
            assert!(!climbs(plain), "{plain}");
        }
    }

    #[test]
    fn only_the_password_of_a_url_is_masked() {
        let show = |url: &str| masked(&url.into());
        assert_eq!(show("amqp://user:CANARY@broker:5673/%2f"), "amqp://user:********@broker:5673/%2f");
        assert_eq!(show("amqp://user@broker"), "amqp://user@broker");
        assert_eq!(show("redis://:CANARY@cache/0"), "redis://:********@cache/0");
        assert_eq!(show("CANARY"), MASK);
    }
}
