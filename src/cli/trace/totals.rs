//! What a run came to: its exchanges, and what it waited for.

use serde::Serialize;

use super::super::figures::{count, span};
use super::entry::{CallOutcome, Entry, What};
use crate::chain::{ErrorClass, StepStatus};

/// Sums over a timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    /// Steps whose condition was not met.
    pub(super) skipped: u64,
    /// Calls that were made, or may have been.
    calls: u64,
    /// Those of them of which nobody knows whether they were sent.
    unrecorded: u64,
    /// How often jobs were asked after, as far as it is recorded.
    polls: u64,
    /// Answers of 429.
    throttled: u64,
    /// The time from intents to what came of them.
    working_ms: u64,
    gate_wait_ms: u64,
    back_off_ms: u64,
    /// How often another process went on with the run.
    resumed: u64,
    /// The time between the last record of the one and the first of the other.
    away_ms: u64,
}

impl Totals {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut totals = Self::default();
        // Of the step at work, which has no sum of its own yet.
        let (mut open_polls, mut open_gate) = (0, 0);
        for entry in entries {
            match &entry.what {
                What::Call(call) => {
                    totals.calls += u64::from(call.outcome != CallOutcome::Withdrawn);
                    totals.unrecorded += u64::from(call.outcome == CallOutcome::Unrecorded);
                    totals.working_ms += call.took_ms.unwrap_or(0);
                    open_gate += call.gate_wait_ms.unwrap_or(0);
                    match call.error_classification {
                        // The pause is waited out at the gate.
                        Some(ErrorClass::RateLimited) if call.delay_ms.is_some() => totals.throttled += 1,
                        _ => totals.back_off_ms += call.delay_ms.unwrap_or(0),
                    }
                }
                What::Job(job) => open_polls = u64::from(job.polls),
                What::Step(step) => {
                    totals.skipped += u64::from(step.status == StepStatus::Skipped);
                    totals.polls += u64::from(step.polls);
                    totals.gate_wait_ms += step.gate_wait_ms;
                    (open_polls, open_gate) = (0, 0);
                }
                What::Resumed(resumed) => {
                    totals.resumed += 1;
                    totals.away_ms += resumed.gap_ms.unwrap_or(0);
                }
                What::Accepted(_)
                | What::Entered(_)
                | What::FellBack(_)
                | What::HandedBack
                | What::CancelRequested
                | What::Finished(_)
                | What::Settled
                | What::Acknowledged => {}
            }
        }
        totals.polls += open_polls;
        totals.gate_wait_ms += open_gate;
        totals
    }

    /// `3 exchanges: 2 calls (1 answered 429), 1 poll` and what else there is to say.
    pub(super) fn words(&self) -> (String, Vec<String>) {
        let mut calls = count(self.calls, "call");
        let mut of_them = Vec::new();
        if self.throttled > 0 {
            of_them.push(format!("{} answered 429", self.throttled));
        }
        if self.unrecorded > 0 {
            of_them.push(format!("{} of which nobody knows", self.unrecorded));
        }
        if !of_them.is_empty() {
            calls = format!("{calls} ({})", of_them.join(", "));
        }
        let exchanges = match self.polls {
            0 => calls,
            polls => format!("{}: {calls}, {}", count(self.calls + polls, "exchange"), count(polls, "poll")),
        };
        let mut words = vec![format!("{} in calls", span(self.working_ms))];
        let waits = [(self.gate_wait_ms, "at the gate"), (self.back_off_ms, "of back-off")];
        words.extend(waits.iter().filter(|(ms, _)| *ms > 0).map(|(ms, what)| format!("{} {what}", span(*ms))));
        if self.resumed > 0 {
            words.push(format!(
                "taken up again {}, after {} without a record",
                times(self.resumed),
                span(self.away_ms)
            ));
        }
        (exchanges, words)
    }
}

fn times(number: u64) -> String {
    if number == 1 { "once".into() } else { format!("{number} times") }
}
