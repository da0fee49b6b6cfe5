//! How a run stands, in words.

use owo_colors::OwoColorize;

use super::super::figures::span;
use super::super::text::plain;
use super::{Standing, State, WaitsFor};
use crate::chain::JobProgress;
use crate::chain::result::FinalStatus;
use crate::chain::stamp::{Millis, millis};

impl Standing {
    /// A sign and the state: `■ completed`, `… open at export: backs off for 2.0 s`.
    pub(in super::super) fn words(&self, now: Millis) -> String {
        format!("{} {}", self.sign(), self.state_words(now))
    }

    /// The sign in its colour.
    fn sign(&self) -> String {
        match (self.state, self.final_status) {
            (State::Damaged, _) => "✖".red().to_string(),
            (_, Some(FinalStatus::Completed)) => "■".green().to_string(),
            (_, Some(_)) => "■".red().to_string(),
            (_, None) => "…".yellow().to_string(),
        }
    }

    /// The state, without colours and fit for a terminal.
    pub(in super::super) fn state_words(&self, now: Millis) -> String {
        let ended = self.final_status.map_or("?", FinalStatus::as_str);
        plain(match self.state {
            State::Open => self.open_words(now),
            State::Finished => format!("{ended}, not yet published"),
            State::Settled => format!("{ended}, not yet acknowledged"),
            State::Acknowledged => ended.to_owned(),
            State::Damaged => format!("damaged: {}", self.damage.as_deref().unwrap_or("its log cannot be read")),
        })
    }

    fn open_words(&self, now: Millis) -> String {
        if self.accepted_at.is_none() {
            return "not yet accepted".into();
        }
        let place = self.at_step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
        let late = self.deadline.filter(|deadline| *deadline < now);
        if let Some(deadline) = late {
            return format!("open{place}, past its deadline for {}", span(millis(now.since(deadline))));
        }
        let waits = self.waits_for.as_ref().map(|waits| waits.words(now)).unwrap_or_default();
        format!("open{place}: {waits}")
    }

    /// How long it took, or has taken until now.
    pub(in super::super) fn took(&self, now: Millis) -> Option<u64> {
        self.total_latency_ms.or_else(|| Some(millis(now.since(self.accepted_at?))))
    }

    /// `1/3`.
    pub(in super::super) fn steps(&self) -> String {
        self.steps_total.map(|total| format!("{}/{total}", self.steps_done)).unwrap_or_default()
    }
}

impl WaitsFor {
    fn words(&self, now: Millis) -> String {
        match self {
            Self::Permit => "waits for a token or the gate".into(),
            Self::Answer { attempt } => format!("call {attempt} is on its way, or lost with its worker"),
            Self::BackOff { until } if *until > now => format!("backs off for {}", span(millis(until.since(now)))),
            Self::BackOff { .. } => "its back-off is over, waits for the gate".into(),
            Self::Pause => "waits out the tenant's pause after a 429".into(),
            Self::Job { job_id, progress: JobProgress::Queued } => format!("job {job_id} is queued"),
            Self::Job { job_id, progress: JobProgress::Running } => format!("job {job_id} is running"),
            Self::End => "every step has its outcome".into(),
        }
    }
}
