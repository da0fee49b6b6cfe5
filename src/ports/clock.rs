//! Time of day and chance, as parameters: the only place where the crate asks the machine for either.
//! (Durations are measured with tokio's own monotonic clock, which tests can pause.)

use std::time::Duration;

use jiff::Timestamp;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// Chance, for jitter.
pub trait Dice: Send + Sync {
    /// A duration drawn uniformly from zero to `most`, both included.
    fn up_to(&self, most: Duration) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The machine's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDice;

impl Dice for SystemDice {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    fn up_to(&self, most: Duration) -> Duration {
        most.mul_f64(rand::random_range(0.0..=1.0))
    }
}
