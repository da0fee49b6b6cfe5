//! Where deliveries wait that are in hand and not accepted: unclaimed, without a run clock, one line a tenant. Lets them in as
//! [`admission`](super::admission) says.
//!
//! What waits here is in the registry: a second delivery joins it, another definition under its id is a conflict at once. What
//! waits is kept as bytes, since a parsed chain can be many times as large.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Shared;
use super::admission::{LONGEST, Lane, Turn};
use super::run::{self, Begin};
use crate::chain::log::Origin;
use crate::chain::{ChainId, TenantName};
use crate::ports::{RunAge, RunKey};

/// A checked delivery whose run has not begun here.
pub(super) struct Unaccepted {
    pub(super) key: RunKey,
    pub(super) chain_id: ChainId,
    /// The definition's.
    pub(super) hash: String,
    pub(super) tenant: TenantName,
    pub(super) age: RunAge,
    pub(super) body: Bytes,
    pub(super) message_id: Option<String>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) origin: Origin,
}

#[derive(Default)]
pub(super) struct Door {
    lanes: Mutex<BTreeMap<TenantName, Lane<Unaccepted>>>,
    changed: Notify,
    closed: CancellationToken,
}

impl Door {
    /// Nobody is let in any more.
    pub(super) fn close(&self) {
        let _lanes = self.lock();
        self.closed.cancel();
    }

    /// Until nobody is let in any more.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Whether nobody is let in any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// All that wait, the oldest of each tenant first.
    pub(super) fn clear(&self) -> Vec<Unaccepted> {
        self.lock().values_mut().flat_map(Lane::clear).collect()
    }

    /// Takes the one with this key out, if it waits here.
    pub(super) fn take(&self, key: &RunKey) -> Option<Unaccepted> {
        self.lock().values_mut().find_map(|lane| lane.take_one(|one| one.key == *key))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantName, Lane<Unaccepted>>> {
        // Nothing under the lock panics half-way, so poisoned lanes are whole ones.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the line of its tenant. Where the door is closed, it goes back to its queue.
pub(super) fn wait(shared: &Arc<Shared>, unaccepted: Unaccepted) {
    let mut lanes = shared.door.lock();
    if shared.door.is_closed() {
        shared.tasks.spawn(run::give_back(shared.clone(), vec![unaccepted]));
        return;
    }
    // The broker hands out no more than the prefetch, so what is above it came over channels that are lost.
    while lanes.values().map(Lane::len).sum::<usize>() >= shared.settings.most_in_hand {
        let mut lost = lanes.values_mut().filter_map(|lane| lane.take_one(|one| !is_usable(shared, one)));
        let Some(lost) = lost.next() else { break };
        drop(shared.registry.finish(&lost.key));
    }
    let expires_at = unaccepted.expires_at;
    lanes.entry(unaccepted.tenant.clone()).or_default().join(unaccepted, Instant::now(), expires_at);
    drop(lanes);
    shared.door.changed.notify_one();
}

/// Lets in whoever may enter, until the door is closed.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        // New runs start only while their results can leave.
        let ready = shared.ports.outbox.ready().now_or_never().is_some();
        let look_again = look(&shared, ready);
        tokio::select! {
            () = shared.door.closed.cancelled() => return,
            () = shared.door.changed.notified() => {}
            () = shared.ports.outbox.ready(), if !ready => {}
            () = tokio::time::sleep(look_again.unwrap_or_default()), if look_again.is_some() => {}
        }
    }
}

/// Lets in whoever may enter now; when to look again, if anybody waits.
fn look(shared: &Arc<Shared>, ready: bool) -> Option<Duration> {
    let (now, time_of_day) = (Instant::now(), shared.ports.clock.now());
    let mut look_again: Option<Duration> = None;
    let mut lanes = shared.door.lock();
    if shared.door.is_closed() {
        return None;
    }
    for (tenant, lane) in lanes.iter_mut() {
        loop {
            let turn = lane.overdue(now, |one| is_usable(shared, one)).unwrap_or_else(|| {
                let line = if ready { shared.threshold.line_for_one_more(tenant) } else { Duration::MAX };
                lane.next(time_of_day, line, |one| ready && is_usable(shared, one))
            });
            match turn {
                Turn::Accept(one) => {
                    let expected = shared.threshold.expect(tenant, one.age);
                    shared.tasks.spawn(run::drive(shared.clone(), one, Begin::Now(expected)));
                }
                Turn::GiveBack { delivery, first } => {
                    if first {
                        say_so(tenant);
                    }
                    shared.tasks.spawn(run::give_back(shared.clone(), vec![delivery]));
                }
                Turn::LookAgain(after) => {
                    look_again = Some(look_again.map_or(after, |other| other.min(after)));
                    break;
                }
                Turn::Empty => break,
            }
        }
    }
    look_again
}

fn say_so(tenant: &TenantName) {
    warn!(
        %tenant,
        "chains have waited {} minutes for their turn; their messages go back to the queue until it comes. The tenant's \
         limits are too low for what is sent to it, or it is paused; a smaller prefetch holds less",
        LONGEST.as_secs() / 60
    );
}

fn is_usable(shared: &Shared, one: &Unaccepted) -> bool {
    shared.registry.is_usable(&one.key)
}
