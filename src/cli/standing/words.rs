//! How a run stands, in words.

use owo_colors::OwoColorize;

use super::super::figures::span;
use super::super::text::plain;
use super::{Standing, State, WaitsFor};
use crate::chain::result::FinalStatus;
use crate::chain::stamp::{Millis, millis};

impl Standing {
    /// A sign in its colour.
    pub(in super::super) fn sign(&self) -> String {
        match &self.final_status {
            _ if self.damage.is_some() => "✖".red().to_string(),
            Some(status) if status == FinalStatus::Completed.as_str() => "■".green().to_string(),
            Some(_) => "■".red().to_string(),
            None => "…".yellow().to_string(),
        }
    }

    /// The state, without colours and fit for a terminal: `completed`, `open at export: backs off for 2.0 s`.
    pub(in super::super) fn words(&self, now: Millis) -> String {
        let ended = self.final_status.as_deref().unwrap_or("?");
        let words = match self.state {
            State::Claimed => "not yet accepted".to_owned(),
            State::Open => self.open_words(now),
            State::Finished => format!("{ended}, not yet published"),
            State::Settled => format!("{ended}, not yet acknowledged"),
            State::Acknowledged => ended.to_owned(),
        };
        let damage = self.damage.as_ref().map(|why| format!(" (damaged: {why})")).unwrap_or_default();
        plain(words + &damage)
    }

    fn open_words(&self, now: Millis) -> String {
        let place = self.at_step.as_ref().map(|step| format!(" at {step}")).unwrap_or_default();
        if let Some(deadline) = self.deadline.filter(|deadline| *deadline < now) {
            return format!("open{place}, past its deadline for {}", span(millis(now.since(deadline))));
        }
        let held = self.is_held(now);
        let waits = self.waits_for.as_ref().and_then(|waits| waits.words(now, held));
        let nobody = (!held).then(|| "no worker has it".to_owned());
        let words: Vec<String> = waits.into_iter().chain(nobody).collect();
        format!("open{place}: {}", words.join("; "))
    }

    fn is_held(&self, now: Millis) -> bool {
        self.leased_until.is_some_and(|until| until > now)
    }

    /// How long it took, or has taken until now.
    pub(in super::super) fn took(&self, now: Millis) -> Option<u64> {
        Some(millis(self.finished_at.unwrap_or(now).since(self.accepted_at?)))
    }

    /// `1/3`.
    pub(in super::super) fn steps(&self) -> String {
        self.steps_total.map(|total| format!("{}/{total}", self.steps_done)).unwrap_or_default()
    }
}

impl WaitsFor {
    /// `None` where there is nothing to be told while no worker has the run: the next one sees.
    fn words(&self, now: Millis, held: bool) -> Option<String> {
        Some(match self {
            Self::Permit | Self::Pause | Self::End if !held => return None,
            Self::Permit => "waits for a token or the gate".into(),
            Self::Answer { attempt } if held => format!("call {attempt} is on its way"),
            Self::Answer { attempt } => format!("call {attempt} was on its way"),
            Self::BackOff { until } if *until > now => format!("backs off for {}", span(millis(until.since(now)))),
            Self::BackOff { .. } => "its back-off is over".into(),
            Self::Pause => "waits out the tenant's pause after a 429".into(),
            Self::Job { job_id, progress } => format!("job {job_id} is {}", progress.as_str()),
            Self::End => "every step has its outcome".into(),
        })
    }
}
