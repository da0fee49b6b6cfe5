//! One limit's limiter, and the exact instant from which it lets the next request through.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::clock::{Frozen, Nanos};
use super::limit::Pace;

/// governor reckons in 64 bits of nanoseconds without a look at overflow. A burst that takes longer than this to fill up
/// again (100 years) is cut, which never lets more through.
const LONGEST_REFILL: Nanos = 100 * 366 * 24 * 60 * 60 * 1_000_000_000;

/// A governor limiter on a clock that its owner sets.
pub(super) struct Window {
    limiter: RateLimiter<NotKeyed, InMemoryState, Frozen, StateInformationMiddleware>,
    ready_at: Nanos,
}

impl Window {
    /// A window that is ready at once. `clock` has to stand at zero: governor counts from where it finds it.
    pub(super) fn new(pace: Pace, clock: Frozen) -> Self {
        let most = u32::try_from(LONGEST_REFILL / pace.interval).unwrap_or(u32::MAX);
        let burst = NonZeroU32::new(pace.burst.min(most)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_nanos(pace.interval))
            .expect("a pace's interval is at least a nanosecond")
            .allow_burst(burst);
        Self { limiter: RateLimiter::direct_with_clock(quota, clock).with_middleware(), ready_at: 0 }
    }

    /// The first instant at which [`take`](Self::take) succeeds.
    pub(super) fn ready_at(&self) -> Nanos {
        self.ready_at
    }

    /// Takes a cell at the instant `now`, where the clock stands. A refusal takes nothing.
    pub(super) fn take(&mut self, now: Nanos) -> Result<(), Nanos> {
        match self.limiter.check() {
            Ok(left) if left.remaining_burst_capacity() > 0 => {
                self.ready_at = now;
                Ok(())
            }
            Ok(_) => {
                // Nothing is left at this instant, so asking again takes nothing and tells when there will be.
                self.ready_at =
                    self.limiter.check().map_or_else(|refusal| refusal.earliest_possible().as_u64(), |_| now);
                Ok(())
            }
            Err(refusal) => {
                self.ready_at = refusal.earliest_possible().as_u64();
                Err(self.ready_at)
            }
        }
    }
}
