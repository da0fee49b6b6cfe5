//! Calls as they end, for whoever shows them while they happen.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The last byte of the answer was handed to the network.
    Answered,
    /// The client went away before the answer was complete.
    CutOff,
    /// A fault, or the simulator's own end, broke it off.
    BrokenOff,
}

/// One call that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallSeen {
    /// The action's id, for a poll with `@poll` behind it; or `@token`, or `@discovery`.
    pub target: String,
    /// `None` when the call did not say.
    pub run: Option<String>,
    /// `parent.child` in a nested chain; `None` when the call did not say.
    pub step: Option<String>,
    /// `None` when the call did not say.
    pub attempt: Option<u32>,
    /// The id of the job that it submitted or polled.
    pub job: Option<String>,
    /// The state of that job that the answer told of, or was to tell of.
    pub job_state: Option<String>,
    /// The status, if an answer was begun.
    pub status: Option<u16>,
    /// How it ended.
    pub ending: Ending,
    /// When it began, in milliseconds since the simulator's start.
    pub at_ms: u64,
    /// From the headers' arrival to the end, in milliseconds.
    pub took_ms: u64,
}

/// What a feed has next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// One call.
    Call(CallSeen),
    /// So many calls ended that this many were dropped here. They are counted in [`Calls`](super::Calls) all the same.
    Missed(u64),
}

/// Calls as they end, from when the feed was asked for.
#[derive(Debug)]
pub struct CallFeed(broadcast::Receiver<CallSeen>);

impl CallFeed {
    /// The next one; `None` once the simulator is gone.
    pub async fn next(&mut self) -> Option<Seen> {
        match self.0.recv().await {
            Ok(call) => Some(Seen::Call(call)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Seen::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next one if there is one already.
    pub fn next_now(&mut self) -> Option<Seen> {
        match self.0.try_recv() {
            Ok(call) => Some(Seen::Call(call)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Seen::Missed(missed)),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }
}

/// Where calls are told. Costs next to nothing while nobody listens.
pub(super) struct Teller(broadcast::Sender<CallSeen>);

impl Default for Teller {
    fn default() -> Self {
        Self(broadcast::channel(8192).0)
    }
}

impl Teller {
    pub(super) fn feed(&self) -> CallFeed {
        CallFeed(self.0.subscribe())
    }

    pub(super) fn tell(&self, call: impl FnOnce() -> CallSeen) {
        if self.0.receiver_count() > 0 {
            // The last listener may have gone meanwhile.
            let _ = self.0.send(call());
        }
    }
}

/// `duration` in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
