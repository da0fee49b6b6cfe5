//! From deliveries to settled messages: takes them in, rejects what is no chain, lets runs begin as the tenants' gates can serve
//! them, keeps the registry of what is in hand, ends runs whose message does not come again, and drains.
//!
//! Called by `app`. Invariants: a run is driven once in this process, however often its message is delivered; a message is
//! settled by value, once, and acknowledged only after everything that it led to is confirmed; runs outlive the connection
//! that brought them.

mod admission;
mod door;
mod doubt;
mod echoes;
mod intake;
mod prefetch;
mod reaper;
mod reconsider;
mod registry;
mod reject;
mod run;
#[cfg(test)]
mod tests;
mod threshold;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::chain::TenantName;
use crate::chain::check::Catalogue;
use crate::chain::log::Author;
use crate::ports::Inbox;
use crate::runner::{self, Ports, Runner};
use door::Door;
use echoes::Echoes;
pub use prefetch::auto_prefetch;
use registry::Registry;
use threshold::Threshold;

/// What the worker knows besides its ports.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who writes rejections.
    pub author: Author,
    /// What a chain may name.
    pub catalogue: Catalogue,
    /// The tenant of each work queue.
    pub queue_tenants: BTreeMap<String, TenantName>,
    /// `worker.max_message_bytes`.
    pub max_message_bytes: usize,
    /// How many deliveries the broker hands out at most: the prefetch of all queues together.
    pub most_in_hand: usize,
    /// Names that a reply never goes to: everything that is configured.
    pub reserved: BTreeSet<String>,
    /// `worker.drain_timeout`.
    pub drain_timeout: Duration,
    /// How long a connection may be dead before it is found to be.
    pub dead_for: Duration,
}

/// How the worker's life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every run in hand was finished, or handed back where another worker can go on with it.
    Clean,
    /// The drain timeout was over first.
    CutShort {
        /// Runs that were left in the middle.
        runs: usize,
    },
}

/// Takes deliveries in and drives their runs.
pub struct Worker {
    shared: Arc<Shared>,
    hand_back: watch::Sender<bool>,
}

/// Counts the runs in hand.
pub struct Census(Arc<Shared>);

impl Census {
    /// How many there are now.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.0.registry.len()
    }
}

/// What every run's task needs.
struct Shared {
    runner: Runner,
    ports: Ports,
    settings: Settings,
    registry: Registry,
    threshold: Arc<Threshold>,
    door: Door,
    echoes: Echoes,
    /// Held while a run is looked for and claimed: between the two it is neither free nor in hand, and a message without an id
    /// would not find it.
    finding: Mutex<()>,
    tasks: TaskTracker,
    hand_back: watch::Receiver<bool>,
}

impl Worker {
    /// A worker over these ports.
    #[must_use]
    pub fn new(ports: Ports, runner: runner::Settings, settings: Settings) -> Self {
        let (sender, hand_back) = watch::channel(false);
        let threshold = Arc::new(Threshold::new(ports.gate.clone()));
        let ports = Ports { gate: threshold.clone(), ..ports };
        let shared = Shared {
            runner: Runner::new(ports.clone(), runner),
            ports,
            registry: Registry::default(),
            threshold,
            door: Door::default(),
            echoes: Echoes::new(settings.dead_for),
            finding: Mutex::default(),
            tasks: TaskTracker::new(),
            hand_back,
            settings,
        };
        Self { shared: Arc::new(shared), hand_back: sender }
    }

    /// Counts the runs in hand, for whoever wants to know.
    #[must_use]
    pub fn census(&self) -> Census {
        Census(self.shared.clone())
    }

    /// Works until `stop` (which has to end the inbox, too), then drains.
    pub async fn run(self, inbox: &mut impl Inbox, stop: CancellationToken) -> Drained {
        self.shared.tasks.spawn(door::keep(self.shared.clone()));
        self.shared.tasks.spawn(reaper::keep(self.shared.clone()));
        // The drain timeout counts from the moment of the wish, also where the broker does not answer to it.
        let mut over: Option<Instant> = None;
        loop {
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled(), if over.is_none() => {
                    over = Some(Instant::now() + self.shared.settings.drain_timeout);
                    self.shared.door.close();
                    continue;
                }
                () = until(over) => break,
                delivery = inbox.next() => match delivery {
                    Some(delivery) => delivery,
                    None => break,
                },
            };
            if stop.is_cancelled() && !intake::belongs_to_known_run(&self.shared, &delivery) {
                delivery.receipt.requeue().await;
            } else {
                intake::take(&self.shared, delivery).await;
            }
        }
        self.shared.door.close();
        let over = over.unwrap_or_else(|| Instant::now() + self.shared.settings.drain_timeout);
        self.drain(over).await
    }

    /// Finishes what is in hand. Where the journal survives this process, chains are handed back between two exchanges for
    /// another worker to go on; where it does not, they are finished here as long as the timeout allows, since the worker that
    /// got them would start them from the beginning.
    async fn drain(self, over: Instant) -> Drained {
        let shared = &self.shared;
        // Only now: the broker would hand them out again to a consumer that is not cancelled yet.
        let unaccepted = shared.door.clear();
        let waited = unaccepted.len();
        let live = shared.registry.len().saturating_sub(waited);
        if waited > 0 {
            info!(chains = waited, "draining: chains that have not begun go back to the queue");
            shared.tasks.spawn(run::give_back(shared.clone(), unaccepted));
        }
        shared.tasks.close();
        if shared.ports.journal.survives_restart() {
            let _ = self.hand_back.send(true);
        }
        if live > 0 {
            info!(runs = live, "draining: no new runs; exchanges in flight are finished");
        }
        if tokio::time::timeout_at(over, shared.tasks.wait()).await.is_ok() {
            return Drained::Clean;
        }
        let left = shared.registry.len();
        warn!(runs = left, "drain_timeout is over: the rest goes back to the queue");
        let _ = self.hand_back.send(true);
        let _ = tokio::time::timeout(LAST_WORDS, shared.tasks.wait()).await;
        Drained::CutShort { runs: left }
    }
}

/// At `time`; without one, never.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What a run that waits gets to give its message back after the drain timeout.
const LAST_WORDS: Duration = Duration::from_secs(2);
