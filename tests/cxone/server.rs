//! A server that says exactly what it is told to, byte by byte.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came in.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What is done about it.
pub(crate) enum Reply {
    /// Said, and the connection kept.
    Say(Vec<u8>),
    /// Said, and the connection closed.
    Cut(Vec<u8>),
    /// Said, and then nothing more.
    Hang(Vec<u8>),
    /// Said, and then one byte every so often.
    Drip(Vec<u8>, Duration),
    /// The connection is reset.
    Reset,
    /// Nothing is done for so long, then this is said.
    Later(Duration, Vec<u8>),
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Gives every request its reply.
    pub(crate) async fn replying(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, counted, reply) = (Arc::clone(&requests), Arc::clone(&connections), Arc::new(reply));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&reply)));
            }
        });
        Self { url, requests, connections, task }
    }

    /// Says the same to every request.
    pub(crate) async fn saying(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::replying(move |_| Reply::Say(response.clone())).await
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    reply: Arc<impl Fn(&Request) -> Reply + Send + Sync + 'static>,
) {
    while let Some(request) = read(&mut stream).await {
        seen.lock().unwrap().push(request.clone());
        let (said, then) = match reply(&request) {
            Reply::Say(said) => (said, None),
            Reply::Later(time, said) => {
                tokio::time::sleep(time).await;
                (said, None)
            }
            Reply::Hang(said) => (said, Some(Duration::from_secs(3600))),
            Reply::Drip(said, every) => (said, Some(every)),
            Reply::Cut(said) => {
                let _ = stream.write_all(&said).await;
                return;
            }
            Reply::Reset => return reset(&stream),
        };
        if stream.write_all(&said).await.is_err() {
            return;
        }
        while let Some(every) = then {
            tokio::time::sleep(every).await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    }
}

/// Makes it so that the peer will see a reset, not an end, when it is dropped.
pub(crate) fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { line, headers, body: String::from_utf8(bytes[head_end..].to_vec()).unwrap() })
}

/// A whole response.
pub(crate) fn response(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) const JSON: &str = "content-type: application/json\r\n";

pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    response(status, JSON, body)
}
