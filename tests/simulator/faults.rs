use std::io::ErrorKind;
use std::time::{Duration, Instant};

use cxchain::chain::ActionId;
use cxchain::simulator::Fault;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::{Peer, drain, simulator};

#[tokio::test]
async fn a_status_comes_with_retry_after_and_body_for_the_first_calls_only() {
    let simulator =
        simulator(&["da-x=status:503,retry-after:2,times:1,body:{\"code\":7,\"a\":1}", "da-x=status:500,times:1"]);
    let peer = Peer::of(&simulator).await;
    let answer = peer.call("r.s.1").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "2"));
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"code": 7, "a": 1}));
    let answer = peer.call("r.s.2").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"message": "Internal Server Error"}));
    assert_eq!(peer.status("r.s.3").await, 200);
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.calls, step.accepted, step.ran, step.answered), (3, 3, 1, 3));
    assert_eq!(step.tally.statuses.into_iter().collect::<Vec<_>>(), [(200, 1), (500, 1), (503, 1)]);
}

#[tokio::test]
async fn faults_can_be_set_and_cleared_while_it_runs() {
    let simulator = simulator(&["*=status:500"]);
    let peer = Peer::of(&simulator).await;
    assert_eq!(peer.status("r.s.1").await, 500);
    let action = ActionId::parse("da-x").unwrap();
    simulator.set_fault(&action, Fault::status(418).times(1).per_run());
    simulator.add_fault("da-x=empty,times:1".parse().unwrap());
    assert_eq!([peer.status("1.s.1").await, peer.status("2.s.1").await, peer.status("1.s.2").await], [418, 418, 204]);
    assert_eq!(peer.status("1.s.3").await, 200, "an action with faults of its own meets none of *");
    simulator.set_fault(&action, Fault::status(404));
    assert_eq!(peer.status("r.s.2").await, 404);
    simulator.clear_faults();
    assert_eq!(peer.status("r.s.3").await, 200);
}

#[tokio::test]
async fn retry_after_can_be_a_date() {
    let simulator = simulator(&["da-x=status:429,retry-at:30"]);
    let answer = Peer::of(&simulator).await.call("r.s.1").await;
    let header = |name: &str| {
        let text = answer.headers()[name].to_str().unwrap();
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).unwrap()
    };
    let ahead = header("retry-after").duration_since(header("date")).as_secs();
    assert!((30..=32).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn slow_is_slower_by_that_much() {
    let simulator = simulator(&["da-x=status:202,slow:300ms"]);
    let peer = Peer::of(&simulator).await;
    let start = Instant::now();
    assert_eq!(peer.status("r.s.1").await, 202);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_drip_comes_byte_by_byte() {
    let simulator = simulator(&["da-x=drip:10ms"]);
    let peer = Peer::of(&simulator).await;
    let start = Instant::now();
    let mut answer = peer.call("r.s.1").await;
    let (mut body, mut chunks) = (Vec::new(), 0);
    while let Some(chunk) = answer.chunk().await.unwrap() {
        body.extend(chunk);
        chunks += 1;
    }
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["ok"], true);
    assert!(chunks > body.len() / 2, "{chunks} chunks for {} bytes", body.len());
    assert!(start.elapsed() >= Duration::from_millis(10) * u32::try_from(body.len() - 1).unwrap());
}

#[tokio::test]
async fn reset_before_runs_nothing_and_needs_no_body() {
    let simulator = simulator(&["da-x=reset-before"]);
    let mut stream = Peer::of(&simulator).await.raw("r.s.1", 100, "").await;
    let (text, end) = drain(&mut stream).await;
    assert_eq!((text.as_str(), end.unwrap_err().kind()), ("", ErrorKind::ConnectionReset));
    let step = simulator.wait_until(|calls| calls.totals.open == 0).await.step("r", "s");
    assert_eq!((step.calls, step.accepted, step.ran, step.broken_off, step.cut_off), (1, 1, 0, 1, 0));
    assert!(step.statuses.is_empty());
}

#[tokio::test]
async fn reset_after_has_run_the_action() {
    let simulator = simulator(&["da-x=reset-after"]);
    let mut stream = Peer::of(&simulator).await.raw("r.s.1", 2, "{}").await;
    let (text, end) = drain(&mut stream).await;
    assert_eq!((text.as_str(), end.unwrap_err().kind()), ("", ErrorKind::ConnectionReset));
    let step = simulator.wait_until(|calls| calls.totals.open == 0).await.step("r", "s");
    assert_eq!((step.calls, step.ran, step.broken_off, step.cut_off), (1, 1, 1, 0));
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_it_was_promised() {
    for (fault, kept) in
        [("da-x=truncate:5", 5), ("da-x=truncate:0", 0), ("da-x=truncate", 18), ("da-x=truncate:9999", 36)]
    {
        let simulator = simulator(&[fault]);
        let peer = Peer::of(&simulator).await;
        let mut stream = peer.raw("r.s.1", 2, "{}").await;
        let (text, end) = drain(&mut stream).await;
        end.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.to_ascii_lowercase().contains("\r\ncontent-length: 37"), "{head}");
        assert_eq!(body, &r#"{"action":"da-x","ok":true,"echo":{}}"#[..kept], "{fault}");
        assert!(peer.call("r.s.2").await.bytes().await.is_err());
        let step = simulator.wait_until(|calls| calls.totals.open == 0).await.step("r", "s");
        assert_eq!((step.ran, step.broken_off, step.statuses[&200]), (2, 2, 2));
    }
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    let simulator = simulator(&["da-x=broken-json,times:1", "da-x=text,times:1", "da-x=empty,times:1"]);
    let peer = Peer::of(&simulator).await;
    let mut seen = Vec::new();
    for id in ["r.s.1", "r.s.2", "r.s.3"] {
        let answer = peer.call(id).await;
        let kind = answer.headers().get("content-type").map_or("none", |v| v.to_str().unwrap()).to_owned();
        seen.push((answer.status().as_u16(), kind, answer.text().await.unwrap()));
    }
    let (status, kind, body) = &seen[0];
    assert_eq!((*status, kind.as_str()), (200, "application/json"));
    assert!(serde_json::from_str::<Value>(body).is_err());
    assert_eq!(seen[1], (200, "text/plain; charset=utf-8".to_owned(), "The action was carried out.".to_owned()));
    assert_eq!(seen[2], (204, "none".to_owned(), String::new()));
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.ran, step.answered), (3, 3));
}

#[tokio::test]
async fn whoever_follows_a_redirect_is_caught() {
    let simulator = simulator(&["da-x=redirect"]);
    let peer = Peer::of(&simulator).await;
    let answer = peer.call("r.s.1").await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    let calls = simulator.calls();
    assert_eq!((calls.redirects_followed, calls.step("r", "s").ran), (0, 0));
    let trap = format!("{}{}", peer.url, answer.headers()["location"].to_str().unwrap());
    peer.http.get(trap).send().await.unwrap();
    assert_eq!(simulator.calls().redirects_followed, 1);
}

#[tokio::test]
async fn hang_does_not_answer_and_has_run_the_action() {
    let simulator = simulator(&["da-x=hang"]);
    let peer = Peer::of(&simulator).await;
    let mut stream = peer.raw("r.s.1", 2, "{}").await;
    simulator.wait_until(|calls| calls.totals.ran == 1).await;
    let mut byte = [0];
    assert!(tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await.is_err());
    assert_eq!(simulator.calls().totals.open, 1);
    drop(stream);
    let step = simulator.wait_until(|calls| calls.totals.open == 0).await.step("r", "s");
    assert_eq!((step.cut_off, step.answered, step.broken_off), (1, 0, 0));
}

#[tokio::test]
async fn what_hangs_is_answered_when_its_fault_is_taken_away() {
    let simulator = simulator(&["da-x=hang", "da-y=hang"]);
    let mut stream = Peer::of(&simulator).await.raw("r.s.1", 2, "{}").await;
    simulator.wait_until(|calls| calls.totals.ran == 1).await;
    simulator.set_fault(ActionId::parse("da-y").unwrap(), Fault::status(500));
    let mut byte = [0];
    assert!(tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await.is_err(), "another's fault");
    simulator.clear_faults();
    let (text, end) = drain(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200 OK") && end.is_ok(), "{text}");
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.ran, step.answered, step.cut_off), (1, 1, 0));
}

#[tokio::test]
async fn unauthorized_takes_the_token_away() {
    let simulator = simulator(&["da-x=unauthorized,times:1"]);
    let peer = Peer::of(&simulator).await;
    assert_eq!([peer.status("r.s.1").await, peer.status("r.s.2").await], [401, 401]);
    assert_eq!(Peer::of(&simulator).await.status("r.s.3").await, 200);
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.calls, step.accepted, step.ran), (3, 2, 1));
}
