//! Points in time as they are published: RFC 3339, UTC, always three decimals.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(i64);

impl Millis {
    /// 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(0);

    /// The time as journaled and published, cut to whole milliseconds.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(time.as_millisecond())
    }

    /// The time that was so many milliseconds after 1970.
    #[must_use]
    pub fn from_epoch(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970, for AMQP's and other clocks.
    #[must_use]
    pub fn since_epoch(self) -> i64 {
        self.0
    }

    /// That much later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// That much earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::of)
    }
}

/// A duration as published: whole milliseconds.
#[must_use]
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_decimals_even_when_they_are_zero() {
        assert_eq!(Millis(1_700_000_000_000).to_string(), "2023-11-14T22:13:20.000Z");
        assert_eq!(Millis(1_700_000_000_007).to_string(), "2023-11-14T22:13:20.007Z");
    }

    #[test]
    fn a_time_survives_the_round_trip() {
        let time = Millis(1_700_000_000_120);
        let text = serde_json::to_string(&time).unwrap();
        assert_eq!(serde_json::from_str::<Millis>(&text).unwrap(), time);
    }
}
