//! The runs in hand in this process, begun or not, and the deliveries that wait for each. A run whose connection broke goes on; the
//! redelivery of its message joins it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::chain::RunId;
use crate::ports::{Receipt, RunAge, RunKey};

#[derive(Default)]
pub(super) struct Registry {
    live: Mutex<HashMap<RunKey, LiveRun>>,
    births: AtomicU64,
}

pub(super) struct LiveRun {
    pub(super) definition_hash: String,
    /// The worker gave it its id.
    pub(super) assigned: bool,
    /// The journal was asked: the run id is not another definition's.
    sure: bool,
    pub(super) receipts: Vec<Box<dyn Receipt>>,
}

/// What became of a delivery.
pub(super) enum Registered {
    /// Its run is new here: the caller sees to it.
    New(RunAge),
    /// Its run is alive here: it is settled with it.
    Joined,
    /// Its run id belongs to a live run of another definition.
    Conflict(Box<dyn Receipt>),
    /// Its run id belongs to a live run of another definition, if the journal agrees.
    Doubtful(Box<dyn Receipt>),
}

impl Registry {
    pub(super) fn register(
        &self,
        key: &RunKey,
        definition_hash: &str,
        assigned: bool,
        receipt: Box<dyn Receipt>,
    ) -> Registered {
        let mut live = self.lock();
        match live.get_mut(key) {
            Some(run) if run.definition_hash != definition_hash && run.sure => Registered::Conflict(receipt),
            Some(run) if run.definition_hash != definition_hash => Registered::Doubtful(receipt),
            Some(run) => {
                // Those of lost channels settle nothing any more, and each holds a whole message: over an outage with many
                // reconnects they would pile up.
                run.receipts.retain(|earlier| earlier.is_usable());
                run.receipts.push(receipt);
                Registered::Joined
            }
            None => {
                let definition_hash = definition_hash.into();
                let run = LiveRun { definition_hash, assigned, sure: false, receipts: vec![receipt] };
                live.insert(key.clone(), run);
                Registered::New(self.birth())
            }
        }
    }

    /// A run that is driven without a message, unless it is in hand already. A delivery that comes meanwhile joins it.
    pub(super) fn register_without(&self, key: &RunKey, definition_hash: &str, assigned: bool) -> Option<RunAge> {
        match self.lock().entry(key.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                let definition_hash = definition_hash.into();
                place.insert(LiveRun { definition_hash, assigned, sure: true, receipts: Vec::new() });
                Some(self.birth())
            }
        }
    }

    /// The journal has no log of another definition under this id.
    pub(super) fn confirm(&self, key: &RunKey) {
        if let Some(run) = self.lock().get_mut(key) {
            run.sure = true;
        }
    }

    fn birth(&self) -> RunAge {
        RunAge(self.births.fetch_add(1, Ordering::Relaxed))
    }

    /// A live run of this queue and definition that the worker named itself, and whose deliveries are all lost with their
    /// channel: the redelivery of a message without an id is one of those.
    pub(super) fn find_orphan(&self, queue: &str, definition_hash: &str) -> Option<RunId> {
        let live = self.lock();
        let orphan = live.iter().find(|(key, run)| {
            let lost = run.receipts.iter().all(|receipt| !receipt.is_usable());
            run.assigned && lost && &*key.queue == queue && run.definition_hash == definition_hash
        });
        orphan.map(|(key, _)| key.run_id.clone())
    }

    /// Whether a live run that the worker named itself is one of this queue and definition.
    pub(super) fn has_assigned(&self, queue: &str, definition_hash: &str) -> bool {
        let live = self.lock();
        live.iter().any(|(key, run)| run.assigned && &*key.queue == queue && run.definition_hash == definition_hash)
    }

    pub(super) fn is_live(&self, key: &RunKey) -> bool {
        self.lock().contains_key(key)
    }

    /// Whether a channel that brought the run's message still stands.
    pub(super) fn is_usable(&self, key: &RunKey) -> bool {
        self.lock().get(key).is_some_and(|run| run.receipts.iter().any(|receipt| receipt.is_usable()))
    }

    /// The run is over here; its deliveries are the caller's to settle. A delivery that comes after this finds the journal.
    pub(super) fn finish(&self, key: &RunKey) -> Option<LiveRun> {
        self.lock().remove(key)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunKey, LiveRun>> {
        // No change of the map can be left half done.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
