//! The one place where secrets are exposed: into a form, into a header, and to find them in a text that must not have them.

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use url::form_urlencoded::Serializer;

use super::tenants::AuthSettings;
use crate::ports::Credential;

/// The body of the token request, RFC 6749 section 4.4.2.
pub(super) fn token_form(settings: &AuthSettings) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &settings.client_id)
        .append_pair("client_secret", settings.client_secret.expose_secret());
    if !settings.scopes.is_empty() {
        form.append_pair("scope", &settings.scopes.join(" "));
    }
    form.finish()
}

/// The `Authorization` header, marked as sensitive. `None` when the credential cannot stand in a header.
pub(super) fn authorization(credential: &Credential) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(credential.header.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `text` without the token, should the peer quote it back at us.
pub(super) fn redact(text: &str, credential: &Credential) -> String {
    let header = credential.header.expose_secret();
    let token = header.split_once(' ').map_or(header, |(_scheme, token)| token);
    if token.is_empty() { text.to_owned() } else { text.replace(token, "[token]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(header: &str) -> Credential {
        Credential { header: header.into(), generation: 1, stale_at: tokio::time::Instant::now() }
    }

    #[test]
    fn the_form_escapes_what_it_carries() {
        let settings = AuthSettings {
            token_url: "http://h/t".parse().unwrap(),
            client_id: "a&b".into(),
            client_secret: "c=d e".into(),
            scopes: vec!["x:y".into(), "z".into()],
            refresh_margin: std::time::Duration::ZERO,
        };
        assert_eq!(
            token_form(&settings),
            "grant_type=client_credentials&client_id=a%26b&client_secret=c%3Dd+e&scope=x%3Ay+z"
        );
        assert!(!token_form(&AuthSettings { scopes: vec![], ..settings }).contains("scope"));
    }

    #[test]
    fn the_header_does_not_print() {
        assert_eq!(format!("{:?}", authorization(&credential("Bearer canary")).unwrap()), "Sensitive");
        assert!(authorization(&credential("Bearer a\r\nb")).is_none());
    }

    #[test]
    fn a_token_that_is_quoted_back_is_taken_out() {
        assert_eq!(redact("no such token: canary!", &credential("Bearer canary")), "no such token: [token]!");
        assert_eq!(redact("nothing", &credential("Bearer ")), "nothing");
    }
}
