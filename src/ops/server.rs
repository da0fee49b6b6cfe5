//! Serves `/healthz` and `/readyz`, to GET and HEAD, as JSON. What they tell is in memory: answering does no I/O but the
//! answer's own.
//!
//! Whoever connects is not trusted: a connection serves one request, has a few seconds for all of it, and there are only so
//! many at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::health::Health;

/// How long one connection may take from its beginning to its end.
const WHOLE: Duration = Duration::from_secs(5);
/// How long the head of a request may take: whoever connects and says nothing must not keep a probe waiting.
const HEAD: Duration = Duration::from_secs(1);
/// Connections at a time; more wait in the backlog.
const MOST: usize = 256;
/// The largest head of a request; hyper's least.
const MOST_HEAD_BYTES: usize = 8 * 1024;
/// After a failed accept: out of file descriptors, most likely, and some will be free again.
const BREATHER: Duration = Duration::from_millis(100);

/// Looks at the worker. Asked for every `/readyz`, so it must not wait for anything.
pub type Probe = Arc<dyn Fn() -> Health + Send + Sync>;

/// Serves until it is dropped.
pub struct Server {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Server {
    /// Listens at `address` (port 0 takes a free one), and answers from now on.
    ///
    /// # Errors
    /// When that address cannot be listened at.
    pub async fn start(address: SocketAddr, worker: &str, probe: Probe) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let mut task = JoinSet::new();
        task.spawn(serve(listener, routes(worker, probe)));
        Ok(Self { address, _task: task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn routes(worker: &str, probe: Probe) -> Router {
    let alive = json!({ "status": "alive", "worker": worker, "version": env!("CARGO_PKG_VERSION") });
    Router::new()
        .route("/healthz", get(|| async { answer(StatusCode::OK, alive) }))
        .route("/readyz", get(|| async move { readiness(&probe) }))
        .fallback(|| async { answer(StatusCode::NOT_FOUND, json!({ "there_is": ["/healthz", "/readyz"] })) })
}

fn readiness(probe: &Probe) -> Response {
    let health = probe();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, health)
}

fn answer(status: StatusCode, body: impl serde::Serialize) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn serve(listener: TcpListener, routes: Router) {
    let places = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = routes.clone();
                connections.spawn(async move {
                    // Whoever is too slow is hung up on.
                    let _ = timeout(WHOLE, connection(stream, routes)).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(BREATHER).await,
        }
    }
}

async fn connection(stream: TcpStream, routes: Router) {
    let service = TowerToHyperService::new(routes);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false).max_buf_size(MOST_HEAD_BYTES);
    // How a probe's connection ends is of no interest.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
