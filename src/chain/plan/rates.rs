//! What a tenant's limits make of the requests of a run.

use std::time::Duration;

use serde::Serialize;

use super::calls::Calls;
use super::terms::{Terms, Window};

/// How many runs one worker can make in the long run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rates {
    /// The limits, all of which hold at once.
    pub limits: Vec<Window>,
    /// Requests a minute, as the slowest window has it.
    pub requests_per_minute: f64,
    /// Runs a minute when every step succeeds at once.
    pub runs_per_minute: f64,
    /// Runs a minute when each of them makes as many requests as it can.
    pub runs_per_minute_at_worst: f64,
}

impl Rates {
    pub(super) fn of(calls: Calls, terms: &Terms) -> Self {
        let interval = terms.windows.iter().map(|window| window.interval).max().unwrap_or_default();
        let requests = Duration::from_secs(60).as_secs_f64() / interval.max(Duration::from_nanos(1)).as_secs_f64();
        let runs = |calls: u32| rounded(requests / f64::from(calls.max(1)));
        Self {
            limits: terms.windows.clone(),
            requests_per_minute: rounded(requests),
            runs_per_minute: runs(calls.smooth),
            runs_per_minute_at_worst: runs(calls.most),
        }
    }
}

/// To two digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
