//! The connection's bytes: TCP, with TLS over it for `amqps://`, and a [`Sieve`] where lapin reads.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use lapin::tcp::AsyncTcpStream;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::sieve::Sieve;
use crate::tls::{Files, SpeaksTls};

/// How much is read at a time.
const PIECE: usize = 32 * 1024;
/// The first two bytes of an alert of TLS, with which it answers to what is none. No frame of AMQP begins so.
const ALERT: &[u8] = &[21, 3];

/// Connects. To be called within a Tokio runtime. The files of TLS are read each time.
pub(super) async fn open(uri: AMQPUri, tls: &Files, properties: ConnectionProperties) -> lapin::Result<Connection> {
    let client = match uri.scheme {
        AMQPScheme::AMQP => None,
        AMQPScheme::AMQPS => Some(client(tls.clone()).await.map_err(failed)?),
    };
    let connect = async move |uri: AMQPUri, _| {
        let stream = transport(&uri, client.clone()).await.map_err(failed)?;
        Ok(AsyncTcpStream::Plain(Wire::new(stream)))
    };
    Connection::connector(uri, Runtime::new(Kit(Tokio::current())), connect, properties).await
}

fn failed(error: io::Error) -> lapin::Error {
    ErrorKind::IOError(Arc::new(error)).into()
}

async fn client(files: Files) -> io::Result<Arc<ClientConfig>> {
    let read = tokio::task::spawn_blocking(move || files.client()).await.map_err(io::Error::other)?;
    read.map_err(|mut problems| io::Error::other(problems.swap_remove(0)))
}

async fn transport(uri: &AMQPUri, tls: Option<Arc<ClientConfig>>) -> io::Result<Box<dyn Transport>> {
    let host = uri.authority.host.as_str();
    let stream = TcpStream::connect((host, uri.authority.port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?))
}

trait Transport: TokioRead + TokioWrite + Send + Unpin {}

impl<T: TokioRead + TokioWrite + Send + Unpin> Transport for T {}

/// A stream of which only the readable is read.
struct Wire {
    stream: Box<dyn Transport>,
    sieve: Sieve,
    piece: Box<[u8]>,
    passed: Vec<u8>,
    /// How much of `passed` was handed out.
    out: usize,
    /// Whether anything has come at all.
    begun: bool,
}

impl Wire {
    fn new(stream: Box<dyn Transport>) -> Self {
        Self { stream, sieve: Sieve::default(), piece: vec![0; PIECE].into(), passed: Vec::new(), out: 0, begun: false }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.out == this.passed.len() {
            this.passed.clear();
            this.out = 0;
            let mut piece = ReadBuf::new(&mut this.piece);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
            let fresh = piece.filled();
            if fresh.is_empty() {
                return Poll::Ready(Ok(0));
            }
            if !this.begun && fresh.starts_with(ALERT) {
                return Poll::Ready(Err(io::Error::other(SpeaksTls)));
            }
            this.begun = true;
            this.sieve.pass(fresh, &mut this.passed);
        }
        let count = to.len().min(this.passed.len() - this.out);
        to[..count].copy_from_slice(&this.passed[this.out..this.out + count]);
        this.out += count;
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Tokio as lapin knows it; only the stream is another one.
#[derive(Debug, Clone)]
struct Kit(Tokio);

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Wire;
    type Sleep = <Tokio as Reactor>::Sleep;

    /// For blocking sockets; ours is made by [`open`].
    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Self::TcpStream, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, span: Duration) -> Self::Sleep {
        self.0.sleep(span)
    }

    fn interval(&self, span: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(span)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = TcpStream::connect(address);
        async move { Ok(Wire::new(Box::new(connecting.await?))) }
    }
}
