//! How long it takes of late until an intent is journaled: what the gate has to hand a permit out ahead of its time, so that a slow
//! disk costs a run some time and the tenant no quota.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many intents are remembered.
const REMEMBERED: usize = 32;
/// Of so many, one may have taken longer than the lead: a hiccup is none.
const OF_THESE_ONE: usize = 10;
/// So many times as long as they took: who is early waits for a moment, who is late has lost a permit.
const MARGIN: u32 = 2;
/// Longer than this an intent is not ahead of its call, however slow the journal is: were the worker to die in between, nobody could
/// tell whether the call was made.
const LONGEST: Duration = Duration::from_secs(1);

/// Shared by all runs of a worker.
#[derive(Default)]
pub(super) struct Lead {
    latest: Mutex<VecDeque<Duration>>,
}

impl Lead {
    /// What the next intent is given: twice as long as all but a few took.
    pub(super) fn expected(&self) -> Duration {
        let mut took = Vec::from_iter(self.lock().iter().copied());
        took.sort_unstable();
        let slower = took.len() / OF_THESE_ONE;
        took.iter().nth_back(slower).map_or(Duration::ZERO, |took| (*took * MARGIN).min(LONGEST))
    }

    /// An intent took so long.
    pub(super) fn took(&self, took: Duration) {
        let mut latest = self.lock();
        if latest.len() == REMEMBERED {
            latest.pop_front();
        }
        latest.push_back(took);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Duration>> {
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
        lead.took(30 * MS);
        assert_eq!(lead.expected(), 60 * MS, "all that is known");
        (0..31).for_each(|n| lead.took((n % 10) * MS));
        lead.took(900 * MS);
        lead.took(900 * MS);
        assert_eq!(lead.expected(), 18 * MS, "what was long ago is forgotten, and two are not the rule");
        (0..4).for_each(|_| lead.took(60_000 * MS));
        assert_eq!(lead.expected(), LONGEST);
    }
}
