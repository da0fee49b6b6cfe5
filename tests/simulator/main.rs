//! The simulator from the other side of the wire.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod counts;
mod faults;
mod jobs;
mod large;
mod platforms;
mod quota;
mod tokens;

use std::io;
use std::time::Duration;

use cxchain::simulator::{Simulator, SimulatorSettings};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Settings that answer at once.
fn quick() -> SimulatorSettings {
    SimulatorSettings { latency: Duration::ZERO, ..SimulatorSettings::default() }
}

fn simulator(faults: &[&str]) -> Simulator {
    let faults = faults.iter().map(|rule| rule.parse().unwrap()).collect();
    Simulator::start(SimulatorSettings { faults, ..quick() }).unwrap()
}

/// A client with a token.
#[derive(Clone)]
struct Peer {
    http: Client,
    url: String,
    token: String,
}

#[expect(clippy::disallowed_methods, reason = "redirects, proxies and retries are all off")]
fn http() -> Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .unwrap()
}

async fn ask_token(http: &Client, simulator: &Simulator, secret: &str) -> Response {
    let form = [("grant_type", "client_credentials"), ("client_id", "simulator-client"), ("client_secret", secret)];
    http.post(simulator.token_url()).form(&form).send().await.unwrap()
}

impl Peer {
    async fn of(simulator: &Simulator) -> Self {
        let http = http();
        let answer: Value = ask_token(&http, simulator, "simulator-secret").await.json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { http, url: simulator.url(), token }
    }

    fn post(&self, action: &str) -> RequestBuilder {
        self.http
            .post(format!("{}/api/v2/integration/data-actions/{action}/execute", self.url))
            .bearer_auth(&self.token)
            .json(&json!({"customerId": "CUST-1"}))
    }

    /// Calls `da-x` as the given exchange: `run.step.attempt`.
    async fn call(&self, id: &str) -> Response {
        self.post("da-x").header("x-request-id", id).send().await.unwrap()
    }

    async fn status(&self, id: &str) -> u16 {
        self.call(id).await.status().as_u16()
    }

    /// A call of `da-x` as bytes, promising a body of `length` bytes.
    fn head(&self, id: &str, length: usize, connection: &str) -> String {
        format!(
            "POST /api/v2/integration/data-actions/da-x/execute HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer {}\r\n\
             X-Request-ID: {id}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n",
            self.token
        )
    }

    /// Sends bytes on a connection of their own.
    async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// Calls `da-x` with as much of `body` as there is, promising `length` bytes of it; the connection closes after the answer.
    async fn raw(&self, id: &str, length: usize, body: &str) -> TcpStream {
        self.send(&(self.head(id, length, "close") + body)).await
    }
}

/// All that comes until the end of the stream, and how that ends.
async fn drain(stream: &mut TcpStream) -> (String, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.map(drop);
    (String::from_utf8(bytes).unwrap(), end)
}

#[tokio::test]
async fn a_healthy_call_is_echoed() {
    let simulator = simulator(&[]);
    let answer = Peer::of(&simulator).await.call("r.s.1").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({"action": "da-x", "ok": true, "echo": {"customerId": "CUST-1"}}));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_and_runs_nothing() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let answer = peer.post("da-x").header("x-request-id", "r.s.1").body("{").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = peer.post("da-x").header("x-request-id", "r.s.2").body("").send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["echo"], Value::Null);
    assert_eq!(simulator.calls().step("r", "s").ran, 1);
}

#[tokio::test]
async fn paths_and_methods_are_strict() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let get = async |path: &str| peer.http.get(format!("{}{path}", peer.url)).send().await.unwrap();
    let answer = get("/api/v2/integration/data-actions/da-x/execute/").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(answer.json::<Value>().await.unwrap()["message"].is_string());
    let refused = |answer: &Response| (answer.status(), answer.headers()["allow"].to_str().unwrap().to_owned());
    for path in ["/api/v2/integration/data-actions/da-x/execute", "/api/v2/dataactions/da-x/execute", "/oauth/token"] {
        assert_eq!(refused(&get(path).await), (StatusCode::METHOD_NOT_ALLOWED, "POST".to_owned()));
    }
    let job = peer.http.post(format!("{}/api/v2/dataactions/da-x/jobs/1", peer.url)).send().await.unwrap();
    assert_eq!(refused(&job), (StatusCode::METHOD_NOT_ALLOWED, "GET".to_owned()));
    let calls = simulator.calls();
    assert_eq!((calls.not_found, calls.wrong_method, calls.totals.calls), (1, 4, 0));
}

#[tokio::test]
async fn the_same_port_serves_again_after_a_stop_and_open_calls_are_broken_off() {
    let first = simulator(&["da-x=hang"]);
    let peer = Peer::of(&first).await;
    let listen = first.address();
    let hung = tokio::spawn({
        let peer = peer.clone();
        async move { peer.post("da-x").send().await.is_err() }
    });
    first.wait_until(|calls| calls.totals.ran == 1).await;
    let calls = first.stop().await;
    assert!(hung.await.unwrap());
    assert_eq!((calls.totals.broken_off, calls.totals.cut_off, calls.totals.open), (1, 0, 0));
    assert!(peer.post("da-x").send().await.unwrap_err().is_connect());
    let second = Simulator::start(SimulatorSettings { listen, ..quick() }).unwrap();
    assert_eq!(Peer::of(&second).await.status("r.s.1").await, 200);
}
