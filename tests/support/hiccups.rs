//! What the machine itself is late by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the watch sleeps at a time.
const NAP: Duration = Duration::from_millis(5);
/// Of less than this nothing is made: it is what a scheduler takes.
const NOTICED: Duration = Duration::from_millis(40);

/// A watch over the machine. What is to hold to 250 ms does so on a machine that goes on; where all of it stands still meanwhile (a
/// virtual one that gets no processor, a disk that everybody waits for), that time is not the worker's doing, and is added.
pub(crate) struct Hiccups(Arc<Mutex<Seen>>);

struct Seen {
    total: Duration,
    awake_at: Instant,
}

impl Hiccups {
    /// From now on, in a thread of its own.
    pub(crate) fn watch() -> Self {
        let seen = Arc::new(Mutex::new(Seen { total: Duration::ZERO, awake_at: Instant::now() }));
        let watched = Arc::downgrade(&seen);
        std::thread::spawn(move || {
            while let Some(seen) = watched.upgrade() {
                lock(&seen).wake();
                drop(seen);
                std::thread::sleep(NAP);
            }
        });
        Self(seen)
    }

    /// How long the machine stood still since the watch began, in all.
    pub(crate) fn total(&self) -> Duration {
        let mut seen = lock(&self.0);
        seen.wake();
        seen.total
    }
}

impl Seen {
    fn wake(&mut self) {
        let late = self.awake_at.elapsed().saturating_sub(NAP);
        if late >= NOTICED {
            self.total += late;
        }
        self.awake_at = Instant::now();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
