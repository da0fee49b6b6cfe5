//! How many requests a run makes.

use std::iter::Sum;
use std::ops::Add;

use serde::Serialize;

use super::stage::{Exchange, Stage, Task};

/// How many requests a run makes. What the gate does not count, token requests, and what it pauses for, calls that were
/// throttled, are not in there; nor is a call that is repeated with a new token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// When every step succeeds at once, and each condition is unmet.
    pub least: u32,
    /// When every step succeeds at once, and each condition is met.
    pub smooth: u32,
    /// When every attempt, every fallback and all the time of every job are used up.
    pub most: u32,
}

impl Calls {
    pub(super) fn of(stages: &[Stage]) -> Self {
        stages.iter().map(Self::of_stage).sum()
    }

    fn of_stage(stage: &Stage) -> Self {
        let own = match &stage.task {
            Task::Call(exchange) => Self::of_exchange(exchange),
            Task::Chain { steps, .. } => Self::of(steps),
        };
        let least = if stage.when.is_some() { 0 } else { own.least };
        let fallback = stage.fallback_call().map(Self::of_exchange).unwrap_or_default();
        Self { least, most: own.most.saturating_add(fallback.most), ..own }
    }

    fn of_exchange(exchange: &Exchange) -> Self {
        // A job is submitted, and asked after once.
        let once = if exchange.job { 2 } else { 1 };
        Self { least: once, smooth: once, most: exchange.attempts.saturating_add(exchange.polls) }
    }
}

impl Add for Calls {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            least: self.least.saturating_add(other.least),
            smooth: self.smooth.saturating_add(other.smooth),
            most: self.most.saturating_add(other.most),
        }
    }
}

impl Sum for Calls {
    fn sum<I: Iterator<Item = Self>>(calls: I) -> Self {
        calls.fold(Self::default(), Add::add)
    }
}
