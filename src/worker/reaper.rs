//! Ends runs that nobody else ends: begun, past their run clock, and their message has not come again. It may have been purged,
//! or its queue deleted. Every run that was accepted has a result.
//!
//! What such a run is of is in its log. No call is made for it, since its clock is over: what is open is recorded as unknown or
//! given up, and what was not published is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tracing::{error, warn};

use super::Shared;
use super::door::Unaccepted;
use super::intake::parse_again;
use super::run::{self, Begin, Taken};
use crate::chain::hash::sha256_hex;
use crate::chain::log::{Record, RunAccepted, accepted, definition};
use crate::chain::stamp::Millis;
use crate::ports::{Claimed, RunAge, RunKey};

/// Between two looks into the journal, and before the first: a message that is still there comes again as soon as the worker
/// consumes, and takes its run along.
const EVERY: Duration = Duration::from_secs(15);
/// How long a run is past its clock when it is looked at: whoever drives one ends it at its deadline.
const GRACE: Duration = Duration::from_secs(5);
/// How many runs of a queue are ended at a look.
const AT_ONCE: usize = 100;

/// Looks after such runs until the door is closed.
pub(super) async fn keep(shared: Arc<Shared>) {
    // A run that is lost with this process needs no end here: whoever has its message starts it over.
    if !shared.ports.journal.survives_restart() {
        return;
    }
    loop {
        tokio::select! {
            () = shared.door.closed() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        tokio::select! {
            () = shared.door.closed() => return,
            // Their results could not leave.
            () = shared.ports.outbox.ready() => {}
        }
        for queue in shared.settings.queue_tenants.keys() {
            look(&shared, queue).await;
        }
    }
}

async fn look(shared: &Arc<Shared>, queue: &str) {
    let now = shared.ports.clock.now();
    let Ok(before) = now.checked_sub(GRACE).map(Millis::of) else { return };
    // A journal that does not answer says so itself.
    let Ok(overdue) = shared.ports.journal.overdue(queue, before, AT_ONCE).await else { return };
    let mut ending = Vec::new();
    for key in overdue {
        if shared.door.is_closed() {
            break;
        }
        if let Some((unaccepted, taken)) = take(shared, key).await {
            ending.push(shared.tasks.spawn(run::drive(shared.clone(), unaccepted, Begin::GoOn(taken))));
        }
    }
    join_all(ending).await;
}

/// Claims the run and registers it, unless it is in hand here or elsewhere.
async fn take(shared: &Shared, key: RunKey) -> Option<(Unaccepted, Taken)> {
    let _found = shared.finding.lock().await;
    if shared.registry.is_live(&key) {
        return None;
    }
    let Ok(Claimed::Ours { lease, log }) = shared.ports.journal.claim(&key).await else { return None };
    let registered = register(shared, &key, &log);
    if registered.is_none() {
        shared.ports.journal.release(&lease).await;
    }
    registered.map(|unaccepted| (unaccepted, (lease, log)))
}

fn register(shared: &Shared, key: &RunKey, log: &[Record]) -> Option<Unaccepted> {
    let Some((unaccepted, accepted)) = of_log(shared, key, log) else {
        error!(run_id = %key.run_id, queue = &*key.queue, "the log of a run says not what it is of; it gets no result");
        return None;
    };
    let age = shared.registry.register_without(key, &accepted.definition_hash, accepted.run_id_assigned)?;
    warn!(
        run_id = %key.run_id,
        queue = &*key.queue,
        "a run is past its deadline, and its message has not come again: it is ended without"
    );
    Some(Unaccepted { age, ..unaccepted })
}

/// What a delivery would have said of the run.
fn of_log<'a>(shared: &Shared, key: &RunKey, log: &'a [Record]) -> Option<(Unaccepted, &'a RunAccepted)> {
    let (event, accepted) = accepted(log)?;
    let (canonical, origin) = definition(log)?;
    let unaccepted = Unaccepted {
        key: key.clone(),
        chain_id: event.chain_id.clone()?,
        hash: accepted.definition_hash.clone(),
        tenant: event.tenant.clone(),
        age: RunAge(0),
        body: Bytes::copy_from_slice(canonical.as_bytes()),
        message_id: None,
        expires_at: None,
        origin: origin.clone(),
    };
    let chain = parse_again(shared, &unaccepted, &event.tenant).ok()?;
    (sha256_hex(chain.canonical.as_bytes()) == accepted.definition_hash).then_some((unaccepted, accepted))
}
