//! The two clocks of a run (4.4 of the contract).

use std::time::Duration;

use tokio::time::Instant;

/// A step's own clock: it covers attempts, back-off and the token, and stands still while the gate holds the step back, or the
/// journal does.
#[derive(Debug)]
pub(super) struct StepClock {
    limit: Duration,
    spent: Duration,
    waited: Duration,
    since: Instant,
    pace: Pace,
}

/// What the time that goes by is.
#[derive(Debug, Clone, Copy)]
enum Pace {
    Spent,
    AtGate,
    Held,
}

impl StepClock {
    /// A clock that goes on from what is recorded.
    pub(super) fn resume(limit: Duration, spent_ms: u64, gate_wait_ms: u64) -> Self {
        Self {
            limit,
            spent: Duration::from_millis(spent_ms),
            waited: Duration::from_millis(gate_wait_ms),
            since: Instant::now(),
            pace: Pace::Spent,
        }
    }

    /// The step waits at the gate from now on.
    pub(super) fn enter_gate(&mut self) {
        self.turn(Pace::AtGate);
    }

    /// The step waits for the journal from now on.
    pub(super) fn hold(&mut self) {
        self.turn(Pace::Held);
    }

    /// Nothing holds the step back any more.
    pub(super) fn go_on(&mut self) {
        self.turn(Pace::Spent);
    }

    fn turn(&mut self, pace: Pace) {
        self.settle();
        self.pace = pace;
    }

    fn settle(&mut self) {
        let now = Instant::now();
        let span = now - self.since;
        match self.pace {
            Pace::Spent => self.spent += span,
            Pace::AtGate => self.waited += span,
            Pace::Held => {}
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
    /// between two waits at the gate or for the journal, so that what comes after it is late.
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
    async fn the_step_clock_stands_still_at_the_gate_and_while_the_journal_writes() {
        let mut clock = StepClock::resume(Duration::from_secs(5), 1_000, 500);
        tokio::time::advance(Duration::from_secs(1)).await;
        clock.enter_gate();
        tokio::time::advance(Duration::from_secs(100)).await;
        clock.go_on();
        tokio::time::advance(Duration::from_secs(1)).await;
        clock.hold();
        tokio::time::advance(Duration::from_secs(50)).await;
        clock.go_on();
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
