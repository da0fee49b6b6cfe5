//! What a run's log says of the step at work.

use std::time::Duration;

use super::super::action::Redaction;
use super::super::ids::{JobId, StepPath};
use super::super::outcome::{ErrorClass, JobProgress, StepStatus};
use super::super::stamp::Millis;

/// A step that has begun and has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStep {
    /// Where it stands.
    pub path: StepPath,
    /// Exchanges made, the one in flight left out.
    pub attempts: u32,
    /// Those of them that count against `max_attempts`.
    pub counted: u32,
    /// Whether the exchange to come is the repeat after a 401.
    pub reauthorized: bool,
    /// Whether one of the exchanges may have been carried out without anybody knowing.
    pub maybe_carried_out: bool,
    /// The step clock so far, in milliseconds.
    pub spent_ms: u64,
    /// What it waited at the gate so far, in milliseconds.
    pub gate_wait_ms: u64,
    /// The attempt that is in flight, or was when the worker died.
    pub intent: Option<u32>,
    /// Of what its last exchange sent, or was to send.
    pub payload_hash: Option<String>,
    /// Why the last exchange did not decide the step.
    pub last_class: Option<ErrorClass>,
    /// What the last exchange's status was.
    pub last_status: Option<u16>,
    /// When the back-off after it is over. (A pause of the tenant is the gate's.)
    pub not_before: Option<Millis>,
    /// The job that the platform has made of it.
    pub job: Option<Job>,
    /// What came of the step itself, once its fallback has taken its place. All counts and clocks but the number of attempts and
    /// the time at the gate are the fallback's then.
    pub first: Option<First>,
}

/// What a step came to before its fallback took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First {
    /// What is known of it.
    pub status: StepStatus,
    /// Its classification.
    pub class: ErrorClass,
    /// Of its last exchange.
    pub http_status: Option<u16>,
    /// How many exchanges it made.
    pub attempts: u32,
    /// How often its job was asked after.
    pub polls: u32,
    /// Its job, if it was one.
    pub job_id: Option<JobId>,
    /// Its clock, in milliseconds.
    pub spent_ms: u64,
    /// Whether it may have been carried out more than once.
    pub maybe_repeated: bool,
    /// Its last exchange waits for the event that closes it.
    pub closing: bool,
}

/// A job that is not known to be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The platform's name for it.
    pub id: JobId,
    /// How far it is known to be.
    pub progress: JobProgress,
    /// How often it has been asked after, as far as that is recorded.
    pub polls: u32,
    /// What its step's clock may come to.
    pub limit: Duration,
    /// What of its payload and its answers is masked, by what was configured when it was submitted.
    pub redaction: Redaction,
}

impl OpenStep {
    /// Whether it is its fallback that is at work.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.first.is_some()
    }

    /// The number of the exchange that no event tells yet: the one in flight, or the submission of its job.
    #[must_use]
    pub fn untold(&self) -> Option<u32> {
        self.intent.or(self.job.as_ref().map(|_| self.attempts))
    }

    /// A step of which no exchange was made.
    #[must_use]
    pub fn new(path: StepPath) -> Self {
        Self {
            path,
            attempts: 0,
            counted: 0,
            reauthorized: false,
            maybe_carried_out: false,
            spent_ms: 0,
            gate_wait_ms: 0,
            intent: None,
            payload_hash: None,
            last_class: None,
            last_status: None,
            not_before: None,
            job: None,
            first: None,
        }
    }
}
