//! What a run's log says of one step: of one that is over, and of the one at work.

use std::sync::Arc;

use serde_json::Value;

use super::super::ids::{ChainId, JobId, StepPath};
use super::super::log::StepFinished;
use super::super::outcome::{ErrorClass, JobProgress};
use super::super::stamp::Millis;

/// A step with an outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedStep {
    /// Its event.
    pub event: StepFinished,
    /// The chain that it belongs to.
    pub chain_id: ChainId,
    /// When it was over.
    pub at: Millis,
    /// The response's body.
    pub data: Option<Arc<Value>>,
    /// For people: why it did not succeed.
    pub message: Option<String>,
    /// The body was too large to be kept.
    pub omitted: bool,
}

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
    /// Why the last exchange did not decide the step.
    pub last_class: Option<ErrorClass>,
    /// What the last exchange's status was.
    pub last_status: Option<u16>,
    /// When the back-off after it is over. (A pause of the tenant is the gate's.)
    pub not_before: Option<Millis>,
    /// The job that the platform has made of it.
    pub job: Option<Job>,
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
}

impl OpenStep {
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
            last_class: None,
            last_status: None,
            not_before: None,
            job: None,
        }
    }
}
