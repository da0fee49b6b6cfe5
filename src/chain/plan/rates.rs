//! What a tenant's limits make of the requests of a run.

use std::time::Duration;

use serde::Serialize;

use super::super::ids::ActionId;
use super::calls::Calls;
use super::stage::{Exchange, Stage, Task};
use super::terms::{Terms, Window};

/// How many runs all workers together can make in the long run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rates {
    /// The tenant's limits, all of which hold at once.
    pub limits: Vec<Window>,
    /// Requests a minute, as the slowest of them has it.
    pub requests_per_minute: f64,
    /// Runs a minute when every step succeeds at once.
    pub runs_per_minute: f64,
    /// Runs a minute when each of them makes as many requests as it can.
    pub runs_per_minute_at_worst: f64,
    /// The action whose own limits are the narrowest when every step succeeds at once; `None`: the tenant's are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrowest: Option<ActionId>,
}

impl Rates {
    pub(super) fn of(stages: &[Stage], calls: Calls, terms: &Terms) -> Self {
        let requests = per_minute(&terms.windows);
        let (mut runs, mut at_worst) = (requests / share(calls.smooth), requests / share(calls.most));
        let mut narrowest = None;
        for (action, windows) in terms.actions.iter().filter(|(_, windows)| !windows.is_empty()) {
            let own = per_minute(windows);
            let (smooth, most) = made(stages, action);
            if most > 0 {
                at_worst = at_worst.min(own / share(most));
            }
            if smooth > 0 && own / share(smooth) < runs {
                runs = own / share(smooth);
                narrowest = Some(action.clone());
            }
        }
        Self {
            limits: terms.windows.clone(),
            requests_per_minute: rounded(requests),
            runs_per_minute: rounded(runs),
            runs_per_minute_at_worst: rounded(at_worst),
            narrowest,
        }
    }
}

/// How often `action` is called in a run in which every step succeeds at once, and how often at most.
fn made(stages: &[Stage], action: &ActionId) -> (u32, u32) {
    let attempts = |call: &Exchange| if call.action_id == *action { call.attempts } else { 0 };
    let mut made = (0_u32, 0_u32);
    for stage in stages {
        let (smooth, most) = match &stage.task {
            Task::Call(call) => (u32::from(call.action_id == *action), attempts(call)),
            Task::Chain { steps, .. } => self::made(steps, action),
        };
        let fallback = stage.fallback_call().map_or(0, attempts);
        made = (made.0.saturating_add(smooth), made.1.saturating_add(most).saturating_add(fallback));
    }
    made
}

fn share(calls: u32) -> f64 {
    f64::from(calls.max(1))
}

/// What the slowest of `windows` lets through in a minute.
fn per_minute(windows: &[Window]) -> f64 {
    let interval = windows.iter().map(|window| window.interval).max().unwrap_or_default();
    60.0 / interval.max(Duration::from_nanos(1)).as_secs_f64()
}

/// To two digits behind the point.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
