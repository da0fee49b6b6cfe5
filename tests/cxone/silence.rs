//! No answer: what is known then, and what is not.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use cxchain::chain::{ErrorClass, Retryable, Verdict};
use cxchain::ports::{Actions, Call};
use tokio::time::Instant;

use super::hiccups::Hiccups;
use super::server::{Reply, Server, json, reset};
use super::{answer_from, call_within, credential, execute, platform};

const NOT_SENT: Verdict = Verdict::Failed { class: ErrorClass::Network, retry: Retryable::Yes };
const BROKEN: Verdict = Verdict::Unknown { class: ErrorClass::Network };

/// An address that swallows every further connection: its listener's queue is full, and nobody accepts.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

impl BlackHole {
    pub(crate) fn open() -> Self {
        let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        loop {
            let next = socket();
            let connected = next.connect_timeout(&address, Duration::from_millis(300));
            queued.push(next);
            if connected.is_err() {
                return Self { address: address.as_socket().unwrap(), _listener: listener, _queued: queued };
            }
            assert!(queued.len() < 100, "the queue is never full");
        }
    }
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = answer_from(&format!("http://{free}")).await;
    assert_eq!((answer.verdict, answer.http_status), (NOT_SENT, None));
    assert_eq!(answer.message.as_deref(), Some("could not connect: connection refused"));
}

#[tokio::test]
async fn a_name_that_nobody_knows_sent_nothing() {
    let answer = answer_from("http://no-such-host.invalid").await;
    assert_eq!(answer.verdict, NOT_SENT);
    let message = answer.message.unwrap();
    assert!(message.starts_with("could not connect") && !message.contains("no-such-host"), "{message}");
}

#[tokio::test]
async fn a_handshake_that_fails_sent_nothing() {
    let server = Server::saying("HTTP/1.1 400 This is no TLS\r\n\r\n").await;
    let answer = answer_from(&server.url.replace("http:", "https:")).await;
    assert_eq!(answer.verdict, NOT_SENT);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_peer_that_swallows_every_packet_is_given_up_within_the_shortest_step() {
    let hole = BlackHole::open();
    let platform = platform(&format!("http://{}", hole.address));
    let (started, hiccups) = (Instant::now(), Hiccups::watch());
    let answer = platform.send(&call_within(Duration::from_secs(30)), &credential()).await;
    let took = started.elapsed();
    assert!(took > Duration::from_millis(3900) && took < Duration::from_millis(4500) + hiccups.total(), "{took:?}");
    assert_eq!((answer.verdict, answer.message.as_deref()), (NOT_SENT, Some("could not connect in time")));
}

#[tokio::test]
async fn a_deadline_while_connecting_sent_nothing_either() {
    let hole = BlackHole::open();
    let platform = platform(&format!("http://{}", hole.address));
    let (started, hiccups) = (Instant::now(), Hiccups::watch());
    let answer = platform.send(&call_within(Duration::from_secs(1)), &credential()).await;
    let took = started.elapsed();
    assert!(took > Duration::from_millis(950) && took < Duration::from_millis(1250) + hiccups.total(), "{took:?}");
    assert_eq!(answer.verdict, NOT_SENT);
}

#[tokio::test]
async fn a_reset_leaves_the_outcome_unknown() {
    let server = Server::replying(|_| Reply::Reset).await;
    let answer = answer_from(&server.url).await;
    assert_eq!((answer.verdict, answer.http_status, answer.body), (BROKEN, None, None));
    assert_eq!(server.requests().len(), 1);
}

/// Where the client says that nothing was sent, the peer must not have seen a byte: resets at many moments around the sending.
#[tokio::test]
async fn a_reset_at_any_moment_is_unknown_as_soon_as_a_byte_was_seen() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let platform = platform(&format!("http://{}", listener.local_addr().unwrap()));
    let mut seen = 0;
    for moment in 0..200 {
        // With and without a body.
        let request = execute(if moment / 20 % 2 == 0 { "{}" } else { "" });
        let call = Call { request, ..call_within(Duration::from_secs(10)) };
        let credential = credential();
        let peer = async {
            let (stream, _) = listener.accept().await.unwrap();
            for _ in 0..moment % 10 {
                tokio::task::yield_now().await;
            }
            if moment % 4 == 0 {
                stream.peek(&mut [0]).await.unwrap();
            }
            let saw = stream.try_read(&mut [0; 64]).is_ok();
            reset(&stream);
            saw
        };
        let (answer, saw) = tokio::join!(platform.send(&call, &credential), peer);
        if saw {
            assert_eq!(answer.verdict, BROKEN, "{answer:?}");
            seen += 1;
        } else {
            assert!(matches!(answer.verdict, NOT_SENT | BROKEN), "{answer:?}");
        }
        let again = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(again.is_err(), "the client does not try again by itself");
    }
    assert!(seen > 0);
}

#[tokio::test]
async fn a_close_or_rubbish_instead_of_an_answer_leaves_the_outcome_unknown() {
    for said in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-le", "SSH-2.0-OpenSSH\r\n\r\n"] {
        let server = Server::replying(|_| Reply::Cut(said.into())).await;
        let answer = answer_from(&server.url).await;
        assert_eq!((answer.verdict, answer.http_status), (BROKEN, None), "{said:?}");
        assert_eq!(answer.message.as_deref(), Some("the connection broke before an answer came"));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_kept_connection_that_closes_under_a_call_does_not_send_it_twice() {
    let server = Server::replying(|request| {
        if request.headers["x-request-id"].ends_with(".1") { Reply::Say(json(200, "{}")) } else { Reply::Cut(vec![]) }
    })
    .await;
    let platform = platform(&server.url);
    let first = call_within(Duration::from_secs(5));
    let second = Call { attempt: 2, ..first.clone() };
    assert_eq!(platform.send(&first, &credential()).await.http_status, Some(200));
    assert_eq!(platform.send(&second, &credential()).await.verdict, BROKEN);
    assert_eq!((server.requests().len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_call_that_comes_too_late_is_not_made() {
    let server = Server::saying(json(200, "{}")).await;
    let answer = platform(&server.url).send(&call_within(Duration::ZERO), &credential()).await;
    assert_eq!(answer.verdict, Verdict::Failed { class: ErrorClass::Timeout, retry: Retryable::Yes });
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_call_that_cannot_stand_in_headers_is_not_made() {
    let server = Server::saying(json(200, "{}")).await;
    let smuggled = Call { step_id: "a\r\nx-evil: 1".into(), ..call_within(Duration::from_secs(5)) };
    let answer = platform(&server.url).send(&smuggled, &credential()).await;
    assert_eq!(answer.verdict, Verdict::Failed { class: ErrorClass::System, retry: Retryable::No });
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_upload_that_nobody_reads_ends_at_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let platform = platform(&format!("http://{}", listener.local_addr().unwrap()));
    let (started, hiccups) = (Instant::now(), Hiccups::watch());
    let call = Call { request: execute(vec![b' '; 32 << 20]), ..call_within(Duration::from_secs(1)) };
    let answer = platform.send(&call, &credential()).await;
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1250) + hiccups.total(), "{took:?}");
    assert_eq!(answer.verdict, Verdict::Unknown { class: ErrorClass::Timeout });
}
