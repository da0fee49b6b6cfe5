//! How long a permit is held, as the last ones were: what tells how fast places under `max_concurrent` become free.

use super::clock::Nanos;

/// As long as nothing is known: one second.
const AT_FIRST: Nanos = 1_000_000_000;
/// How much of the estimate one more permit is: an eighth.
const WEIGHT: Nanos = 8;

/// The usual time between a grant and the end of its request: a moving average.
#[derive(Debug)]
pub(super) struct Tenure(Nanos);

impl Default for Tenure {
    fn default() -> Self {
        Self(AT_FIRST)
    }
}

impl Tenure {
    /// A permit was held so long.
    pub(super) fn saw(&mut self, held: Nanos) {
        self.0 = self.0 - self.0 / WEIGHT + held / WEIGHT;
    }

    pub(super) fn usual(&self) -> Nanos {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_follows_what_is_seen_and_does_not_overflow() {
        let mut tenure = Tenure::default();
        assert_eq!(tenure.usual(), AT_FIRST);
        for _ in 0..50 {
            tenure.saw(200_000_000);
        }
        assert!((200_000_000..202_000_000).contains(&tenure.usual()), "{}", tenure.usual());
        for _ in 0..500 {
            tenure.saw(Nanos::MAX);
        }
        assert!(tenure.usual() > Nanos::MAX / 2);
    }
}
