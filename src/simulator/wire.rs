//! One connection's socket. It knows when the last byte of an answer has left, and how to die with a reset.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::open_call::OpenCall;
use super::state::Shared;

/// What a connection's socket and its calls have in common.
pub(super) struct Wire {
    shared: Arc<Shared>,
    reset: AtomicBool,
    /// Calls whose answers are in hyper's buffer to their last byte.
    leaving: Mutex<Vec<OpenCall>>,
}

impl Wire {
    pub(super) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::clone(shared), reset: AtomicBool::new(false), leaving: Mutex::default() })
    }

    /// The connection is to end with a TCP reset.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }

    /// All of the call's answer has been handed to hyper.
    pub(super) fn leaving(&self, call: OpenCall) {
        self.lock().push(call);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<OpenCall>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket as hyper sees it.
pub(super) struct Socket {
    stream: TcpStream,
    wire: Arc<Wire>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, wire: Arc<Wire>) -> Self {
        Self { stream, wire }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    /// Vectored writes are off, so `buf` is always all that hyper has to write: once it is written, every answer that is
    /// complete in it has left. The count goes up under the same lock as the write, so that whoever has read an answer finds it
    /// counted.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let stream = Pin::new(&mut this.stream);
        let mut leaving = this.wire.lock();
        if leaving.is_empty() {
            return stream.poll_write(cx, buf);
        }
        let mut state = this.wire.shared.lock();
        let written = ready!(stream.poll_write(cx, buf))?;
        if written == buf.len() {
            for call in leaving.drain(..) {
                call.answered(&mut state);
            }
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.wire.reset.load(Ordering::Acquire) {
            // A socket that is gone already needs no reset.
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
        }
    }
}
