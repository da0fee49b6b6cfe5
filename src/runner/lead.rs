//! How long it takes of late until an intent is journaled: what the gate has to hand a permit out ahead of its time, so that a slow
//! disk costs a run some time and the tenant no quota.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many intents are remembered.
const REMEMBERED: usize = 32;
/// So many of them may have taken longer than the lead: a hiccup is none.
const SLOWER: usize = 3;
/// Longer than this an intent is not ahead of its call, however slow the journal is: were the worker to die in between, nobody could
/// tell whether the call was made.
const LONGEST: Duration = Duration::from_secs(1);

/// Shared by all runs of a worker.
#[derive(Default)]
pub(super) struct Lead {
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    took: [Duration; REMEMBERED],
    next: usize,
}

impl Lead {
    /// What the next intent is given: as long as all but a few took. Nothing as long as little is known.
    pub(super) fn expected(&self) -> Duration {
        let mut took = self.lock().took;
        took.sort_unstable();
        took[REMEMBERED - 1 - SLOWER].min(LONGEST)
    }

    /// An intent took so long.
    pub(super) fn took(&self, took: Duration) {
        let mut latest = self.lock();
        let place = latest.next;
        latest.took[place] = took;
        latest.next = (place + 1) % REMEMBERED;
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        // No change can be left half done.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_is_what_all_but_a_few_have_taken_and_a_hiccup_is_none() {
        let lead = Lead::default();
        assert_eq!(lead.expected(), Duration::ZERO);
        (0..3).for_each(|_| lead.took(900 * MS));
        assert_eq!(lead.expected(), Duration::ZERO, "three of them are not the rule");
        lead.took(30 * MS);
        assert_eq!(lead.expected(), 30 * MS);
        (0..100).for_each(|n| lead.took((n % 10) * MS));
        assert_eq!(lead.expected(), 9 * MS, "what was long ago is forgotten");
        (0..4).for_each(|_| lead.took(60_000 * MS));
        assert_eq!(lead.expected(), LONGEST);
    }
}
