//! A platform that grants tokens, answers as it is told, and writes every other request down.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method, path and query.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

/// What a request is answered with.
type Answer = dyn Fn(&Seen) -> (u16, Option<Value>) + Send + Sync;

pub(crate) struct Platform {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Platform {
    pub(crate) async fn answering(answer: impl Fn(&Seen) -> (u16, Option<Value>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (ledger, answer): (_, Arc<Answer>) = (Arc::clone(&seen), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (ledger, answer) = (Arc::clone(&ledger), Arc::clone(&answer));
                let service = service_fn(move |request| take(request, Arc::clone(&ledger), Arc::clone(&answer)));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A worker that goes away breaks its connections off.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Self { url, seen, task }
    }

    /// Every request but those for tokens, in the order of their arrival.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|request| request.line).collect()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    ledger: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Answer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let line = format!("{} {}", head.method, head.uri);
    let seen = Seen { line, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap(), at };
    if seen.line == "POST /oauth/token" {
        let token = json!({"access_token": "t", "token_type": "bearer", "expires_in": 3600});
        return Ok(said(200, Some(&token)));
    }
    ledger.lock().unwrap().push(seen.clone());
    let (status, body) = answer(&seen);
    Ok(said(status, body.as_ref()))
}

fn said(status: u16, body: Option<&Value>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    match body {
        Some(body) => response.header("content-type", "application/json").body(body.to_string().into()).unwrap(),
        None => response.body(Full::default()).unwrap(),
    }
}
