//! The platform that carries the steps out: CXone, or whatever speaks like it.

use std::fmt;

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::BoxFuture;
use super::jobs::{Poll, Polled, SubmittedJob};
use super::prepared::Prepared;
use crate::chain::{ActionId, ErrorClass, Mode, RunId, TenantName, Verdict};

/// One exchange to be made.
#[derive(Clone)]
pub struct Call {
    /// Whose platform, credentials and connection pool.
    pub tenant: TenantName,
    /// The run; part of the request's headers.
    pub run_id: RunId,
    /// The step's id (`parent.child` in a nested chain); part of the request's headers.
    pub step_id: String,
    /// The operation.
    pub action: ActionId,
    /// What is sent.
    pub request: Prepared,
    /// Counts every exchange of the step from 1.
    pub attempt: u32,
    /// Whether it submits a job, instead of having the operation carried out at once.
    pub job: bool,
    /// Whether this is the step's fallback call: its idempotency key differs.
    pub fallback: bool,
    /// When the exchange, the reading of the body included, has to be over.
    pub deadline: Instant,
}

/// What one exchange came to.
#[derive(Clone)]
pub struct Answer {
    /// The row of the table that it falls under.
    pub verdict: Verdict,
    /// The HTTP status, where one was received.
    pub http_status: Option<u16>,
    /// The response's body: JSON, else text, else `None` when empty or not kept.
    pub data: Option<Value>,
    /// For people: why it did not succeed; at most 300 characters, may quote the response. Goes into results only.
    pub message: Option<String>,
    /// The body's bytes as received, decompressed, for hashing; `None` when it was not read to its end.
    pub body: Option<Bytes>,
    /// The peer's Retry-After, in full.
    pub retry_after: Option<std::time::Duration>,
    /// What the platform calls the job; there with [`Verdict::Submitted`] only.
    pub job: Option<SubmittedJob>,
}

// Written by hand: a payload or a response must not get into a log by way of a `{:?}`.

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("tenant", &self.tenant)
            .field("run_id", &self.run_id)
            .field("step_id", &self.step_id)
            .field("action", &self.action)
            .field("request", &self.request)
            .field("attempt", &self.attempt)
            .field("job", &self.job)
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("verdict", &self.verdict)
            .field("http_status", &self.http_status)
            .field("body_bytes", &self.body.as_ref().map(Bytes::len))
            .field("retry_after", &self.retry_after)
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

/// A token at hand. It cannot be printed.
#[derive(Clone)]
pub struct Credential {
    /// The `Authorization` header's value.
    pub header: SecretString,
    /// Counts refreshes, so that a 401 refreshes the token that it was about and no newer one.
    pub generation: u64,
    /// From when on it is not to be used any more.
    pub stale_at: Instant,
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CredentialError {
    /// `Authentication` when the credentials are refused; else what kept the token endpoint from answering.
    pub class: ErrorClass,
    /// Whether asking again later can help.
    pub retryable: bool,
    /// For people; quotes no secret.
    pub message: String,
}

/// The platform. Every call is for one tenant; one tenant's trouble is not another's.
pub trait Actions: Send + Sync {
    /// A token that is valid now: cached, refreshed early, one refresh for all who wait. One try: whoever asks decides about
    /// asking again.
    ///
    /// # Errors
    /// [`CredentialError`] when the token endpoint refuses or cannot be reached.
    fn credential<'a>(&'a self, tenant: &'a TenantName) -> BoxFuture<'a, Result<Credential, CredentialError>>;

    /// The exchange that carries `action` out with `payload` in this mode, as far as it is the same for all attempts.
    ///
    /// # Errors
    /// What is wrong with the payload: it cannot be sent so. Quotes no value.
    fn prepare(
        &self,
        tenant: &TenantName,
        action: &ActionId,
        mode: &Mode,
        payload: &Map<String, Value>,
    ) -> Result<Prepared, String>;

    /// Makes one exchange. Never fails: what went wrong is the answer.
    fn send<'a>(&'a self, call: &'a Call, credential: &'a Credential) -> BoxFuture<'a, Answer>;

    /// Asks once after a job. Never fails: what went wrong is the answer.
    fn poll<'a>(&'a self, poll: &'a Poll, credential: &'a Credential) -> BoxFuture<'a, Polled>;

    /// A 401 came back with this credential: the next [`credential`](Actions::credential) is a fresh one.
    fn refused(&self, tenant: &TenantName, credential: &Credential);
}
