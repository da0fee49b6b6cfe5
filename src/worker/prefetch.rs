//! How many messages a queue's consumer takes at most where nobody says: `prefetch = "auto"`.

use std::time::Duration;

/// The work in hand is what the tenant's limits finish in this time, at one call a message. Enough to make use of all of the
/// quota as long as a call with all that belongs to it takes less than this.
const WORTH: Duration = Duration::from_secs(10);
/// A chain that backs off or publishes its result shall not leave the gate idle.
const FEWEST: u128 = 4;
/// As many as may be configured.
const MOST: u128 = 2000;

/// The prefetch for a tenant that lets one call through every `interval` (zero: no limit), and `max_concurrent` at once.
///
/// With all places in use there is as much again, so that each has a successor in hand.
#[must_use]
pub fn auto_prefetch(interval: Duration, max_concurrent: usize) -> u16 {
    let by_limits = WORTH.as_nanos().checked_div(interval.as_nanos()).map_or(MOST, |calls| calls + 1);
    let by_places = u128::try_from(max_concurrent).unwrap_or(MOST).saturating_mul(2);
    u16::try_from(by_limits.min(by_places).clamp(FEWEST, MOST)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_limits_finish_in_seconds_and_no_more_than_places_can_use() {
        let table = [
            // (interval in ms, max_concurrent, expected)
            (113, 50, 89),
            (660, 50, 16),
            (113, 20, 40),
            (60_000, 50, 4),
            (60_000, 1, 4),
            (1, 10_000, 2000),
            (1, 50, 100),
            (0, 50, 100),
            (0, usize::MAX, 2000),
        ];
        for (interval, max_concurrent, expected) in table {
            let prefetch = auto_prefetch(Duration::from_millis(interval), max_concurrent);
            assert_eq!(prefetch, expected, "every {interval} ms, {max_concurrent} at once");
        }
        assert_eq!(auto_prefetch(Duration::MAX, 50), 4);
    }
}
