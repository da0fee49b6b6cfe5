//! The run log: the ordered records of one run, its only truth. What is journaled is what is published
//! ([`Record::Event`]), plus what nobody outside needs ([`Record::Private`]).

mod event;
mod seal;

pub use event::{Event, EventBody, RunAccepted, RunFinished, RunRejected, RunResumed, StepFinished, StepRetried};
pub use seal::{Author, Head, Sealed, Subject, rejection, seal};

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::action::Redaction;
use super::ids::{JobId, StepPath};
use super::outcome::{ErrorClass, JobProgress, StepStatus};
use super::result::FinalStatus;
use super::stamp::Millis;

/// One record of a run log.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// An audit event: journaled and published, byte for byte the same.
    Event(Arc<Sealed>),
    /// What the run needs to go on after a crash, and nobody else does.
    Private(Private),
}

/// Records that are journaled and never published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Private {
    /// What the run is of; stands before `run.accepted`.
    Definition {
        /// The definition as received, in canonical form.
        canonical: String,
        /// Where it came from and where its result goes.
        origin: Origin,
    },
    /// One exchange is about to be made. Closed by its outcome, by a retry, or by `Withdrawn`.
    Intent {
        /// The step.
        step: StepPath,
        /// Counts the step's exchanges from 1.
        attempt: u32,
        /// When.
        at: Millis,
        /// Of what goes out: whoever takes the run up with another configuration could not make the same body again.
        payload_hash: String,
    },
    /// The exchange of the open intent was not made after all: its permit grew old while the intent was journaled.
    Withdrawn {
        /// The step.
        step: StepPath,
        /// The attempt whose number is free again.
        attempt: u32,
    },
    /// The exchange of the open intent was the submission of a job, and the platform has it: it is polled from now on, and never
    /// submitted again. Closes the intent.
    Submitted {
        /// The step.
        step: StepPath,
        /// The platform's name for the job.
        job_id: JobId,
        /// How far it was at once.
        progress: JobProgress,
        /// The step clock so far.
        spent_ms: u64,
        /// What the step waited at the gate so far.
        gate_wait_ms: u64,
        /// What the step's clock may come to: the job is asked after for as long, whatever becomes of the action's configuration.
        limit_ms: u64,
        /// What is masked of what was sent and of what is answered, as `limit_ms`.
        #[serde(default, skip_serializing_if = "Redaction::is_empty")]
        redaction: Redaction,
    },
    /// A poll has seen the job further than it was known to be.
    Progressed {
        /// The step.
        step: StepPath,
        /// How far it is.
        progress: JobProgress,
        /// How often it has been asked after.
        polls: u32,
        /// The step clock so far.
        spent_ms: u64,
        /// What the step waited at the gate so far.
        gate_wait_ms: u64,
    },
    /// Stands before `step.retried`: what the event does not tell.
    Attempted {
        /// The step.
        step: StepPath,
        /// Whether the exchange may have been carried out all the same.
        unknown: bool,
        /// The step clock so far.
        spent_ms: u64,
        /// What the step waited at the gate so far.
        gate_wait_ms: u64,
    },
    /// The chain that is nested in the step begins.
    Entered {
        /// The step.
        step: StepPath,
        /// When.
        at: Millis,
        /// When the clock of the nested chain is over, if it has one of its own.
        deadline: Option<Millis>,
    },
    /// The step did not succeed, and another call takes its place. Where an exchange of its own had been made that no event tells yet,
    /// `step.retried` follows, and closes its intent.
    FellBack {
        /// The step.
        step: StepPath,
        /// What is known of what the step did itself.
        status: StepStatus,
        /// Its classification.
        class: ErrorClass,
        /// Of its last exchange.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http_status: Option<u16>,
        /// How often its job was asked after.
        polls: u32,
        /// The step clock so far; the fallback has one of its own.
        spent_ms: u64,
        /// What the step waited at the gate so far.
        gate_wait_ms: u64,
    },
    /// Stands before `step.finished`: what goes into the result, and into later steps, but never into events.
    StepData {
        /// The step.
        step: StepPath,
        /// The response's body, or the fallback's output.
        data: Option<Arc<Value>>,
        /// What its `extract` found.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        extracted: Map<String, Value>,
        /// How the chain that is nested in it ended, if there is one and no fallback took its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        child: Option<FinalStatus>,
        /// For people: why it did not succeed.
        message: Option<String>,
        /// The body was too large to be kept.
        omitted: bool,
        /// What of the data is masked wherever it is shown, whatever becomes of the action's configuration.
        #[serde(default, skip_serializing_if = "Redaction::is_empty")]
        redaction: Redaction,
    },
    /// Somebody asked for the end of this run.
    CancelRequested,
    /// A worker that stops gave the run back, between two exchanges: whoever takes it up next does so after no crash.
    HandedBack,
    /// Follows `run.finished`: the result, byte for byte as it is published.
    Result {
        /// A JSON document.
        body: String,
    },
    /// All events and the result are confirmed by the broker: the message may be acknowledged.
    Settled,
}

/// `run.accepted`, where the log has it.
#[must_use]
pub fn accepted(log: &[Record]) -> Option<(&Event, &RunAccepted)> {
    log.iter().find_map(|record| match record {
        Record::Event(sealed) => match &sealed.event.body {
            EventBody::RunAccepted(accepted) => Some((&sealed.event, accepted)),
            _ => None,
        },
        Record::Private(_) => None,
    })
}

/// The definition in canonical form and where it came from, where the log has it.
#[must_use]
pub fn definition(log: &[Record]) -> Option<(&str, &Origin)> {
    log.iter().find_map(|record| match record {
        Record::Private(Private::Definition { canonical, origin }) => Some((canonical.as_str(), origin)),
        Record::Private(_) | Record::Event(_) => None,
    })
}

/// Where a run's message came from, and where its result goes besides the results exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// The work queue.
    pub queue: String,
    /// The input's correlation id.
    pub correlation_id: Option<String>,
    /// The input's reply-to.
    pub reply_to: Option<String>,
    /// The input's W3C trace context.
    pub traceparent: Option<String>,
    /// Whether the worker gave the run its id.
    pub assigned: bool,
    /// Whether the broker had handed the message out before.
    pub redelivered: bool,
}
