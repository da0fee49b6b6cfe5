//! An answer on its way: what hyper sends, piece by piece, and how the call finds its end in it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::{Instant, Sleep};

use super::open_call::OpenCall;
use super::wire::Wire;

/// The connection is to break here.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
pub(super) struct BrokenOff;

/// An answer before it is anybody's.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

/// Where the bytes of a body come from.
pub(super) enum Content {
    Whole(Bytes),
    /// One byte at a time.
    Drip {
        rest: Bytes,
        interval: Duration,
        next: Pin<Box<Sleep>>,
    },
    /// A part, and then the connection breaks.
    Part {
        part: Bytes,
        flushed: bool,
    },
    /// Made while it is sent; this many bytes are left.
    Made {
        left: u64,
        chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    },
}

impl Reply {
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, content: Content::Whole(body.into()) }
    }

    pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", body)
    }

    /// `{"message": …}`, the shape of every error of this API.
    pub(super) fn message(status: StatusCode, message: &str) -> Self {
        Self::json(status, serde_json::json!({ "message": message }).to_string())
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), content: Content::Whole(Bytes::new()) }
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// The same, one byte at a time.
    pub(super) fn dripping(mut self, interval: Duration) -> Self {
        let next = Box::pin(tokio::time::sleep(Duration::ZERO));
        self.content = Content::Drip { rest: self.whole(), interval, next };
        self
    }

    /// The same, `kept` bytes of it (`None`: half), and the header still promises all.
    pub(super) fn truncated(mut self, kept: Option<usize>) -> Self {
        let whole = self.whole();
        let kept = kept.unwrap_or(whole.len() / 2).min(whole.len().saturating_sub(1));
        self.headers.insert(CONTENT_LENGTH, whole.len().max(1).into());
        self.content = Content::Part { part: whole.slice(..kept), flushed: false };
        self
    }

    pub(super) fn made(mut self, (left, chunks): (u64, Box<dyn Iterator<Item = Bytes> + Send>)) -> Self {
        self.content = Content::Made { left, chunks };
        self
    }

    /// The answer to `call`; with `None` it is counted nowhere.
    pub(super) fn to(self, mut call: Option<OpenCall>, wire: &Arc<Wire>) -> Response<Answer> {
        if let Some(call) = &mut call {
            call.note_status(self.status.as_u16());
        }
        let mut response = Response::new(Answer { content: self.content, call, wire: Arc::clone(wire) });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    fn whole(&self) -> Bytes {
        match &self.content {
            Content::Whole(bytes) => bytes.clone(),
            Content::Drip { .. } | Content::Part { .. } | Content::Made { .. } => Bytes::new(),
        }
    }
}

/// A response's body. Dropped once hyper has all of it, or once the client is gone.
pub(super) struct Answer {
    content: Content,
    call: Option<OpenCall>,
    wire: Arc<Wire>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        let next = match &mut this.content {
            Content::Whole(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Content::Drip { rest, .. } if rest.is_empty() => None,
            Content::Drip { rest, interval, next } => {
                ready!(next.as_mut().poll(cx));
                next.as_mut().reset(Instant::now() + *interval);
                Some(rest.split_to(1))
            }
            Content::Part { part, .. } if !part.is_empty() => Some(std::mem::take(part)),
            // hyper flushes what it has when there is nothing more at the moment; an error would make it forget that.
            Content::Part { flushed: flushed @ false, .. } => {
                *flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Content::Part { .. } => {
                if let Some(call) = &mut this.call {
                    call.break_off();
                }
                return Poll::Ready(Some(Err(BrokenOff)));
            }
            Content::Made { left, chunks } => {
                let chunk = chunks.next();
                *left -= chunk.as_ref().map_or(*left, |chunk| chunk.len() as u64);
                chunk
            }
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) | Content::Drip { rest: bytes, .. } => bytes.is_empty(),
            Content::Part { .. } => false,
            Content::Made { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) | Content::Drip { rest: bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
            Content::Part { .. } => SizeHint::default(),
            Content::Made { left, .. } => SizeHint::with_exact(*left),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.is_end_stream()
            && let Some(call) = self.call.take()
        {
            self.wire.leaving(call);
        }
    }
}
