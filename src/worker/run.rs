//! One run's task: claim, drive, settle.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tracing::{Instrument, error, error_span, info, warn};

use super::registry::LiveRun;
use super::{Shared, reject};
use crate::chain::Chain;
use crate::chain::hash::sha256_hex;
use crate::chain::log::{EventBody, Origin, Record};
use crate::chain::result::Reason;
use crate::chain::stamp::millis;
use crate::failpoint;
use crate::ports::{Claimed, Lease, RunAge, RunKey};
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

pub(super) async fn drive(shared: Arc<Shared>, key: RunKey, chain: Arc<Chain>, origin: Origin, age: RunAge) {
    // At the highest level, so that a line has it at whatever level lines are wanted.
    let span = error_span!(
        "run",
        run_id = key.run_id.as_str(),
        chain_id = chain.chain_id.as_str(),
        tenant = chain.tenant.as_str(),
        queue = &*key.queue
    );
    drive_and_settle(shared, key, chain, origin, age).instrument(span).await;
}

async fn drive_and_settle(shared: Arc<Shared>, key: RunKey, chain: Arc<Chain>, origin: Origin, age: RunAge) {
    let driven = AssertUnwindSafe(try_drive(&shared, &key, chain, origin, age)).catch_unwind().await;
    let settle = driven.unwrap_or_else(|_| {
        error!("a fault in cxchain itself ended this run's task; its message goes back to the queue");
        Settle::GiveBack
    });
    if matches!(settle, Settle::GiveBack) && !*shared.hand_back.borrow() {
        // Whatever keeps the run from going on here is not over at once: no hot loop through the queue.
        tokio::time::sleep(CLAIM_AGAIN).await;
    }
    if let Some(run) = shared.registry.finish(&key) {
        settle_all(&shared, &key, run, settle).await;
    }
}

async fn try_drive(shared: &Shared, key: &RunKey, chain: Arc<Chain>, origin: Origin, age: RunAge) -> Settle {
    let Some((lease, log)) = claim(shared, key).await else { return Settle::GiveBack };
    failpoint::hit("claimed");
    if recorded_definition(&log).is_some_and(|hash| hash != sha256_hex(chain.canonical.as_bytes())) {
        shared.ports.journal.release(&lease).await;
        return Settle::Conflict;
    }
    let hand_back = shared.hand_back.clone();
    let held = lease.clone();
    let run = Run { chain, run_id: key.run_id.clone(), origin, lease, log, age, hand_back };
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
