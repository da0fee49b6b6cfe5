//! Jobs, as the platform is asked after them. A poll changes nothing there, so whatever goes wrong with one, it is made again.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::prepared::Hidden;
use crate::chain::action::Redaction;
use crate::chain::{ActionId, JobEnd, JobId, JobProgress, RunId, TenantName};

/// A job that the platform has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedJob {
    /// The platform's name for it.
    pub id: JobId,
    /// How far it is already.
    pub progress: JobProgress,
}

/// One question after a job.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Whose platform, credentials and connection pool.
    pub tenant: TenantName,
    /// The run; part of the request's headers.
    pub run_id: RunId,
    /// The step's id (`parent.child` in a nested chain); part of the request's headers.
    pub step_id: String,
    /// The operation that the job carries out.
    pub action: ActionId,
    /// The attempt that submitted it; part of the request's headers.
    pub attempt: u32,
    /// Whether it is the job of the step's fallback: its idempotency key differs.
    pub fallback: bool,
    /// The job.
    pub job: JobId,
    /// What no text about it may have in it.
    pub hidden: Hidden,
    /// What of its answer no text about it may have in it, besides what is configured today.
    pub redaction: Redaction,
    /// When the exchange has to be over.
    pub deadline: Instant,
}

/// What a question after a job came to.
#[derive(Debug)]
pub struct Polled {
    /// What was learnt.
    pub seen: Seen,
    /// The HTTP status, where one was received.
    pub http_status: Option<u16>,
}

/// What a job left.
pub struct Finished {
    /// How it ended.
    pub end: JobEnd,
    /// Its output.
    pub data: Option<Value>,
    /// For people: why it did not succeed; at most 300 characters, may quote the response. Goes into results only.
    pub message: Option<String>,
    /// The answer's bytes as received, decompressed, for hashing; `None` when it was not read to its end.
    pub body: Option<Bytes>,
}

// Written by hand: a response must not get into a log by way of a `{:?}`.
impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.body.as_ref().map(Bytes::len);
        f.debug_struct("Finished").field("end", &self.end).field("body_bytes", &bytes).finish_non_exhaustive()
    }
}

/// What was learnt of a job.
#[derive(Debug)]
pub enum Seen {
    /// It is not over.
    Pending(JobProgress),
    /// It is over.
    Over(Box<Finished>),
    /// Nothing: 429. Pauses the tenant, for as long as it said where it did.
    Throttled(Option<Duration>),
    /// Nothing: 401.
    Unauthorized,
    /// Nothing: another status, or an answer of no use.
    Unread,
    /// Nothing: 503, or no answer at all.
    Trouble,
}
