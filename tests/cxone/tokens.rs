//! Tokens: cached, refreshed early, one refresh for all who wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cxchain::chain::{ErrorClass, Verdict};
use cxchain::cxone::Cxone;
use cxchain::ports::{Actions, Credential, CredentialError};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::hiccups::Hiccups;
use super::server::{Reply, Server, json, response};
use super::{LIMIT, call_within, platform, settings, tenant};

fn is_token_request(line: &str) -> bool {
    line == "POST /oauth/token HTTP/1.1"
}

fn token_calls(server: &Server) -> usize {
    server.requests().iter().filter(|request| is_token_request(&request.line)).count()
}

fn grant(number: u64, life: u64) -> Vec<u8> {
    json(200, &format!(r#"{{"access_token":"canary-{number}","token_type":"Bearer","expires_in":{life}}}"#))
}

/// Grants tokens that live so many seconds, each after so long.
async fn granting(life: u64, after: Duration) -> Server {
    let granted = AtomicU64::new(0);
    Server::replying(move |request| {
        if is_token_request(&request.line) {
            Reply::Later(after, grant(granted.fetch_add(1, Ordering::SeqCst) + 1, life))
        } else {
            Reply::Say(json(200, "{}"))
        }
    })
    .await
}

async fn ask(platform: &Cxone) -> Result<Credential, CredentialError> {
    platform.credential(&tenant()).await
}

fn shown(credential: &Credential) -> String {
    credential.header.expose_secret().to_owned()
}

#[tokio::test]
async fn a_token_is_asked_for_by_the_client_credentials_grant_and_kept() {
    let server = granting(3600, Duration::ZERO).await;
    let platform = platform(&server.url);
    let started = Instant::now();
    let first = ask(&platform).await.unwrap();
    let second = ask(&platform).await.unwrap();
    assert_eq!((shown(&first), first.generation), ("Bearer canary-1".into(), 1));
    assert_eq!((shown(&second), second.generation), ("Bearer canary-1".into(), 1));
    let life = first.stale_at - started;
    assert!(life.abs_diff(Duration::from_secs(3570)) < Duration::from_secs(1), "30 seconds early: {life:?}");

    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(requests[0].headers["accept"], "application/json");
    assert_eq!(
        requests[0].body,
        "grant_type=client_credentials&client_id=client&client_secret=canary-secret\
         &scope=integration%3Adata-actions%3Aexecute+integration%3Adata-actions%3Aread"
    );
}

#[tokio::test]
async fn the_life_of_a_token_counts_from_before_the_request() {
    let server = granting(4, Duration::from_millis(700)).await;
    let platform = platform(&server.url);
    let (started, hiccups) = (Instant::now(), Hiccups::watch());
    let credential = ask(&platform).await.unwrap();
    let off = (credential.stale_at - started).abs_diff(Duration::from_secs(3));
    assert!(off < Duration::from_millis(200) + hiccups.total(), "{off:?} off, a quarter early");
}

#[tokio::test]
async fn many_who_wait_share_one_request() {
    let server = granting(3600, Duration::from_millis(200)).await;
    let platform = platform(&server.url);
    let all = join_all((0..50).map(|_| ask(&platform))).await;
    assert!(all.iter().all(|one| one.as_ref().is_ok_and(|credential| credential.generation == 1)));
    assert_eq!(token_calls(&server), 1);
}

#[tokio::test]
async fn who_goes_away_does_not_take_the_refresh_with_them() {
    let server = granting(3600, Duration::from_millis(400)).await;
    let platform = platform(&server.url);
    let first = tokio::time::timeout(Duration::from_millis(100), ask(&platform)).await;
    assert!(first.is_err(), "the one who began the refresh is gone");
    assert!(ask(&platform).await.is_ok());
    assert_eq!(token_calls(&server), 1);
}

#[tokio::test]
async fn a_token_of_two_seconds_under_fifty_steps_at_once_is_asked_for_as_often_as_it_must_be() {
    let server = granting(2, Duration::from_millis(20)).await;
    let platform = Arc::new(platform(&server.url));
    let started = Instant::now();
    let steps = (0..50).map(|_| {
        let platform = Arc::clone(&platform);
        tokio::spawn(async move {
            while started.elapsed() < Duration::from_secs(7) {
                let credential = ask(&platform).await.unwrap();
                let answer = platform.send(&call_within(Duration::from_secs(5)), &credential).await;
                assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None });
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    });
    for step in join_all(steps).await {
        step.unwrap();
    }
    // The life is 2 s, the margin a quarter of it.
    let most = (started.elapsed().as_secs_f64() / 1.5) + 1.0;
    let calls = token_calls(&server);
    assert!(calls >= 4 && f64::from(u32::try_from(calls).unwrap()) <= most, "{calls} calls, at most {most}");
}

#[tokio::test]
async fn a_hundred_refusals_of_one_token_cause_one_refresh() {
    let server = granting(3600, Duration::from_millis(50)).await;
    let platform = platform(&server.url);
    let refused = ask(&platform).await.unwrap();
    let all = join_all((0..100).map(|number| {
        let (platform, refused) = (&platform, &refused);
        async move {
            tokio::time::sleep(Duration::from_millis(number)).await;
            platform.refused(&tenant(), refused);
            ask(platform).await.unwrap()
        }
    }))
    .await;
    assert!(all.iter().all(|credential| shown(credential) == "Bearer canary-2" && credential.generation == 2));
    assert_eq!(token_calls(&server), 2);
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_stands_for_a_moment() {
    let asked = Arc::new(AtomicU64::new(0));
    let server = Server::replying({
        let asked = Arc::clone(&asked);
        move |_| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                Reply::Later(Duration::from_millis(100), response(503, "", ""))
            } else {
                Reply::Say(grant(1, 3600))
            }
        }
    })
    .await;
    let platform = platform(&server.url);
    let first = join_all((0..50).map(|_| ask(&platform))).await;
    let again = join_all((0..50).map(|_| ask(&platform))).await;
    for error in first.into_iter().chain(again).map(|one| one.err().unwrap()) {
        assert_eq!((error.class, error.retryable), (ErrorClass::ComputeClusterUnavailable, true));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one request for a hundred who ask");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(ask(&platform).await.is_ok(), "then it is tried again");
}

#[tokio::test]
async fn a_token_endpoint_that_throttles_is_left_alone_for_as_long_as_it_asks() {
    let server = Server::saying(response(429, "retry-after: 2\r\n", "")).await;
    let platform = platform(&server.url);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        let error = ask(&platform).await.err().unwrap();
        assert_eq!((error.class, error.retryable), (ErrorClass::RateLimited, true));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(token_calls(&server), 1);
}

#[tokio::test]
async fn what_kept_the_token_endpoint_from_answering_is_told() {
    async fn failing(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (ErrorClass, bool, String) {
        let server = Server::replying(move |_| reply()).await;
        let error = ask(&platform(&server.url)).await.err().unwrap();
        assert!(!format!("{error:?}").contains("canary") && !format!("{error:?}").contains("127.0.0.1"), "{error:?}");
        (error.class, error.retryable, error.message)
    }
    let echo = r#"{"error":"invalid_client","error_description":"bad secret canary-secret"}"#;
    insta::assert_debug_snapshot!(failing(|| Reply::Say(json(401, echo))).await, @r#"
    (
        Authentication,
        false,
        "the token endpoint refused the credentials (401, invalid_client)",
    )
    "#);
    insta::assert_debug_snapshot!(failing(|| Reply::Reset).await, @r#"
    (
        Network,
        true,
        "no answer from the token endpoint: the connection broke before an answer came",
    )
    "#);
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"access_token\":\"canary";
    insta::assert_debug_snapshot!(failing(|| Reply::Cut(cut.to_vec())).await, @r#"
    (
        Network,
        true,
        "the token endpoint's answer was cut short",
    )
    "#);
    insta::assert_debug_snapshot!(failing(|| Reply::Say(json(200, "canary"))).await, @r#"
    (
        ResponseInvalid,
        false,
        "the token endpoint's answer is not JSON with an access_token",
    )
    "#);
    let elsewhere = || Reply::Say(response(302, "location: http://127.0.0.1:1/\r\n", ""));
    insta::assert_debug_snapshot!(failing(elsewhere).await, @r#"
    (
        ResponseInvalid,
        false,
        "what is at the token endpoint's URL is none (302)",
    )
    "#);
    insta::assert_debug_snapshot!(failing(|| Reply::Say(response(200, "", vec![b' '; 1 << 20]))).await, @r#"
    (
        ResponseInvalid,
        false,
        "the token endpoint's answer is not JSON with an access_token",
    )
    "#);
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_or_hangs_can_be_asked_again() {
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = ask(&platform(&format!("http://{refusing}"))).await.err().unwrap();
    assert_eq!((error.class, error.retryable), (ErrorClass::Network, true));
    assert_eq!(error.message, "no answer from the token endpoint: could not connect: connection refused");

    let hanging = Server::replying(|_| Reply::Hang(vec![])).await;
    let started = Instant::now();
    let error = ask(&platform(&hanging.url)).await.err().unwrap();
    assert!(
        started.elapsed().abs_diff(Duration::from_secs(10)) < Duration::from_millis(250),
        "{:?}",
        started.elapsed()
    );
    assert_eq!((error.class, error.retryable), (ErrorClass::Timeout, true));
}

#[tokio::test]
async fn each_tenant_has_its_own_token() {
    let server = granting(3600, Duration::ZERO).await;
    let other = cxchain::chain::TenantName::parse("south").unwrap();
    let tenants = BTreeMap::from([(tenant(), settings(&server.url)), (other.clone(), settings(&server.url))]);
    let platform = Cxone::new(tenants, LIMIT).unwrap();
    let (one, two) = (ask(&platform).await.unwrap(), platform.credential(&other).await.unwrap());
    assert_ne!(shown(&one), shown(&two));
    platform.refused(&other, &one);
    assert_eq!(token_calls(&server), 2);
}
