//! The connection's bytes: lapin's own transport, with a [`Sieve`] where it reads.

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
use lapin::tcp::{AMQPUriTcpExt, AsyncTcpStream, TLSConfig};
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, ErrorKind};

use super::sieve::Sieve;

/// How much is read at a time.
const PIECE: usize = 32 * 1024;

/// Connects. To be called within a Tokio runtime.
pub(super) async fn open(uri: AMQPUri, properties: ConnectionProperties) -> lapin::Result<Connection> {
    let tokio = Tokio::current();
    let plain = Runtime::new(tokio.clone());
    let connect = async move |uri: AMQPUri, _| {
        let stream = uri.connect_with_config_async(TLSConfig::default(), &plain).await;
        let stream = stream.map_err(|error| ErrorKind::IOError(Arc::new(error)))?;
        Ok(AsyncTcpStream::Plain(Wire::new(stream)))
    };
    Connection::connector(uri, Runtime::new(Kit(tokio)), connect, properties).await
}

/// A stream of which only the readable is read.
struct Wire<S> {
    stream: S,
    sieve: Sieve,
    piece: Box<[u8]>,
    passed: Vec<u8>,
    /// How much of `passed` was handed out.
    out: usize,
}

impl<S> Wire<S> {
    fn new(stream: S) -> Self {
        Self { stream, sieve: Sieve::default(), piece: vec![0; PIECE].into(), passed: Vec::new(), out: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.out == this.passed.len() {
            this.passed.clear();
            this.out = 0;
            let count = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut this.piece))?;
            if count == 0 {
                return Poll::Ready(Ok(0));
            }
            this.sieve.pass(&this.piece[..count], &mut this.passed);
        }
        let count = to.len().min(this.passed.len() - this.out);
        to[..count].copy_from_slice(&this.passed[this.out..this.out + count]);
        this.out += count;
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
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
        Pin::new(&mut self.stream).poll_close(cx)
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
    type TcpStream = Wire<AsyncTcpStream<<Tokio as Reactor>::TcpStream>>;
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
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Wire::new(AsyncTcpStream::Plain(connecting.await?))) }
    }
}
