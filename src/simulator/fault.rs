//! What can go wrong with a call. A [`Fault`] is one behaviour plus how slow, how often and for whom; `grammar` reads and
//! writes it as text, `plan` picks the one that a call meets, `carry_out` does it.

use std::sync::Arc;
use std::time::Duration;

use super::job_fault::JobFault;
use crate::chain::ActionId;

/// What a call meets instead of a healthy answer.
///
/// ```
/// use cxchain::simulator::{Behaviour, Fault};
/// use std::time::Duration;
///
/// let flaky = Fault::status(503).times(2).after(Duration::from_secs(1));
/// assert_eq!(flaky, "status:503,slow:1s,times:2".parse().unwrap());
/// assert_eq!(Fault::new(Behaviour::Hang), "hang".parse().unwrap());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What the answer is like.
    pub behaviour: Behaviour,
    /// How the job goes that the call submits.
    pub job: JobFault,
    /// How much longer than the configured latency it takes until the answer begins.
    pub slow: Duration,
    /// How many calls meet it before all is well again; `None`: every call.
    pub times: Option<u32>,
    /// What `times` counts by.
    pub per: Per,
}

/// What `times` counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// The first calls of an action, whichever run they belong to.
    #[default]
    Action,
    /// The first calls of an action in each run.
    Run,
}

/// What the answer is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should be (for a fault that is only slow).
    Healthy,
    /// This status, with a body of the caller's choice or `{"message": …}`.
    Status {
        /// 200 to 599.
        code: u16,
        /// The header `Retry-After`.
        retry_after: Option<RetryAfter>,
        /// The body; JSON is sent as such, all else as plain text.
        body: Option<Arc<str>>,
    },
    /// The healthy body, one byte every interval, starting after the first one.
    Drip(Duration),
    /// A TCP reset once the headers were read, before the body is: the action does not run.
    ResetBefore,
    /// A TCP reset once the request was read and the action ran, before any answer.
    ResetAfter,
    /// The healthy answer, but the connection closes after this many bytes of the body (`None`: half of it).
    /// `Content-Length` promises all of it.
    Truncate(Option<usize>),
    /// Claims to be `application/json` and is not.
    BrokenJson,
    /// A healthy answer in plain text.
    Text,
    /// 204 without a body.
    Empty,
    /// A JSON string of this many bytes (at least 2), made while it is sent.
    Huge(u64),
    /// The same as gzip: about a thousandth on the wire.
    Bomb(u64),
    /// 302 to a trap, whose visitors are counted.
    Redirect,
    /// The request is read, the action runs, and no answer comes for as long as the fault is there; once it is taken away, the healthy
    /// one does.
    Hang,
    /// 401, and the token that the call came with is worth nothing from now on.
    Unauthorized,
}

/// When to come back, in either form of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// In this many seconds, said as a number.
    Seconds(u64),
    /// In this many seconds, said as a date (rounded up to a whole second of the clock).
    Date(u64),
}

impl Fault {
    /// Every call meets this.
    #[must_use]
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, job: JobFault::default(), slow: Duration::ZERO, times: None, per: Per::Action }
    }

    /// Every call is answered with this status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::new(Behaviour::Status { code, retry_after: None, body: None })
    }

    /// Every call is answered with this status and `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(code: u16, seconds: u64) -> Self {
        let retry_after = Some(RetryAfter::Seconds(seconds));
        Self::new(Behaviour::Status { code, retry_after, body: None })
    }

    /// Every call is answered well, this much later.
    #[must_use]
    pub fn slow(by: Duration) -> Self {
        Self::new(Behaviour::Healthy).after(by)
    }

    /// Every job that is submitted goes like this.
    #[must_use]
    pub fn job(job: JobFault) -> Self {
        Self { job, ..Self::new(Behaviour::Healthy) }
    }

    /// The same, this much later.
    #[must_use]
    pub fn after(self, slow: Duration) -> Self {
        Self { slow, ..self }
    }

    /// The same, for the first `n` calls only.
    #[must_use]
    pub fn times(self, n: u32) -> Self {
        Self { times: Some(n), ..self }
    }

    /// The same, counted for each run by itself.
    #[must_use]
    pub fn per_run(self) -> Self {
        Self { per: Per::Run, ..self }
    }
}

impl Behaviour {
    /// Whether the action runs, that is: takes effect in the simulated world.
    pub(super) fn runs_the_action(&self) -> bool {
        match self {
            Self::Status { code, .. } => (200..300).contains(code),
            Self::ResetBefore | Self::Redirect | Self::Unauthorized => false,
            Self::Healthy
            | Self::Drip(_)
            | Self::ResetAfter
            | Self::Truncate(_)
            | Self::BrokenJson
            | Self::Text
            | Self::Empty
            | Self::Huge(_)
            | Self::Bomb(_)
            | Self::Hang => true,
        }
    }
}

/// Which calls a fault is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// One action's, synchronous or submissions of a job; written as its id. An action with faults of its own meets none of [`Target::Every`].
    Action(ActionId),
    /// Every action's; written `*`.
    Every,
    /// The polls of one action's jobs; written as its id and `@poll`. An action with such faults meets none of
    /// [`Target::EveryPoll`].
    Poll(ActionId),
    /// The polls of every action's jobs; written `@poll`.
    EveryPoll,
    /// The token endpoint's; written `@token`.
    Token,
    /// The discovery documents'; written `@discovery`.
    Discovery,
}

impl From<ActionId> for Target {
    fn from(action: ActionId) -> Self {
        Self::Action(action)
    }
}

impl From<&ActionId> for Target {
    fn from(action: &ActionId) -> Self {
        Self::Action(action.clone())
    }
}

/// A fault and whom it meets; written `target=fault`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// Which calls.
    pub target: Target,
    /// What they meet.
    pub fault: Fault,
}
