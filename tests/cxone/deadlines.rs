//! An exchange ends at its deadline, to 250 ms, whatever the peer does, on a machine that does not stand still.

use std::time::Duration;

use cxchain::chain::{ErrorClass, Retryable, Verdict};
use cxchain::ports::{Actions, Answer};
use tokio::time::Instant;

use super::hiccups::Hiccups;
use super::server::{Reply, Server, json};
use super::{call_within, credential, platform};

const TIMED_OUT: Verdict = Verdict::Unknown { class: ErrorClass::Timeout };
const DEADLINE: Duration = Duration::from_millis(1200);
const TOLERANCE: Duration = Duration::from_millis(250);

async fn at_the_deadline(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Answer {
    let server = Server::replying(move |_| reply()).await;
    let platform = platform(&server.url);
    let (started, hiccups) = (Instant::now(), Hiccups::watch());
    let answer = platform.send(&call_within(DEADLINE), &credential()).await;
    let off = started.elapsed().abs_diff(DEADLINE);
    assert!(off < TOLERANCE + hiccups.total(), "{off:?} off the deadline");
    assert_eq!(server.requests().len(), 1);
    answer
}

#[tokio::test]
async fn against_a_peer_that_says_nothing() {
    let answer = at_the_deadline(|| Reply::Hang(vec![])).await;
    assert_eq!((answer.verdict, answer.http_status), (TIMED_OUT, None));
    assert_eq!(answer.message.as_deref(), Some("no answer in time"));
}

#[tokio::test]
async fn against_a_peer_that_stops_in_the_head() {
    let answer = at_the_deadline(|| Reply::Hang(b"HTTP/1.1 200 OK\r\nx-".to_vec())).await;
    assert_eq!((answer.verdict, answer.http_status), (TIMED_OUT, None));
}

#[tokio::test]
async fn against_a_peer_that_stops_in_the_body() {
    let answer = at_the_deadline(|| Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\"".to_vec())).await;
    assert_eq!((answer.verdict, answer.http_status), (TIMED_OUT, Some(200)));
    assert_eq!((answer.data, answer.body), (None, None));
}

#[tokio::test]
async fn against_a_peer_that_drips_its_head() {
    let drip = || Reply::Drip(b"HTTP/1.1 200 OK\r\nx-".to_vec(), Duration::from_millis(50));
    assert_eq!(at_the_deadline(drip).await.verdict, TIMED_OUT);
}

#[tokio::test]
async fn against_a_peer_that_drips_its_body() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n";
    let answer = at_the_deadline(|| Reply::Drip(head.to_vec(), Duration::from_millis(20))).await;
    assert_eq!((answer.verdict, answer.http_status), (TIMED_OUT, Some(200)));
}

#[tokio::test]
async fn a_slow_answer_within_the_deadline_counts() {
    let server = Server::replying(|_| Reply::Later(Duration::from_millis(800), json(200, "{}"))).await;
    let answer = platform(&server.url).send(&call_within(DEADLINE), &credential()).await;
    assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None });
}

#[tokio::test]
async fn an_error_does_not_wait_for_a_slow_text() {
    let head = b"HTTP/1.1 429 Slow down\r\nretry-after: 9\r\ncontent-length: 100000\r\n\r\n";
    let server = Server::replying(|_| Reply::Drip(head.to_vec(), Duration::from_millis(20))).await;
    let started = Instant::now();
    let answer = platform(&server.url).send(&call_within(Duration::from_secs(60)), &credential()).await;
    assert!(started.elapsed() < Duration::from_millis(2250), "{:?}", started.elapsed());
    assert_eq!((answer.verdict, answer.retry_after), (Verdict::Throttled, Some(Duration::from_secs(9))));
}

#[tokio::test]
async fn an_error_whose_text_is_not_there_by_the_deadline_is_still_that_error() {
    let head = b"HTTP/1.1 500 No\r\ncontent-length: 10000\r\n\r\n";
    let answer = at_the_deadline(|| Reply::Hang(head.to_vec())).await;
    let failed = Verdict::Failed { class: ErrorClass::ComputeFailure, retry: Retryable::No };
    assert_eq!((answer.verdict, answer.http_status), (failed, Some(500)));
}
