//! For tests: counts requests in windows, knowing nothing of how the gate works.

use super::clock::{Nanos, nanos};
use super::limit::Limit;

/// Panics if more than `limit` of `uses` lie in a closed window of `per`. A fullest window can be moved until it begins with a
/// use, so only those are looked at.
pub(super) fn holds(limit: &Limit, uses: &[Nanos]) {
    let mut uses = uses.to_vec();
    uses.sort_unstable();
    let mut end = 0;
    for (first, &begin) in uses.iter().enumerate() {
        while end < uses.len() && uses[end] - begin <= nanos(limit.per()) {
            end += 1;
        }
        let seen = end - first;
        assert!(seen <= limit.limit() as usize, "{seen} uses in the window that begins at {begin} ns, under {limit:?}");
    }
}

#[test]
fn the_judge_counts_both_ends_of_a_window() {
    let limit = Limit::new(2, std::time::Duration::from_millis(1), 1).unwrap();
    holds(&limit, &[0, 1_000_001, 500_000]);
    let over = std::panic::catch_unwind(|| holds(&limit, &[0, 1_000_000, 500_000]));
    assert!(over.is_err());
}
