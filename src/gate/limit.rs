//! One of a tenant's limits, and what it means for one worker's limiter.

use std::time::Duration;

use super::clock::{Nanos, nanos};

/// At most `limit` requests in every closed window of `per`, up to `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    limit: u32,
    per: Duration,
    burst: u32,
}

/// Why three numbers are no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// `limit` is zero.
    #[error("limit must be at least 1")]
    Limit,
    /// `burst` is zero or above `limit`.
    #[error("burst must be from 1 to the limit, {limit}")]
    Burst {
        /// The limit that it was given with.
        limit: u32,
    },
    /// `per` is out of bounds.
    #[error("per must be from 1 ms to 366 days")]
    Per,
}

/// How one worker's limiter is set up for a limit: `burst` cells at once, then one every `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// At least 1.
    pub(super) interval: Nanos,
    /// At least 1.
    pub(super) burst: u32,
}

impl Limit {
    /// The shortest window.
    pub const PER_MIN: Duration = Duration::from_millis(1);
    /// The longest window: 366 days.
    pub const PER_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// Checks the bounds: `limit` ≥ 1, `burst` from 1 to `limit`, `per` from [`PER_MIN`](Self::PER_MIN) to
    /// [`PER_MAX`](Self::PER_MAX).
    ///
    /// The larger the burst, the lower the lasting rate: it is `limit - burst + 1` requests in `per`. A burst as large as the
    /// limit leaves one request in `per` after the burst.
    ///
    /// # Errors
    /// [`LimitError`] names the first number that is out of bounds.
    pub fn new(limit: u32, per: Duration, burst: u32) -> Result<Self, LimitError> {
        if limit == 0 {
            return Err(LimitError::Limit);
        }
        if burst == 0 || burst > limit {
            return Err(LimitError::Burst { limit });
        }
        if per < Self::PER_MIN || per > Self::PER_MAX {
            return Err(LimitError::Per);
        }
        Ok(Self { limit, per, burst })
    }

    /// Requests in every window.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The window's length.
    #[must_use]
    pub fn per(&self) -> Duration {
        self.per
    }

    /// Requests at once after a rest.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// The time between two requests of a worker that is alone and uses each grant within `slack`, once its burst is used up.
    #[must_use]
    pub fn interval(&self, slack: Duration) -> Duration {
        Duration::from_nanos(self.pace(nanos(slack), 1).interval)
    }

    /// The pace of one of `workers` workers that know nothing of each other, where every use follows its grant within `slack`.
    ///
    /// A worker's share is `limit / workers` with a burst of `burst / workers`, each at least 1. So all together hold the
    /// limit whenever `workers` ≤ `limit`; more workers than that may each make one request in a window.
    ///
    /// A limiter of interval `T` and burst `b` grants at most `b + ⌊W/T⌋` in a closed window of `W`. Uses within `per` come from
    /// grants within `per + slack`, so `T` has to be *longer* than `(per + slack) / (limit - b + 1)`: hence the `+ 1`.
    pub(super) fn pace(&self, slack: Nanos, workers: u32) -> Pace {
        let workers = workers.max(1);
        let limit = (self.limit / workers).max(1);
        let burst = (self.burst / workers).max(1);
        let span = nanos(self.per).saturating_add(slack);
        Pace { interval: span / Nanos::from(limit - burst + 1) + 1, burst }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_bound_is_held() {
        assert_eq!(Limit::new(0, SECOND, 0), Err(LimitError::Limit));
        assert_eq!(Limit::new(10, SECOND, 0), Err(LimitError::Burst { limit: 10 }));
        assert_eq!(Limit::new(10, SECOND, 11), Err(LimitError::Burst { limit: 10 }));
        assert_eq!(Limit::new(10, Limit::PER_MIN / 2, 1), Err(LimitError::Per));
        assert_eq!(Limit::new(10, Limit::PER_MAX + SECOND, 1), Err(LimitError::Per));
        let limit = Limit::new(10, SECOND, 10).unwrap();
        assert_eq!((limit.limit(), limit.per(), limit.burst()), (10, SECOND, 10));
    }

    #[test]
    fn a_pace_is_strictly_slower_than_the_even_split() {
        let pace = |limit, burst, slack, workers| {
            let pace = Limit::new(limit, SECOND, burst).unwrap().pace(slack, workers);
            (pace.interval, pace.burst)
        };
        assert_eq!(pace(10, 2, 20_000_000, 1), (1_020_000_000 / 9 + 1, 2));
        let interval = Limit::new(10, SECOND, 2).unwrap().interval(Duration::from_millis(20));
        assert_eq!(interval, Duration::from_nanos(1_020_000_000 / 9 + 1));
        assert_eq!(pace(10, 10, 0, 1), (1_000_000_001, 10));
        assert_eq!(pace(10, 1, 0, 0), (100_000_001, 1), "no worker is one worker");
        assert_eq!(pace(10, 2, 0, 4), (500_000_001, 1), "a share of 2 in the window, 1 at once");
        assert_eq!(pace(100, 10, 0, 4), (1_000_000_000 / 24 + 1, 2));
        assert_eq!(pace(3, 3, 0, 8), (1_000_000_001, 1), "more workers than requests: one each");
    }
}
