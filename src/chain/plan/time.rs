//! How long the steps of a chain take at most, on their own clocks. What the gate makes them wait comes on top of that.

use std::time::Duration;

use serde::Serialize;

use super::stage::{Stage, Task};
use super::terms::seconds;

/// How long the steps of a chain take at most, as far as their own clocks say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Time {
    /// All of them, one after the other, each with its fallback.
    #[serde(rename = "at_most_seconds", serialize_with = "seconds")]
    pub at_most: Duration,
    /// The chain's own clock; `None` where a nested one has none.
    #[serde(rename = "clock_seconds", serialize_with = "clock_seconds", skip_serializing_if = "Option::is_none")]
    pub clock: Option<Duration>,
    /// The first step that the clock can cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<String>,
}

fn clock_seconds<S: serde::Serializer>(clock: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds(&clock.unwrap_or_default(), serializer)
}

impl Time {
    pub(super) fn of(stages: &[Stage], clock: Option<Duration>) -> Self {
        let at_most = stages.iter().map(longest).sum();
        let cut_at = clock.and_then(|clock| cut_at(stages, clock));
        Self { at_most, clock, cut_at }
    }

    /// How long the chain can last: its clock ends it.
    #[must_use]
    pub fn bounded(&self) -> Duration {
        self.clock.map_or(self.at_most, |clock| clock.min(self.at_most))
    }
}

/// How long a step takes at most, its fallback included.
fn longest(stage: &Stage) -> Duration {
    let own = match &stage.task {
        Task::Call(exchange) => exchange.timeout,
        Task::Chain { time, .. } => time.bounded(),
    };
    own + stage.fallback_call().map(|exchange| exchange.timeout).unwrap_or_default()
}

/// The first step, nested ones before the step that they are nested in, that can last longer than what is left of `clock`.
fn cut_at(stages: &[Stage], clock: Duration) -> Option<String> {
    let mut left = clock;
    for stage in stages {
        match left.checked_sub(longest(stage)) {
            Some(less) => left = less,
            None => return Some(cut_at(stage.nested(), left).unwrap_or_else(|| stage.id.clone())),
        }
    }
    None
}
