//! The ways to a token, as the token endpoint sees them.

use cxchain::chain::ErrorClass;
use cxchain::cxone::{AccessKey, AuthSettings, ClientAuth, Grant, TenantSettings};
use cxchain::ports::{Actions, CredentialError};
use secrecy::ExposeSecret;

use super::server::{Request, Server, json, response};
use super::{SECRET, TOKEN, client, platform_of, settings, tenant};

const GRANTED: &str = r#"{"access_token":"canary-token","token_type":"bearer","expires_in":3600}"#;

fn with(grant: Grant, url: &str) -> TenantSettings {
    let settings = settings(url);
    let auth = AuthSettings { grant, ..settings.auth };
    TenantSettings { auth, ..settings }
}

fn key() -> AccessKey {
    AccessKey { id: "key id".into(), secret: "canary-key".into() }
}

/// The header that comes of it, and what the endpoint was asked.
async fn token(grant: Grant) -> (String, Vec<Request>) {
    let server = Server::saying(json(200, GRANTED)).await;
    let platform = platform_of(with(grant, &server.url));
    let credential = platform.credential(&tenant()).await.unwrap();
    (credential.header.expose_secret().to_owned(), server.requests())
}

#[tokio::test]
async fn each_grant_asks_as_its_platform_wants_to_be_asked() {
    let scopes = || vec!["a:b".to_owned()];
    let basic = "Basic Y2xpZW50OmNhbmFyeS1zZWNyZXQ=";
    let form = "application/x-www-form-urlencoded";
    let body = |auth| Grant::ClientCredentials { client: client(auth), scopes: scopes() };
    let access = |auth| Grant::AccessKey { key: key(), client: client(auth), scopes: vec![] };
    for (grant, authorization, content_type, said) in [
        (
            body(ClientAuth::Body),
            None,
            form,
            "grant_type=client_credentials&client_id=client&client_secret=canary-secret&scope=a%3Ab",
        ),
        (body(ClientAuth::Basic), Some(basic), form, "grant_type=client_credentials&scope=a%3Ab"),
        (access(ClientAuth::Basic), Some(basic), form, "grant_type=password&username=key+id&password=canary-key"),
        (
            access(ClientAuth::Body),
            None,
            form,
            "grant_type=password&username=key+id&password=canary-key&client_id=client&client_secret=canary-secret",
        ),
        (
            Grant::AccessKeyJson { key: key() },
            None,
            "application/json",
            r#"{"accessKeyId":"key id","accessKeySecret":"canary-key"}"#,
        ),
    ] {
        let (header, requests) = token(grant).await;
        assert_eq!(header, format!("Bearer {TOKEN}"));
        let [request] = &requests[..] else { panic!("{} requests", requests.len()) };
        assert_eq!(request.line, "POST /oauth/token HTTP/1.1");
        assert_eq!(request.headers.get("authorization").map(String::as_str), authorization, "{said}");
        assert_eq!((request.headers["content-type"].as_str(), request.body.as_str()), (content_type, said));
        assert_eq!(request.headers["accept"], "application/json");
    }
}

#[tokio::test]
async fn a_token_that_is_given_is_used_as_it_is_and_nobody_is_asked() {
    let (header, requests) = token(Grant::Static { token: "canary-given".into() }).await;
    assert_eq!((header.as_str(), requests.len()), ("Bearer canary-given", 0));
    let refused =
        platform_of(with(Grant::Static { token: "".into() }, "http://127.0.0.1:1")).credential(&tenant()).await;
    let CredentialError { class, retryable, message } = refused.err().unwrap();
    assert_eq!((class, retryable), (ErrorClass::Authentication, false));
    assert_eq!(message, "no token is configured (auth.token)");
}

#[tokio::test]
async fn a_refusal_quotes_nothing_of_what_was_asked() {
    for status in [400, 401, 403] {
        let echo = format!(r#"{{"error":"invalid_client","error_description":"{SECRET} canary-key"}}"#);
        let server = Server::saying(json(status, &echo)).await;
        let grant = Grant::AccessKey { key: key(), client: client(ClientAuth::Basic), scopes: vec![] };
        let error = platform_of(with(grant, &server.url)).credential(&tenant()).await.err().unwrap();
        assert_eq!((error.class, error.retryable), (ErrorClass::Authentication, false));
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let thief = Server::saying(json(200, GRANTED)).await;
    let server = Server::saying(response(307, &format!("location: {}/oauth/token\r\n", thief.url), "")).await;
    let grant = Grant::ClientCredentials { client: client(ClientAuth::Basic), scopes: vec![] };
    let error = platform_of(with(grant, &server.url)).credential(&tenant()).await.err().unwrap();
    assert_eq!((error.class, error.retryable), (ErrorClass::ResponseInvalid, false));
    assert_eq!(thief.connections(), 0);
}
