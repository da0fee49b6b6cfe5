//! An issuer says where the token endpoint and the API are: asked once, believed within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cxchain::chain::{ErrorClass, Verdict};
use cxchain::cxone::{AccessKey, AuthSettings, ClientAuth, Cxone, Discovery, Grant, TenantSettings};
use cxchain::ports::{Actions, Credential, CredentialError};

use super::server::{Reply, Request, Server, json, response};
use super::{call_within, client, platform_of, settings, tenant};

/// A tenant of which only the issuer is known, at `url`.
fn through(url: &str) -> TenantSettings {
    let settings = settings(url);
    let grant = Grant::AccessKey {
        key: AccessKey { id: "key".into(), secret: "canary-key".into() },
        client: client(ClientAuth::Basic),
        scopes: vec![],
    };
    let discovery =
        Discovery { issuer: url.parse().unwrap(), tenant_id: None, trusted_domains: vec!["trusted.example".into()] };
    let auth = AuthSettings { grant, token_url: None, discovery: Some(discovery), ..settings.auth };
    TenantSettings { base_url: None, auth, ..settings }
}

fn granted() -> Vec<u8> {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"tenantId":"11e8-a"}"#);
    json(200, &format!(r#"{{"access_token":"canary-token","expires_in":3600,"id_token":"e30.{claims}.x"}}"#))
}

/// An issuer that points to itself, or to `elsewhere`.
fn says(request: &Request, token: &str, api: &str) -> Vec<u8> {
    match request.line.split(' ').nth(1).unwrap() {
        "/.well-known/openid-configuration" => json(200, &format!(r#"{{"token_endpoint":"{token}"}}"#)),
        "/.well-known/cxone-configuration?tenantId=11e8-a" => json(200, &format!(r#"{{"api_endpoint":"{api}"}}"#)),
        "/auth/token" => granted(),
        path if path.starts_with("/region/api/v2/") => json(200, "{}"),
        _ => json(404, ""),
    }
}

/// A server that is issuer, token endpoint and API at once.
async fn whole(reply: impl Fn(&Request, &str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::replying(move |request| {
        let own = format!("http://{}", request.headers["host"]);
        let plain = || Reply::Say(says(request, &format!("{own}/auth/token"), &format!("{own}/region/")));
        reply(request, &own).unwrap_or_else(plain)
    })
    .await
}

fn lines(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.line.replace(" HTTP/1.1", "")).collect()
}

async fn ask(platform: &Cxone) -> Result<Credential, CredentialError> {
    platform.credential(&tenant()).await
}

#[tokio::test]
async fn an_issuer_leads_to_the_token_endpoint_and_the_api_and_is_asked_once() {
    let server = whole(|_, _| None).await;
    let platform = platform_of(through(&server.url));
    for _ in 0..3 {
        let credential = ask(&platform).await.unwrap();
        let answer = platform.send(&call_within(Duration::from_secs(5)), &credential).await;
        assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None }, "{:?}", answer.message);
        platform.refused(&tenant(), &credential);
    }
    let call = "POST /region/api/v2/integration/data-actions/da-fetch.v1/execute";
    let found = ["GET /.well-known/openid-configuration", "POST /auth/token"];
    let api = "GET /.well-known/cxone-configuration?tenantId=11e8-a";
    let again = ["POST /auth/token", call, "POST /auth/token", call];
    assert_eq!(lines(&server), [&found[..], &[api, call], &again[..]].concat());
    let requests = server.requests();
    for request in requests.iter().filter(|request| request.line.starts_with("GET")) {
        assert!(!request.headers.contains_key("authorization") && request.body.is_empty(), "no secret for documents");
        assert_eq!(request.headers["accept"], "application/json");
    }
}

#[tokio::test]
async fn what_is_configured_is_not_asked_for() {
    let server = whole(|_, _| None).await;
    let named = through(&server.url);
    let discovery =
        named.auth.discovery.clone().map(|discovery| Discovery { tenant_id: Some("11e8-a".into()), ..discovery });
    let grant = Grant::Static { token: "canary-given".into() };
    let auth = AuthSettings { grant, discovery, ..named.auth };
    ask(&platform_of(TenantSettings { auth, ..named })).await.unwrap();
    assert_eq!(lines(&server), ["GET /.well-known/cxone-configuration?tenantId=11e8-a"]);

    let server = whole(|_, _| None).await;
    let based = TenantSettings { base_url: Some("http://127.0.0.1:1".parse().unwrap()), ..through(&server.url) };
    ask(&platform_of(based)).await.unwrap();
    assert_eq!(lines(&server), ["GET /.well-known/openid-configuration", "POST /auth/token"]);
}

/// The heart of it: neither the access key nor the client's secret nor the token goes where a document points, if that is
/// not the issuer and not trusted.
#[tokio::test]
async fn a_document_that_points_elsewhere_is_refused_and_nothing_goes_there() {
    let thief = Server::saying(granted()).await;
    for leads in ["token", "api"] {
        let elsewhere = thief.url.clone();
        let server = whole(move |request, own| {
            let token = if leads == "token" { format!("{elsewhere}/auth/token") } else { format!("{own}/auth/token") };
            Some(Reply::Say(says(request, &token, &elsewhere)))
        })
        .await;
        let platform = platform_of(through(&server.url));
        let error = ask(&platform).await.err().unwrap();
        assert_eq!((error.class, error.retryable), (ErrorClass::ResponseInvalid, false), "{leads}");
        assert!(error.message.contains("auth.trusted_domains") && !error.message.contains("canary"), "{error}");
        let asked: Vec<_> = lines(&server).into_iter().filter(|line| line.contains("/auth/token")).collect();
        assert_eq!(asked.len(), usize::from(leads == "api"), "{leads}: {asked:?}");
    }
    assert_eq!((thief.connections(), thief.requests().len()), (0, 0));
}

#[tokio::test]
async fn an_issuer_that_redirects_is_not_followed() {
    let thief = Server::saying(json(200, "{}")).await;
    let to = format!("location: {}/x\r\n", thief.url);
    let server = Server::saying(response(302, &to, "")).await;
    let error = ask(&platform_of(through(&server.url))).await.err().unwrap();
    assert_eq!((error.class, error.retryable), (ErrorClass::ResponseInvalid, false));
    assert_eq!(thief.connections(), 0);
}

#[tokio::test]
async fn an_issuer_in_trouble_is_left_alone_for_a_moment_and_the_token_is_kept_meanwhile() {
    let well = Arc::new(AtomicBool::new(false));
    let server = whole({
        let well = well.clone();
        move |request, _| {
            let troubled = request.line.contains("cxone-configuration") && !well.load(Ordering::SeqCst);
            troubled.then(|| Reply::Say(response(503, "retry-after: 1\r\n", "")))
        }
    })
    .await;
    let platform = platform_of(through(&server.url));
    for _ in 0..20 {
        let error = ask(&platform).await.err().unwrap();
        assert_eq!((error.class, error.retryable), (ErrorClass::ComputeClusterUnavailable, true));
    }
    assert_eq!(lines(&server).len(), 3, "{:?}", lines(&server));
    well.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    ask(&platform).await.unwrap();
    let tokens = lines(&server).iter().filter(|line| line.contains("/auth/token")).count();
    assert_eq!((lines(&server).len(), tokens), (4, 1), "{:?}", lines(&server));
}

#[tokio::test]
async fn a_token_endpoint_that_moved_is_found_again() {
    let moved = Arc::new(AtomicBool::new(false));
    let server = whole({
        let moved = moved.clone();
        move |request, own| {
            let gone = moved.load(Ordering::SeqCst);
            let path = request.line.split(' ').nth(1).unwrap();
            match (gone, path) {
                (true, "/auth/token") => Some(Reply::Say(json(404, ""))),
                (true, "/new/token") => Some(Reply::Say(granted())),
                (true, _) => Some(Reply::Say(says(request, &format!("{own}/new/token"), own))),
                (false, _) => None,
            }
        }
    })
    .await;
    let platform = platform_of(through(&server.url));
    let first = ask(&platform).await.unwrap();
    platform.refused(&tenant(), &first);
    moved.store(true, Ordering::SeqCst);
    let error = ask(&platform).await.err().unwrap();
    assert_eq!((error.class, error.retryable), (ErrorClass::NotFound, false));
    tokio::time::sleep(Duration::from_millis(300)).await;
    ask(&platform).await.unwrap();
}

#[tokio::test]
async fn a_document_without_end_or_without_sense_is_given_up() {
    let endless = format!(r#"{{"token_endpoint":"{}"}}"#, "x".repeat(70 * 1024));
    for (body, expected) in [
        (endless.as_str(), "the issuer's openid-configuration is not JSON"),
        ("<html>canary", "the issuer's openid-configuration is not JSON"),
        ("{}", "the issuer's openid-configuration names no token_endpoint"),
    ] {
        let server = Server::saying(json(200, body)).await;
        let error = ask(&platform_of(through(&server.url))).await.err().unwrap();
        assert_eq!((error.message.as_str(), error.retryable), (expected, false));
    }
}

#[tokio::test]
async fn a_token_that_does_not_say_whose_it_is_needs_the_tenants_id() {
    let server = whole(|request, _| {
        let granted = || Reply::Say(json(200, r#"{"access_token":"canary-token"}"#));
        request.line.contains("/auth/token").then(granted)
    })
    .await;
    let error = ask(&platform_of(through(&server.url))).await.err().unwrap();
    assert_eq!(error.message, "the token does not say which tenant it is for: give auth.tenant_id");
}
