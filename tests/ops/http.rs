//! The door that health is served at: what it answers, and whom it does not wait for.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulator;
use crate::support::{Broker, Health, SOON, Stage, Worker};

/// A worker that waits for its broker serves its health all the same.
fn env(listen: &str) -> Vec<(String, String)> {
    [("CXCHAIN__BROKER__URL", "amqp://guest:guest@127.0.0.1:1/%2f"), ("CXCHAIN__OPS__LISTEN", listen)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec()
}

async fn ask(health: &Health, method: Method, path: &str) -> (u16, String) {
    let response = health.http().request(method, health.url(path)).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("text"))
}

#[tokio::test]
async fn it_answers_to_get_and_head_of_two_paths() {
    let worker = Worker::spawn(&env("127.0.0.1:0"));
    let health = worker.health().await;
    for (method, path, status) in [
        (Method::GET, "/healthz", 200),
        (Method::HEAD, "/healthz", 200),
        (Method::GET, "/readyz", 503),
        (Method::HEAD, "/readyz", 503),
        (Method::POST, "/readyz", 405),
        (Method::DELETE, "/healthz", 405),
        (Method::GET, "/", 404),
        (Method::GET, "/metrics", 404),
        (Method::GET, "/readyz/../../etc/passwd", 404),
    ] {
        let empty = method == Method::HEAD || status == 405;
        let (found, body) = ask(&health, method.clone(), path).await;
        assert_eq!(found, status, "{method} {path}: {body}");
        assert_eq!(body.is_empty(), empty, "{method} {path}: {body}");
    }
    let answer = health.http().get(health.url("/readyz")).send().await.expect("an answer");
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
    assert_eq!(
        (header("content-type").as_deref(), header("cache-control").as_deref()),
        (Some("application/json"), Some("no-store"))
    );
}

/// More than are served at a time, none of which says what it wants.
#[tokio::test]
async fn whoever_is_slow_is_hung_up_on_and_a_probe_gets_its_turn() {
    let worker = Worker::spawn(&env("127.0.0.1:0"));
    let health = worker.health().await;
    let address = health.url("").trim_start_matches("http://").to_owned();
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nslow: ").await.expect("written");
        slow.push(stream);
    }
    let begun = Instant::now();
    assert_eq!(ask(&health, Method::GET, "/healthz").await.0, 200);
    assert!(begun.elapsed() < Duration::from_secs(9), "it waited {:?}", begun.elapsed());
    let mut rest = Vec::new();
    let hung_up = tokio::time::timeout(SOON, slow[0].read_to_end(&mut rest)).await;
    assert!(hung_up.is_ok(), "the first of them is still connected");
    let huge = [b"GET /readyz HTTP/1.1\r\nhost: x\r\nhuge: ".as_slice(), &[b'x'; 64 * 1024]].concat();
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let _ = stream.write_all(&huge).await;
    rest.clear();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await.expect("it does not wait for the rest");
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn an_address_that_is_taken_ends_the_start_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut worker = Worker::spawn(&env(&address));
    assert_eq!(worker.ended(SOON).await, 78, "{}", worker.log());
    let log = worker.log();
    for part in ["ops.listen", &address, "in use", "CXCHAIN__OPS__LISTEN=127.0.0.1:0"] {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
}

/// More workers on one machine need no configuration of their own for that.
#[tokio::test]
async fn where_the_usual_address_is_taken_a_free_port_will_do() {
    // Where this does not come about, somebody else has it.
    let _taken = std::net::TcpListener::bind("127.0.0.1:9464");
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    stage.set("ops.listen", "127.0.0.1:9464");
    let worker = stage.worker().await;
    let (status, body) = worker.health().await.get("/readyz").await;
    assert_eq!((status, &body["ready"]), (200, &true.into()), "{body}");
    assert!(worker.log().contains("127.0.0.1:9464 is taken"), "{}", worker.log());
}

#[tokio::test]
async fn an_empty_address_serves_nothing() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    stage.set("ops.listen", "");
    let worker = stage.worker().await;
    assert!(!worker.log().contains("health is served"), "{}", worker.log());
    let listening = std::fs::read_to_string(format!("/proc/{}/net/tcp", worker.pid())).expect("Linux tells it");
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", worker.pid())).expect("Linux tells it");
    let inodes: Vec<String> = sockets
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target| Some(target.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    // Fields 3 and 9: the state, 0A where it listens, and the socket.
    let listens = listening.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listens = listens.filter(|fields| {
        fields.get(3) == Some(&"0A") && inodes.iter().any(|inode| fields.get(9) == Some(&inode.as_str()))
    });
    assert_eq!(listens.count(), 0, "it listens");
}
