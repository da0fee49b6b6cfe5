//! No secret and no payload in anything that can be printed.

use std::collections::BTreeMap;
use std::time::Duration;

use cxchain::cxone::{ActionSettings, TenantSettings};
use cxchain::ports::{Actions, Call, Hidden, Prepared};

use super::server::{Reply, Server, json};
use super::{SECRET, TOKEN, call_within, credential, execute, platform, platform_of, settings};

fn has_canary(text: &str) -> bool {
    text.contains("canary")
}

#[tokio::test]
async fn nothing_that_prints_prints_a_secret() {
    assert!(has_canary(TOKEN) && has_canary(SECRET));
    let grant = format!(r#"{{"access_token":"{TOKEN}","expires_in":60}}"#);
    let server = Server::replying(move |request| {
        Reply::Say(json(200, if request.line.contains("/oauth/") { &grant } else { r#"{"secret":"canary-response"}"# }))
    })
    .await;
    let platform = platform(&server.url);
    platform.credential(&super::tenant()).await.unwrap();
    let call = Call {
        request: Prepared {
            target: "/canary-in-the-path?a=canary-in-the-query".into(),
            hidden: Hidden(["canary-hidden".to_owned()].into()),
            ..execute("{\"a\":\"canary-payload\"}")
        },
        ..call_within(Duration::from_secs(5))
    };
    let answer = platform.send(&call, &credential()).await;
    assert!(answer.data.is_some());
    for printed in
        [format!("{platform:?}"), format!("{:?}", settings(&server.url)), format!("{call:?}"), format!("{answer:?}")]
    {
        assert!(!has_canary(&printed), "{printed}");
    }
}

#[tokio::test]
async fn a_peer_that_quotes_our_token_does_not_get_it_into_a_result() {
    let long = "x".repeat(295);
    for text in [
        format!("no such token: {TOKEN}."),
        format!(r#"{{"message": "Authorization: Bearer {TOKEN}"}}"#),
        // Where the cut at 300 characters would leave half a token.
        format!("{long}{TOKEN}"),
    ] {
        let server = Server::saying(json(401, &text)).await;
        let answer = platform(&server.url).send(&call_within(Duration::from_secs(5)), &credential()).await;
        let message = answer.message.unwrap();
        assert!(!message.contains("canar"), "{message}");
    }
}

/// An action's header that is secret goes out with its calls and its polls, and nowhere else.
#[tokio::test]
async fn a_header_that_is_secret_goes_out_and_is_not_told() {
    let server = Server::saying(json(403, r#"{"message": "no access for canary-key"}"#)).await;
    let action = ActionSettings {
        headers: BTreeMap::from([("X-Api-Version".to_owned(), "31".to_owned())]),
        secret_headers: BTreeMap::from([("X-Api-Key".to_owned(), "canary-key".into())]),
        ..ActionSettings::default()
    };
    let call = call_within(Duration::from_secs(5));
    let settings = TenantSettings { actions: BTreeMap::from([(call.action.clone(), action)]), ..settings(&server.url) };
    assert!(!has_canary(&format!("{settings:?}")), "{settings:?}");
    let answer = platform_of(settings).send(&call, &credential()).await;
    assert_eq!(answer.message.as_deref(), Some("no access for [secret]"));
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!((&*request.headers["x-api-key"], &*request.headers["x-api-version"]), ("canary-key", "31"));
}

#[tokio::test]
async fn a_failure_names_no_address() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for base in [format!("http://127.0.0.1:{port}"), format!("https://localhost:{port}/secret-path")] {
        let answer = super::answer_from(&base).await;
        let message = answer.message.unwrap();
        for hidden in [&port.to_string(), "127.0.0.1", "localhost", "secret-path", "http"] {
            assert!(!message.contains(hidden), "{message}");
        }
    }
}
