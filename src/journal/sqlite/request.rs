//! What is asked of the writer, and how it is answered: after the commit that it is part of, not before.

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::Terms;
use super::fault::Trouble;
use crate::chain::stamp::Millis;
use crate::ports::JournalError;

/// What a request is carried out with: an open transaction, and the time.
pub(super) struct Desk<'a> {
    pub(super) connection: &'a Connection,
    pub(super) terms: &'a Terms,
    /// By the wall clock, which is what lies in the file.
    pub(super) wall: Millis,
    /// The same moment by the clock of this process.
    pub(super) instant: Instant,
}

impl Desk<'_> {
    /// Until when a lease lasts that begins now: in the file, and in this process.
    pub(super) fn until(&self) -> (i64, Instant) {
        (self.wall.plus(self.terms.lease).since_epoch(), self.instant + self.terms.lease)
    }
}

/// One thing that is asked. It may be carried out several times, in transactions that are rolled back.
pub(super) trait Request: Send + 'static {
    type Answer: Send + 'static;

    fn carry_out(&self, desk: &Desk<'_>) -> Result<Self::Answer, Trouble>;

    /// About how many bytes it writes.
    fn weight(&self) -> usize {
        0
    }
}

/// A request, whatever it is, that waits for its answer.
pub(super) trait Pending: Send {
    fn carry_out(&mut self, desk: &Desk<'_>) -> Result<(), Trouble>;
    fn weight(&self) -> usize;
    /// What it was carried out with is committed.
    fn answer(self: Box<Self>);
    /// It cannot be done.
    fn refuse(self: Box<Self>, why: &str);
}

type Answer<R> = Result<<R as Request>::Answer, JournalError>;

pub(super) struct Asked<R: Request> {
    request: R,
    done: Option<R::Answer>,
    reply: oneshot::Sender<Answer<R>>,
    /// Its room in the line.
    _room: OwnedSemaphorePermit,
}

impl<R: Request> Asked<R> {
    pub(super) fn pending(request: R, room: OwnedSemaphorePermit) -> (Box<dyn Pending>, oneshot::Receiver<Answer<R>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { request, done: None, reply, _room: room }), answer)
    }
}

// Whoever asked may have gone: what was done is done all the same.
impl<R: Request> Pending for Asked<R> {
    fn carry_out(&mut self, desk: &Desk<'_>) -> Result<(), Trouble> {
        self.done = Some(self.request.carry_out(desk)?);
        Ok(())
    }

    fn weight(&self) -> usize {
        self.request.weight()
    }

    fn answer(self: Box<Self>) {
        let Some(done) = self.done else { unreachable!("it was carried out") };
        let _ = self.reply.send(Ok(done));
    }

    fn refuse(self: Box<Self>, why: &str) {
        let _ = self.reply.send(Err(JournalError::Unavailable(why.to_owned())));
    }
}
