//! A request's body that knows whether a connection ever took it.
//!
//! A deadline can pass while the connection is still being made. Then nothing was sent, and the outcome is a plain failure;
//! else it is unknown. The client's error does not tell the two apart; the body does: hyper's HTTP/1 dispatcher asks it whether
//! it is over when a connection takes the request, right before it writes the head into its buffer, and polls one that is not
//! before it first flushes. A body that was never asked belongs to a request of which no byte has left. (Whoever else asks on
//! the way makes us say less, never more.)

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The body, in one piece.
pub(super) struct Outgoing {
    bytes: Option<Bytes>,
    taken: Arc<AtomicBool>,
}

/// Tells of its body, also after that is gone.
pub(super) struct Witness(Arc<AtomicBool>);

impl Outgoing {
    pub(super) fn new(bytes: Bytes) -> (Self, Witness) {
        let taken = Arc::new(AtomicBool::new(false));
        (Self { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), taken: Arc::clone(&taken) }, Witness(taken))
    }
}

impl Witness {
    /// Whether bytes of the request may have left. `false` is a proof.
    pub(super) fn may_be_sent(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.taken.store(true, Ordering::SeqCst);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        // One that is empty is asked this, and never polled.
        self.taken.store(true, Ordering::SeqCst);
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn it_tells_when_it_was_taken() {
        let (body, witness) = Outgoing::new(Bytes::from_static(b"{}"));
        assert_eq!(body.size_hint().exact(), Some(2));
        assert!(!witness.may_be_sent());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        assert!(witness.may_be_sent());
    }

    #[test]
    fn an_empty_body_tells_when_it_was_asked() {
        let (body, witness) = Outgoing::new(Bytes::new());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert!(!witness.may_be_sent());
        assert!(body.is_end_stream());
        assert!(witness.may_be_sent());
    }
}
