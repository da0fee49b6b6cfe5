//! What can go wrong with a job, whatever becomes of the call that submits it. `job_grammar` reads and writes it as text,
//! `job` plays it.

use std::sync::Arc;
use std::time::Duration;

/// How the jobs go that the calls submit; nothing to a synchronous call. The default is a job without any fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFault {
    /// How long it is QUEUED; `None`: as the simulator's settings have it.
    pub queued: Option<Span>,
    /// How long it is RUNNING; `None`: as the simulator's settings have it.
    pub running: Option<Span>,
    /// What it says in place of RUNNING.
    pub running_as: Option<Arc<str>>,
    /// What becomes of it.
    pub end: JobEnd,
    /// What the answer to its submission calls it.
    pub id: JobId,
    /// How its states are written.
    pub case: StateCase,
}

/// How long a job stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// This long.
    For(Duration),
    /// For good.
    Ever,
}

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum JobEnd {
    /// COMPLETED with an output, unless it runs for longer than its execution timeout: then it is TIMED_OUT.
    #[default]
    Completes,
    /// FAILED, with this `errorDetail` (`None`: one of the simulator's).
    Fails(Option<Arc<str>>),
    /// TIMED_OUT.
    TimesOut,
}

/// What the answer to a submission says for `jobId`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum JobId {
    /// An id that no other job has.
    #[default]
    Own,
    /// Nothing: the field is not there, and the job cannot be polled.
    Missing,
    /// This: JSON is sent as such, all else as a string. Of two jobs that are called the same the later one is polled.
    Text(Arc<str>),
}

/// How states are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateCase {
    /// `TIMED_OUT`
    #[default]
    Upper,
    /// `timed_out`
    Lower,
    /// `Timed_out`
    Title,
}
