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
use crate::chain::log::{Record, accepted};
use crate::chain::result::{Reason, ReasonCode};
use crate::chain::stamp::millis;
use crate::failpoint;
use crate::ports::{Claimed, JournalError, Lease, RunKey};
use crate::runner::{Ended, Run};

/// A run that another worker has is asked after again no later than this.
const CLAIM_AGAIN: Duration = Duration::from_secs(1);
/// A message that goes back for another reason than a drain does so after this: no hot loop through the queue.
const BEFORE_GIVING_BACK: Duration = Duration::from_secs(1);
/// A journal that does not answer is asked again after this time, then after twice as much, and so on.
const JOURNAL_AGAIN: Duration = Duration::from_secs(1);
/// The longest of these times.
const JOURNAL_AGAIN_AT_MOST: Duration = Duration::from_secs(15);

/// What is done with the deliveries of a run that is over here.
#[derive(Clone, Copy)]
pub(super) enum Settle {
    Acknowledge,
    /// Acknowledged too, with a copy in dead: the run ended for its crashes.
    CopyToDead,
    GiveBack,
    Conflict,
    /// To dead: begun under another journal, and its result says that nobody knows how far.
    HistoryLost,
    /// The worker stops in the middle: the broker hands them out again by itself.
    Leave,
}

/// The right to go on with a run, and its log so far.
pub(super) type Taken = (Lease, Vec<Record>);

/// When a run is driven.
pub(super) enum Begin {
    /// It is let in, and expected at the gate.
    Now(Expected),
    /// If its log says that it has begun; else it waits for its turn. For messages that come again: what is over is
    /// settled, what was begun goes on, ahead of all that has not.
    IfBegun {
        /// Without a log it was not "never begun", but begun under another journal.
        history_lost: bool,
    },
    /// It has begun, and is claimed already.
    GoOn(Taken),
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
        tokio::time::sleep(BEFORE_GIVING_BACK).await;
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

/// The run id is another definition's: its messages go to dead.
pub(super) async fn bury(shared: &Shared, key: &RunKey) {
    if let Some(run) = shared.registry.finish(key) {
        settle_all(shared, key, run, Settle::Conflict).await;
    }
}

/// Drives the run until it is over here. A journal that is in trouble is waited for: the messages stay in hand meanwhile, and
/// the run goes on from its log.
async fn try_drive(shared: &Arc<Shared>, unaccepted: &Unaccepted, begin: Begin) -> Driven {
    let Unaccepted { key, age, tenant, .. } = unaccepted;
    let (mut expected, mut taken, mut history_lost) = (None, None, false);
    match begin {
        Begin::Now(it) => expected = Some(it),
        Begin::IfBegun { history_lost: it } => history_lost = it,
        Begin::GoOn(it) => taken = Some(it),
    }
    let mut patience = Patience::default();
    loop {
        let (lease, log) = match taken.take() {
            Some(taken) => taken,
            None => match claim(shared, key, &mut patience).await {
                Ok(taken) => taken,
                Err(settle) => return Driven::Over(settle),
            },
        };
        if expected.is_none() && log.is_empty() {
            shared.registry.confirm(key);
            shared.ports.journal.release(&lease).await;
            return if history_lost { history_is_lost(shared, unaccepted).await } else { Driven::NotBegun };
        }
        expected.get_or_insert_with(|| shared.threshold.expect(tenant, *age));
        failpoint::hit("claimed");
        if accepted(&log).is_some_and(|(_, accepted)| accepted.definition_hash != unaccepted.hash) {
            shared.ports.journal.release(&lease).await;
            return Driven::Over(Settle::Conflict);
        }
        // A run that has begun stays its tenant's, whomever the queue belongs to by now.
        let tenant = accepted(&log).map_or(tenant, |(event, _)| &event.tenant);
        let chain = match parse_again(shared, unaccepted, tenant) {
            Ok(chain) => Arc::new(chain),
            Err(_) => unreachable!("what was accepted once is accepted again"),
        };
        shared.registry.confirm(key);
        match drive_taken(shared, unaccepted, chain, (lease, log)).await {
            Ended::Lost(JournalError::Unavailable(why)) => {
                if !patience.wait(shared, &why).await {
                    return Driven::Over(Settle::Leave);
                }
            }
            ended => return Driven::Over(settle(ended)),
        }
    }
}

/// A result for whoever waits, no call, and the message to dead.
async fn history_is_lost(shared: &Shared, unaccepted: &Unaccepted) -> Driven {
    let published = reject::history_lost(shared, unaccepted).await;
    Driven::Over(published.map_or(Settle::Leave, |()| Settle::HistoryLost))
}

async fn drive_taken(shared: &Shared, unaccepted: &Unaccepted, chain: Arc<Chain>, (lease, log): Taken) -> Ended {
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
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

fn settle(ended: Ended) -> Settle {
    match ended {
        Ended::Settled { status, reason, took } => {
            let (status, took_ms) = (status.as_str(), millis(took));
            let Some(Reason { code, step_id, message }) = reason else {
                info!(status, took_ms, "run finished");
                return Settle::Acknowledge;
            };
            // The one line about all that went wrong in it, whichever step it was.
            warn!(status, took_ms, reason = code.as_str(), step_id, "run finished: {message}");
            if code == ReasonCode::CrashLoop { Settle::CopyToDead } else { Settle::Acknowledge }
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

/// How long a journal in trouble has been waited for.
#[derive(Default)]
pub(super) struct Patience {
    last: Option<Duration>,
}

impl Patience {
    /// Waits until the journal may be asked again. False: the worker stops first.
    async fn wait(&mut self, shared: &Shared, why: &str) -> bool {
        if self.last.is_none() {
            error!("the run waits for the journal: {why}");
        }
        let wait = self.last.map_or(JOURNAL_AGAIN, |last| (last * 2).min(JOURNAL_AGAIN_AT_MOST));
        self.last = Some(wait);
        goes_on_after(shared, wait).await
    }
}

/// Waits so long. False: the worker stops first.
pub(super) async fn goes_on_after(shared: &Shared, wait: Duration) -> bool {
    let mut hand_back = shared.hand_back.clone();
    tokio::select! {
        biased;
        _ = hand_back.wait_for(|stop| *stop) => false,
        () = tokio::time::sleep(wait) => true,
    }
}

/// The lease and the log; when the worker stops first, what is to be done with the messages: another worker that has the run
/// may go on with it, and a journal in trouble leaves them to the broker.
pub(super) async fn claim(shared: &Shared, key: &RunKey, patience: &mut Patience) -> Result<Taken, Settle> {
    loop {
        match shared.ports.journal.claim(key).await {
            Ok(Claimed::Ours { lease, log }) => return Ok((lease, log)),
            Ok(Claimed::Elsewhere { retry_after }) => {
                if !goes_on_after(shared, retry_after.min(CLAIM_AGAIN)).await {
                    return Err(Settle::GiveBack);
                }
            }
            Err(why) => {
                if !patience.wait(shared, &why.to_string()).await {
                    return Err(Settle::Leave);
                }
            }
        }
    }
}

async fn settle_all(shared: &Shared, key: &RunKey, run: LiveRun, settle: Settle) {
    let over = matches!(settle, Settle::Acknowledge | Settle::CopyToDead);
    if over && run.receipts.is_empty() && !run.assigned {
        // Should its message come after all, it is known by its id. One without an id would not be, were it not kept as one
        // that nobody has acknowledged.
        shared.ports.journal.acknowledged(key).await;
    }
    for receipt in run.receipts {
        match settle {
            Settle::CopyToDead if reject::crash_loop(&key.run_id, &*receipt).await.is_err() => drop(receipt),
            Settle::Acknowledge | Settle::CopyToDead => {
                shared.echoes.expect(key, &run.definition_hash, run.assigned, receipt.tether());
                if receipt.ack().await {
                    failpoint::hit("acked");
                    shared.ports.journal.acknowledged(key).await;
                }
            }
            Settle::GiveBack => receipt.requeue().await,
            Settle::Conflict => reject::conflict(&key.run_id, receipt).await,
            Settle::HistoryLost => reject::bury_lost(receipt).await,
            Settle::Leave => drop(receipt),
        }
    }
}
