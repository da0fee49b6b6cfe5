//! The two clocks of a run (4.4 of the contract).

use std::time::Duration;

use tokio::time::Instant;

/// A step's own clock: it covers attempts, back-off and the token, and stands still while the gate holds the step back.
#[derive(Debug)]
pub(super) struct StepClock {
    limit: Duration,
    spent: Duration,
    waited: Duration,
    since: Instant,
    at_gate: bool,
}

impl StepClock {
    /// A clock that goes on from what is recorded.
    pub(super) fn resume(limit: Duration, spent_ms: u64, gate_wait_ms: u64) -> Self {
        Self {
            limit,
            spent: Duration::from_millis(spent_ms),
            waited: Duration::from_millis(gate_wait_ms),
            since: Instant::now(),
            at_gate: false,
        }
    }

    /// The step waits at the gate from now on.
    pub(super) fn enter_gate(&mut self) {
        self.settle();
        self.at_gate = true;
    }

    /// The gate has let the step through.
    pub(super) fn leave_gate(&mut self) {
        self.settle();
        self.at_gate = false;
    }

    fn settle(&mut self) {
        let now = Instant::now();
        let span = now - self.since;
        if self.at_gate {
            self.waited += span;
        } else {
            self.spent += span;
        }
        self.since = now;
    }

    /// The step clock so far.
    pub(super) fn spent(&mut self) -> Duration {
        self.settle();
        self.spent
    }

    /// What the step waited at the gate so far.
    pub(super) fn waited(&mut self) -> Duration {
        self.settle();
        self.waited
    }

    /// When the step's time is over, or was, if the gate does not hold it again. The same instant whenever it is asked for
    /// between two waits at the gate, so that what comes after it is late.
    pub(super) fn deadline(&mut self) -> Instant {
        let spent = self.spent();
        match self.limit.checked_sub(spent) {
            Some(left) => self.since + left,
            None => self.since.checked_sub(spent - self.limit).unwrap_or(self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_step_clock_stands_still_at_the_gate() {
        let mut clock = StepClock::resume(Duration::from_secs(5), 1_000, 500);
        tokio::time::advance(Duration::from_secs(1)).await;
        clock.enter_gate();
        tokio::time::advance(Duration::from_secs(100)).await;
        clock.leave_gate();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.spent(), Duration::from_secs(3));
        assert_eq!(clock.waited(), Duration::from_millis(100_500));
        assert_eq!(clock.deadline() - Instant::now(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_past_does_not_come_along() {
        let mut clock = StepClock::resume(Duration::from_secs(5), 1_000, 0);
        let deadline = clock.deadline();
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(3)).await;
            assert_eq!(clock.deadline(), deadline);
        }
        assert!(clock.deadline() < Instant::now());
    }
}
