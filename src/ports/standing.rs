//! How the parts of a worker stand: written by whoever owns a part, read by whoever asks. Neither waits for the other, and
//! reading asks nobody outside of this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Clock, SystemClock};
use crate::chain::stamp::Millis;

/// How one part stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<S> {
    /// How.
    pub state: S,
    /// Since when.
    pub since: Millis,
    /// What went wrong last, also when that is over. Quotes no secret and no payload.
    pub last_error: Option<(Millis, String)>,
}

/// Where an owner writes how its part stands. Clones are the same report.
#[derive(Debug)]
pub struct Report<S>(Arc<Mutex<Standing<S>>>);

impl<S> Clone for Report<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Default> Default for Report<S> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Standing { state: S::default(), since: now(), last_error: None })))
    }
}

impl<S: Clone + PartialEq> Report<S> {
    /// From now on it stands so. Since when it has stood so before stays.
    pub fn set(&self, state: S) {
        let mut standing = self.lock();
        if standing.state != state {
            (standing.state, standing.since) = (state, now());
        }
    }

    /// Something went wrong.
    pub fn trouble(&self, what: impl Into<String>) {
        self.lock().last_error = Some((now(), what.into()));
    }

    /// Something went wrong, and so it stands now.
    pub fn fail(&self, state: S, what: impl Into<String>) {
        self.trouble(what);
        self.set(state);
    }

    /// How it stands now.
    #[must_use]
    pub fn standing(&self) -> Standing<S> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Standing<S>> {
        // No change can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> Millis {
    Millis::of(SystemClock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_outlives_the_state_that_it_led_to() {
        let report = Report::<bool>::default();
        report.fail(true, "lost");
        let failed = report.standing();
        report.set(true);
        assert_eq!(report.standing(), failed, "nothing has changed");
        report.set(false);
        assert_eq!((report.standing().state, report.standing().last_error), (false, failed.last_error));
    }
}
