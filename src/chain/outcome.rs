//! The vocabulary for what came of a call: seen by the adapters, decided upon by the run, published in events.

use serde::{Deserialize, Serialize};

/// What is known of a step (`status` in events and results).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// CXone carried it out and said so.
    Success,
    /// CXone did not carry it out, or its answer is of no use.
    Failed,
    /// Its condition was not met.
    Skipped,
    /// Nobody knows whether CXone carried it out.
    Unknown,
}

/// `error_classification` in events and results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorClass {
    /// Nothing went wrong.
    None,
    /// The peer found fault with the request (400, 409, 422 and other 4xx).
    Validation,
    /// No valid token could be had, or the peer does not take it (401).
    Authentication,
    /// The token does not allow this call (403).
    Authorization,
    /// There is no such operation or object (404).
    NotFound,
    /// The tenant's quota is used up (429).
    RateLimited,
    /// No connection, or one that broke.
    Network,
    /// No answer in time.
    Timeout,
    /// The operation itself failed (500).
    ComputeFailure,
    /// The platform is not there at the moment (503).
    ComputeClusterUnavailable,
    /// The answer is cut short, is not the JSON that it claims to be, or is a redirect.
    ResponseInvalid,
    /// The answer is larger than `max_response_bytes`; the call itself succeeded.
    ResponseTooLarge,
    /// A worker died between sending the call and recording its answer.
    OutcomeUnknown,
    /// A job that never left its queue.
    StuckQueued,
    /// The run was cancelled.
    Cancelled,
    /// Something in this worker failed.
    System,
}

impl ErrorClass {
    /// As in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Validation => "VALIDATION",
            Self::Authentication => "AUTHENTICATION",
            Self::Authorization => "AUTHORIZATION",
            Self::NotFound => "NOT_FOUND",
            Self::RateLimited => "RATE_LIMITED",
            Self::Network => "NETWORK",
            Self::Timeout => "TIMEOUT",
            Self::ComputeFailure => "COMPUTE_FAILURE",
            Self::ComputeClusterUnavailable => "COMPUTE_CLUSTER_UNAVAILABLE",
            Self::ResponseInvalid => "RESPONSE_INVALID",
            Self::ResponseTooLarge => "RESPONSE_TOO_LARGE",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::StuckQueued => "STUCK_QUEUED",
            Self::Cancelled => "CANCELLED",
            Self::System => "SYSTEM",
        }
    }
}

impl StepStatus {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failed, Self::Skipped, Self::Unknown];

    /// As in events and routing keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a failed exchange may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retryable {
    /// Never.
    No,
    /// Always: provably nothing was carried out.
    Yes,
    /// Only where sending twice is harmless.
    IfIdempotent,
}

/// What one exchange came to: row by row the table of 4.5 of the contract. The `cxone` room makes it, the run core
/// decides what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx. `class` is `None`, or `ResponseTooLarge` where the body was not kept.
    Success {
        /// `None` or `ResponseTooLarge`.
        class: ErrorClass,
    },
    /// The exchange failed in a way that is understood.
    Failed {
        /// Its classification.
        class: ErrorClass,
        /// Whether it may be made again.
        retry: Retryable,
    },
    /// Bytes may have been sent and no answer came: it may or may not have been carried out. Made again only for
    /// an idempotent step or `on_unknown: retry`.
    Unknown {
        /// `Timeout` or `Network`.
        class: ErrorClass,
    },
    /// 429: pauses the tenant, costs no attempt.
    Throttled,
    /// 401: one token refresh, then once again; costs no attempt.
    Unauthorized,
    /// 2xx to the submission of a job, with the job's id: from now on the job is polled.
    Submitted,
}

/// How far a job that is not over is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobProgress {
    /// The platform has it and has not begun.
    Queued,
    /// The platform works on it. A state that nobody knows counts as this one.
    Running,
}

impl JobProgress {
    /// As in records, and in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEnd {
    /// The platform carried it out.
    Completed,
    /// The platform carried it out. Its output is larger than `max_response_bytes`, and not kept.
    TooLarge,
    /// The platform carried it out. Its output cannot be put into a result: it is nested too deeply, say.
    Unusable,
    /// The operation itself failed.
    Failed,
    /// It took longer than its `execution_timeout_ms`.
    TimedOut,
}

impl JobEnd {
    /// What is known of the step then. None of these is retried.
    #[must_use]
    pub fn outcome(self) -> (StepStatus, ErrorClass) {
        match self {
            Self::Completed => (StepStatus::Success, ErrorClass::None),
            Self::TooLarge => (StepStatus::Success, ErrorClass::ResponseTooLarge),
            Self::Unusable => (StepStatus::Failed, ErrorClass::ResponseInvalid),
            Self::Failed => (StepStatus::Failed, ErrorClass::ComputeFailure),
            Self::TimedOut => (StepStatus::Failed, ErrorClass::Timeout),
        }
    }
}

impl JobProgress {
    /// What is said of a job that has come no further when its time is over.
    #[must_use]
    pub fn overdue(self) -> ErrorClass {
        match self {
            Self::Queued => ErrorClass::StuckQueued,
            Self::Running => ErrorClass::Timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_called_the_same_everywhere() {
        let all =
            [ErrorClass::None, ErrorClass::NotFound, ErrorClass::ComputeClusterUnavailable, ErrorClass::StuckQueued];
        for class in all {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
        assert_eq!(serde_json::to_value(StepStatus::Unknown).unwrap(), StepStatus::Unknown.as_str());
    }
}
