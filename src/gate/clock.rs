//! The instant at which governor is asked. It stands still until the windows' owner moves it, so that all windows are asked
//! about the same instant, and a second question gets an answer about the same instant as the first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;

/// Nanoseconds since the gate was made; reaches 584 years.
pub(super) type Nanos = u64;

/// `duration` in nanoseconds; what does not fit is taken as the most that does.
pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// A clock that stands at the instant last set; at zero to begin with. Clones stand together.
#[derive(Debug, Clone, Default)]
pub(super) struct Frozen(Arc<AtomicU64>);

impl Frozen {
    pub(super) fn set(&self, now: Nanos) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Clock for Frozen {
    type Instant = governor::nanos::Nanos;

    fn now(&self) -> Self::Instant {
        self.0.load(Ordering::Relaxed).into()
    }
}
