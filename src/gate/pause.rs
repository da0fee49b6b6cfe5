//! The time in which a tenant that said 429 is left alone.

use std::time::Duration;

use super::clock::{Nanos, nanos};

/// Until when nobody is let through. Only ever moves on: of pauses that overlap, the later end counts.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Nanos,
}

impl Pause {
    /// Leaves the tenant alone for at least `at_least`, however long that is; what does not fit the clock is taken as for ever.
    pub(super) fn hold(&mut self, now: Nanos, at_least: Duration) {
        self.until = self.until.max(now.saturating_add(nanos(at_least)));
    }

    /// When the pause ends, where there is one.
    pub(super) fn end(&self, now: Nanos) -> Option<Nanos> {
        (self.until > now).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_and_shorter_pause_shortens_nothing() {
        let mut pause = Pause::default();
        assert_eq!(pause.end(0), None);
        pause.hold(10, Duration::from_nanos(100));
        pause.hold(20, Duration::from_nanos(50));
        assert_eq!((pause.end(109), pause.end(110)), (Some(110), None));
        pause.hold(60, Duration::from_nanos(100));
        assert_eq!(pause.end(110), Some(160), "of overlapping pauses the later end counts");
    }

    #[test]
    fn the_longest_pause_does_not_overflow() {
        let mut pause = Pause::default();
        pause.hold(Nanos::MAX - 1, Duration::MAX);
        assert_eq!(pause.end(Nanos::MAX - 1), Some(Nanos::MAX));
    }
}
