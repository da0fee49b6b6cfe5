//! The one place where secrets are exposed: into a form, into a header, and to find them in a text that must not have them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::form_urlencoded::Serializer;

use super::settings::{AccessKey, ClientAuth, ClientSettings, Grant};
use crate::ports::Credential;

/// What is sent to a token endpoint. It has no `Debug`.
pub(super) struct TokenRequest {
    pub(super) content_type: &'static str,
    /// Marked as sensitive.
    pub(super) authorization: Option<HeaderValue>,
    pub(super) body: String,
}

/// The request for a token; `None`: there is one already.
pub(super) fn token_request(grant: &Grant) -> Option<TokenRequest> {
    match grant {
        Grant::ClientCredentials { client, scopes } => Some(form("client_credentials", None, client, scopes)),
        Grant::AccessKey { key, client, scopes } => Some(form("password", Some(key), client, scopes)),
        Grant::AccessKeyJson { key } => Some(TokenRequest {
            content_type: "application/json",
            authorization: None,
            body: serde_json::to_string(&Keys {
                access_key_id: &key.id,
                access_key_secret: key.secret.expose_secret(),
            })
            .unwrap_or_default(),
        }),
        Grant::Static { .. } => None,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Keys<'a> {
    access_key_id: &'a str,
    access_key_secret: &'a str,
}

/// RFC 6749 sections 4.3.2 and 4.4.2.
fn form(grant_type: &str, key: Option<&AccessKey>, client: &ClientSettings, scopes: &[String]) -> TokenRequest {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", grant_type);
    if let Some(key) = key {
        form.append_pair("username", &key.id).append_pair("password", key.secret.expose_secret());
    }
    let mut authorization = None;
    match client.auth {
        // A password grant may come from nobody in particular.
        _ if key.is_some() && client.id.is_empty() => {}
        ClientAuth::Body => {
            form.append_pair("client_id", &client.id).append_pair("client_secret", client.secret.expose_secret());
        }
        ClientAuth::Basic => authorization = Some(basic(client)),
    }
    if !scopes.is_empty() {
        form.append_pair("scope", &scopes.join(" "));
    }
    TokenRequest { content_type: "application/x-www-form-urlencoded", authorization, body: form.finish() }
}

/// RFC 7617.
fn basic(client: &ClientSettings) -> HeaderValue {
    let pair = STANDARD.encode(format!("{}:{}", client.id, client.secret.expose_secret()));
    // base64 is always good for a header.
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The `Authorization` header's value for a token that is given; `None` when it is empty, or none is.
pub(super) fn static_header(grant: &Grant) -> Option<SecretString> {
    let Grant::Static { token } = grant else { return None };
    let token = token.expose_secret();
    (!token.is_empty()).then(|| format!("Bearer {token}").into())
}

/// The `Authorization` header, marked as sensitive. `None` when the credential cannot stand in a header.
pub(super) fn authorization(credential: &Credential) -> Option<HeaderValue> {
    header(&credential.header)
}

/// The value of a header, marked as sensitive. `None` when it cannot stand in one.
pub(super) fn header(value: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value.expose_secret()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `text` without the token and the headers that are secret, should the peer quote them back at us.
pub(super) fn redact(text: &str, credential: &Credential, headers: &BTreeMap<String, SecretString>) -> String {
    let header = credential.header.expose_secret();
    let token = header.split_once(' ').map_or(header, |(_scheme, token)| token);
    let without_token = if token.is_empty() { text.to_owned() } else { text.replace(token, "[token]") };
    let mut secrets: Vec<&str> = headers.values().map(ExposeSecret::expose_secret).collect();
    // The longest first: one may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let secrets = secrets.into_iter().filter(|secret| !secret.is_empty());
    secrets.fold(without_token, |text, secret| text.replace(secret, "[secret]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(header: &str) -> Credential {
        Credential { header: header.into(), generation: 1, stale_at: tokio::time::Instant::now() }
    }

    /// A client's request, as header and body.
    fn said(grant: &Grant) -> (Option<String>, &'static str, String) {
        let TokenRequest { content_type, authorization, body } = token_request(grant).unwrap();
        (authorization.map(|value| value.to_str().unwrap().to_owned()), content_type, body)
    }

    fn client(id: &str, auth: ClientAuth) -> ClientSettings {
        ClientSettings { id: id.into(), secret: "c=d e".into(), auth }
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn every_grant_asks_in_its_own_way_and_escapes_what_it_carries() {
        let scopes = || vec!["x:y".to_owned(), "z".to_owned()];
        let key = || AccessKey { id: "k\"&".into(), secret: "s\\+".into() };
        let basic = Some("Basic YSZiOmM9ZCBl".to_owned());
        let body = |client| Grant::ClientCredentials { client, scopes: scopes() };
        let table = [
            (
                body(client("a&b", ClientAuth::Body)),
                (None, FORM, "grant_type=client_credentials&client_id=a%26b&client_secret=c%3Dd+e&scope=x%3Ay+z"),
            ),
            (
                body(client("a&b", ClientAuth::Basic)),
                (basic.clone(), FORM, "grant_type=client_credentials&scope=x%3Ay+z"),
            ),
            (
                Grant::ClientCredentials { client: client("a", ClientAuth::Body), scopes: vec![] },
                (None, FORM, "grant_type=client_credentials&client_id=a&client_secret=c%3Dd+e"),
            ),
            (
                Grant::AccessKey { key: key(), client: client("a&b", ClientAuth::Basic), scopes: vec![] },
                (basic, FORM, "grant_type=password&username=k%22%26&password=s%5C%2B"),
            ),
            (
                Grant::AccessKey { key: key(), client: client("a&b", ClientAuth::Body), scopes: scopes() },
                (
                    None,
                    FORM,
                    "grant_type=password&username=k%22%26&password=s%5C%2B&client_id=a%26b&client_secret=c%3Dd+e\
                     &scope=x%3Ay+z",
                ),
            ),
            (
                Grant::AccessKey { key: key(), client: client("", ClientAuth::Basic), scopes: vec![] },
                (None, FORM, "grant_type=password&username=k%22%26&password=s%5C%2B"),
            ),
            (
                Grant::AccessKeyJson { key: key() },
                (None, "application/json", r#"{"accessKeyId":"k\"&","accessKeySecret":"s\\+"}"#),
            ),
        ];
        for (grant, (authorization, content_type, body)) in table {
            assert_eq!(said(&grant), (authorization, content_type, body.to_owned()), "{grant:?}");
        }
    }

    #[test]
    fn a_token_that_is_given_is_not_asked_for() {
        let header = |token: &str| {
            let grant = Grant::Static { token: token.into() };
            assert!(token_request(&grant).is_none());
            static_header(&grant).map(|header| header.expose_secret().to_owned())
        };
        assert_eq!(header("abc").as_deref(), Some("Bearer abc"));
        assert_eq!(header(""), None);
    }

    #[test]
    fn no_header_prints() {
        assert_eq!(format!("{:?}", authorization(&credential("Bearer canary")).unwrap()), "Sensitive");
        assert!(authorization(&credential("Bearer a\r\nb")).is_none());
        assert_eq!(format!("{:?}", basic(&client("canary", ClientAuth::Basic))), "Sensitive");
    }

    #[test]
    fn a_token_that_is_quoted_back_is_taken_out() {
        let none = BTreeMap::new();
        assert_eq!(redact("no such token: canary!", &credential("Bearer canary"), &none), "no such token: [token]!");
        assert_eq!(redact("nothing", &credential("Bearer "), &none), "nothing");
        let headers = BTreeMap::from([("X-Api-Key".to_owned(), "key".into())]);
        assert_eq!(redact("canary, key key", &credential("Bearer canary"), &headers), "[token], [secret] [secret]");
    }
}
