//! What goes out, and what the status says.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use cxchain::chain::{ErrorClass, Retryable, TenantName, Verdict};
use cxchain::cxone::{Cxone, TenantSettings};
use cxchain::ports::{Actions, Call};

use super::server::{Reply, Server, json, response};
use super::{LIMIT, answer_from, call_within, credential, platform, settings, tenant};

#[tokio::test]
async fn a_call_goes_out_exactly_as_the_contract_says() {
    let server = Server::saying(json(200, r#"{"name":"Ada"}"#)).await;
    let platform = platform(&server.url);
    let first = call_within(Duration::from_secs(5));
    let fallback = Call { attempt: 3, fallback: true, step_id: "parent.child".into(), ..first.clone() };
    let answer = platform.send(&first, &credential()).await;
    platform.send(&fallback, &credential()).await;

    assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None });
    assert_eq!((answer.http_status, answer.message), (Some(200), None));
    assert_eq!(answer.data, Some(serde_json::json!({"name": "Ada"})));
    assert_eq!(answer.body, Some(Bytes::from_static(br#"{"name":"Ada"}"#)));

    let requests = server.requests();
    assert_eq!(requests[0].line, "POST /api/v2/integration/data-actions/da-fetch.v1/execute HTTP/1.1");
    assert_eq!(requests[0].body, r#"{"customerId":"CUST-8842"}"#);
    let mut headers = requests[0].headers.clone();
    headers.remove("host");
    insta::assert_json_snapshot!(headers, {r#"["user-agent"]"# => "cxchain/VERSION"}, @r#"
    {
      "accept": "application/json",
      "accept-encoding": "gzip",
      "authorization": "Bearer canary-token",
      "content-length": "26",
      "content-type": "application/json",
      "idempotency-key": "run-1:fetch",
      "user-agent": "cxchain/VERSION",
      "x-request-id": "run-1.fetch.1"
    }
    "#);
    assert_eq!(requests[0].headers["user-agent"], concat!("cxchain/", env!("CARGO_PKG_VERSION")));
    assert_eq!(requests[1].headers["x-request-id"], "run-1.parent.child.3");
    assert_eq!(requests[1].headers["idempotency-key"], "run-1:parent.child:fallback");
    assert_eq!(server.connections(), 1, "the connection is used again");
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let server = Server::saying(json(200, "{}")).await;
    answer_from(&format!("{}/proxied/cxone/", server.url)).await;
    let line = &server.requests()[0].line;
    assert_eq!(line, "POST /proxied/cxone/api/v2/integration/data-actions/da-fetch.v1/execute HTTP/1.1");
}

#[tokio::test]
async fn a_status_is_classified_and_its_text_found() {
    let failed = |class, retry| Verdict::Failed { class, retry };
    for (status, verdict) in [
        (101, failed(ErrorClass::ResponseInvalid, Retryable::No)),
        (400, failed(ErrorClass::Validation, Retryable::No)),
        (401, Verdict::Unauthorized),
        (403, failed(ErrorClass::Authorization, Retryable::No)),
        (404, failed(ErrorClass::NotFound, Retryable::No)),
        (408, Verdict::Unknown { class: ErrorClass::Timeout }),
        (422, failed(ErrorClass::Validation, Retryable::No)),
        (429, Verdict::Throttled),
        (500, failed(ErrorClass::ComputeFailure, Retryable::No)),
        (502, Verdict::Unknown { class: ErrorClass::Network }),
        (503, failed(ErrorClass::ComputeClusterUnavailable, Retryable::Yes)),
        (504, Verdict::Unknown { class: ErrorClass::Timeout }),
    ] {
        let server = Server::saying(json(status, r#"{"message":"no such\ntier"}"#)).await;
        let answer = answer_from(&server.url).await;
        assert_eq!((answer.verdict, answer.http_status), (verdict, Some(status)));
        if status >= 200 {
            assert_eq!(answer.message.as_deref(), Some("no such tier"), "{status}");
            assert_eq!(answer.body.as_deref(), Some(&br#"{"message":"no such\ntier"}"#[..]), "for hashing");
        }
        assert_eq!(answer.data, None);
        assert_eq!(server.requests().len(), 1, "{status} is not sent again by the client");
    }
}

#[tokio::test]
async fn an_error_without_a_text_says_its_status() {
    let server = Server::saying(response(500, "", "")).await;
    assert_eq!(answer_from(&server.url).await.message.as_deref(), Some("HTTP 500"));
    let server = Server::saying(response(500, "icStatusDescription: Invalid skill\r\n", "")).await;
    assert_eq!(answer_from(&server.url).await.message.as_deref(), Some("Invalid skill"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let trap = Server::saying(json(200, "{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let server = Server::saying(response(status, &format!("location: {}/trap\r\n", trap.url), "")).await;
        let answer = answer_from(&server.url).await;
        let invalid = Verdict::Failed { class: ErrorClass::ResponseInvalid, retry: Retryable::No };
        assert_eq!((answer.verdict, answer.http_status), (invalid, Some(status)));
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn retry_after_is_kept_in_full() {
    let in_the_future = "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
    for (status, headers, seconds) in [
        (429, "Retry-After: 58\r\n", Some(58)),
        (503, "retry-after: 7\r\n", Some(7)),
        (429, "Date: Sun, 06 Nov 1994 08:49:00 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Some(0)),
        (429, in_the_future, Some(365 * 24 * 3600)),
        (429, "Retry-After: shortly\r\n", None),
        (429, "", None),
    ] {
        let server = Server::saying(response(status, headers, "")).await;
        let answer = answer_from(&server.url).await;
        assert_eq!(answer.retry_after, seconds.map(Duration::from_secs), "{status} {headers}");
    }
}

#[tokio::test]
async fn one_tenant_that_hangs_does_not_hold_up_another() {
    let hanging = Server::replying(|_| Reply::Hang(vec![])).await;
    let well = Server::saying(json(200, "{}")).await;
    let other = TenantName::parse("south").unwrap();
    let one_at_a_time = TenantSettings { max_concurrent: 1, ..settings(&hanging.url) };
    let tenants = BTreeMap::from([(tenant(), one_at_a_time), (other.clone(), settings(&well.url))]);
    let platform = Cxone::new(tenants, LIMIT).unwrap();
    let credential = credential();

    let hung = call_within(Duration::from_secs(2));
    let quick = Call { tenant: other, ..call_within(Duration::from_secs(1)) };
    let hung = futures_util::future::join_all((0..50).map(|_| platform.send(&hung, &credential)));
    let quick = async {
        while hanging.requests().len() < 50 {
            tokio::task::yield_now().await;
        }
        platform.send(&quick, &credential).await
    };
    let (hung, quick) = tokio::join!(hung, quick);
    assert_eq!(quick.verdict, Verdict::Success { class: ErrorClass::None });
    assert!(hung.iter().all(|answer| answer.verdict == Verdict::Unknown { class: ErrorClass::Timeout }));
}

#[tokio::test]
async fn a_tenant_that_is_not_configured_is_our_own_failure() {
    let platform = platform("http://127.0.0.1:1");
    let stranger = TenantName::parse("stranger").unwrap();
    let answer =
        platform.send(&Call { tenant: stranger.clone(), ..call_within(Duration::from_secs(1)) }, &credential()).await;
    assert_eq!(answer.verdict, Verdict::Failed { class: ErrorClass::System, retry: Retryable::No });
    let error = platform.credential(&stranger).await.err().unwrap();
    assert_eq!((error.class, error.retryable), (ErrorClass::System, false));
    platform.refused(&stranger, &credential());
}
