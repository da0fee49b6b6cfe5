//! One run's task: claim, drive, settle.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tracing::{Instrument, error, error_span, info, warn};

use super::door::{self, Unaccepted};
use super::intake::parse_again;
use super::registry::LiveRun;
use super::threshold::Expected;
use super::{Shared, reject};
use crate::chain::Chain;
use crate::chain::hash::sha256_hex;
use crate::chain::log::{EventBody, Record};
use crate::chain::result::Reason;
use crate::chain::stamp::millis;
use crate::failpoint;
use crate::ports::{Claimed, Lease, RunKey};
use crate::runner::{Ended, Run};

/// Between two tries of a claim, at most.
const CLAIM_AGAIN: Duration = Duration::from_secs(1);

/// What is done with the deliveries of a run that is over here.
enum Settle {
    Acknowledge,
    GiveBack,
    Conflict,
    /// The worker stops in the middle: the broker hands them out again by itself.
    Leave,
}

/// When a run is driven.
pub(super) enum Begin {
    /// It is let in, and expected at the gate.
    Now(Expected),
    /// If its log says that it has begun; else it waits for its turn. For messages that come again: what is over is
    /// settled, what was begun goes on, ahead of all that has not.
    IfBegun,
}

/// How driving a run ended here.
enum Driven {
    Over(Settle),
    NotBegun,
}

pub(super) async fn drive(shared: Arc<Shared>, unaccepted: Unaccepted, begin: Begin) {
    // At the highest level, so that a line has it at whatever level lines are wanted.
    let span = error_span!(
        "run",
        run_id = unaccepted.key.run_id.as_str(),
        chain_id = unaccepted.chain_id.as_str(),
        tenant = unaccepted.tenant.as_str(),
        queue = &*unaccepted.key.queue
    );
    drive_and_settle(shared, unaccepted, begin).instrument(span).await;
}

async fn drive_and_settle(shared: Arc<Shared>, unaccepted: Unaccepted, begin: Begin) {
    let driven = AssertUnwindSafe(try_drive(&shared, &unaccepted, begin)).catch_unwind().await;
    let driven = driven.unwrap_or_else(|_| {
        error!("a fault in cxchain itself ended this run's task; its message goes back to the queue");
        Driven::Over(Settle::GiveBack)
    });
    let Driven::Over(settle) = driven else {
        door::wait(&shared, unaccepted);
        return;
    };
    if matches!(settle, Settle::GiveBack) && !*shared.hand_back.borrow() {
        // Whatever keeps the run from going on here is not over at once: no hot loop through the queue.
        tokio::time::sleep(CLAIM_AGAIN).await;
    }
    if let Some(run) = shared.registry.finish(&unaccepted.key) {
        settle_all(&shared, &unaccepted.key, run, settle).await;
    }
}

/// Gives the messages of runs that did not begin back, in this order.
pub(super) async fn give_back(shared: Arc<Shared>, unaccepted: Vec<Unaccepted>) {
    let runs = unaccepted.into_iter().filter_map(|one| Some((shared.registry.finish(&one.key)?, one.key)));
    // All of them are out of hand before the first may come again.
    for (run, key) in runs.collect::<Vec<_>>() {
        settle_all(&shared, &key, run, Settle::GiveBack).await;
    }
}

async fn try_drive(shared: &Arc<Shared>, unaccepted: &Unaccepted, begin: Begin) -> Driven {
    let Unaccepted { key, age, tenant, .. } = unaccepted;
    let Some((lease, log)) = claim(shared, key).await else { return Driven::Over(Settle::GiveBack) };
    let _expected = match begin {
        Begin::Now(expected) => expected,
        Begin::IfBegun if log.is_empty() => {
            shared.ports.journal.release(&lease).await;
            return Driven::NotBegun;
        }
        Begin::IfBegun => shared.threshold.expect(tenant, *age),
    };
    failpoint::hit("claimed");
    let chain = match parse_again(shared, unaccepted) {
        Ok(chain) => Arc::new(chain),
        Err(_) => unreachable!("the same bytes passed the same check before"),
    };
    if recorded_definition(&log).is_some_and(|hash| hash != sha256_hex(chain.canonical.as_bytes())) {
        shared.ports.journal.release(&lease).await;
        return Driven::Over(Settle::Conflict);
    }
    Driven::Over(accepted(shared, unaccepted, chain, (lease, log)).await)
}

async fn accepted(
    shared: &Shared,
    unaccepted: &Unaccepted,
    chain: Arc<Chain>,
    claimed: (Lease, Vec<Record>),
) -> Settle {
    let (lease, log) = claimed;
    let Unaccepted { key, age, origin, .. } = unaccepted;
    let hand_back = shared.hand_back.clone();
    let held = lease.clone();
    let run = Run { chain, run_id: key.run_id.clone(), origin: origin.clone(), lease, log, age: *age, hand_back };
    let ended = AssertUnwindSafe(shared.runner.drive(run)).catch_unwind().await;
    if !matches!(ended, Ok(Ended::Settled { .. } | Ended::HandedBack)) {
        // Nothing is done for the run here any more. Whoever gets its message next goes on with this log at once; one without
        // an id would not find it while it is leased, and begin anew.
        shared.ports.journal.release(&held).await;
    }
    match ended.unwrap_or_else(|panic| resume_unwind(panic)) {
        Ended::Settled { status, reason, took } => {
            let (status, took_ms) = (status.as_str(), millis(took));
            match reason {
                None => info!(status, took_ms, "run finished"),
                // The one line about all that went wrong in it, whichever step it was.
                Some(Reason { code, step_id, message }) => {
                    warn!(status, took_ms, reason = code.as_str(), step_id, "run finished: {message}");
                }
            }
            Settle::Acknowledge
        }
        Ended::HandedBack => {
            info!("run handed back");
            Settle::GiveBack
        }
        Ended::Lost(why) => {
            error!("run not finished here: {why}");
            Settle::GiveBack
        }
        Ended::Stopped => Settle::Leave,
    }
}

/// The lease and the log; `None` when the worker stops while another one has the run.
async fn claim(shared: &Shared, key: &RunKey) -> Option<(Lease, Vec<Record>)> {
    let mut hand_back = shared.hand_back.clone();
    loop {
        let wait = match shared.ports.journal.claim(key).await {
            Ok(Claimed::Ours { lease, log }) => return Some((lease, log)),
            Ok(Claimed::Elsewhere { retry_after }) => retry_after.min(CLAIM_AGAIN),
            Err(why) => {
                error!("run not started: {why}");
                CLAIM_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = hand_back.wait_for(|stop| *stop) => return None,
        }
    }
}

fn recorded_definition(log: &[Record]) -> Option<&str> {
    log.iter().find_map(|record| match record {
        Record::Event(sealed) => match &sealed.event.body {
            EventBody::RunAccepted(accepted) => Some(accepted.definition_hash.as_str()),
            _ => None,
        },
        Record::Private(_) => None,
    })
}

async fn settle_all(shared: &Shared, key: &RunKey, run: LiveRun, settle: Settle) {
    for receipt in run.receipts {
        match settle {
            Settle::Acknowledge => {
                shared.echoes.expect(key, &run.definition_hash, run.assigned, receipt.tether());
                if receipt.ack().await {
                    failpoint::hit("acked");
                    shared.ports.journal.acknowledged(key).await;
                }
            }
            Settle::GiveBack => receipt.requeue().await,
            Settle::Conflict => reject::conflict(&key.run_id, receipt).await,
            Settle::Leave => drop(receipt),
        }
    }
}
