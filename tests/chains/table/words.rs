//! The words in which a row says what it expects.

use std::ops::RangeInclusive;

/// What is known of the step when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Failed,
    Unknown,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// Under which directives a row is run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Directives {
    /// `abort` and `continue`.
    Two,
    /// And `fallback`, without one.
    Three,
}

/// How the step is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Sync,
    Job {
        /// Whether the platform's name for the job is known at the end, so that it was polled.
        known: bool,
    },
}

/// The body of the last answer, which the response hash is over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// What the simulator answers when all is well.
    Healthy,
    /// This, with the job's id for `{job}` and the action's for `{action}`.
    Exactly(&'static str),
    /// Something with the time of day in it.
    Dated,
}

/// What the last poll of a job is answered when all was well.
const COMPLETED: &str = r#"{"jobId":"{job}","status":"COMPLETED","output":{"action":"{action}","ok":true,"echo":{}}}"#;

impl Body {
    /// Its text, if that can be told beforehand.
    pub(crate) fn of(self, action: &str, job: Option<&str>) -> Option<String> {
        let text = match (self, job) {
            (Self::Healthy, None) => r#"{"action":"{action}","ok":true,"echo":{}}"#,
            (Self::Healthy, Some(_)) => COMPLETED,
            (Self::Exactly(text), _) => text,
            (Self::Dated, _) => return None,
        };
        Some(text.replace("{action}", action).replace("{job}", job.unwrap_or_default()))
    }
}

/// An exchange that did not decide the step: its class, its status, and how long the wait after it may be, in milliseconds.
pub(crate) type Retried = (&'static str, Option<u16>, RangeInclusive<u64>);
