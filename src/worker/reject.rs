//! Messages that are no chains: an event, a result for whoever waits, a copy in dead with the reasons; then the ack.

use bytes::Bytes;
use tracing::warn;

use super::Shared;
use super::door::Unaccepted;
use super::intake::{parse_again, queue_tenant, reply_to, traceparent};
use crate::chain::RunId;
use crate::chain::check::Rejection;
use crate::chain::hash::sha256_hex;
use crate::chain::log::{RunRejected, rejection};
use crate::chain::problem::{Problem, Problems};
use crate::chain::result::{FinalStatus, RESULT_SCHEMA, render_lost, render_rejected};
use crate::chain::stamp::Millis;
use crate::failpoint;
use crate::ports::{DeadReason, Delivery, Destination, Outgoing, Receipt, Stopped};
use crate::runner::audit_message;

/// A message that is not run, and why.
pub(super) struct Refused {
    pub(super) reason: DeadReason,
    pub(super) rejection: Rejection,
}

/// A message over `worker.max_message_bytes`: not looked into.
pub(super) fn too_large(shared: &Shared, delivery: &Delivery) -> Refused {
    let most = shared.settings.max_message_bytes;
    let what = format!("has {} bytes", delivery.body.len());
    let run_id = delivery.message_id.as_deref().and_then(|id| RunId::parse(id).ok());
    let problems = Problems::from(Problem::of_message(what, Some(format!("at most {most} bytes"))));
    let tenant = queue_tenant(shared, &delivery.queue).clone();
    Refused { reason: DeadReason::TooLarge, rejection: Rejection { problems, run_id, chain_id: None, tenant } }
}

pub(super) async fn reject(shared: &Shared, delivery: Delivery, refused: Refused) {
    // On `Stopped` the message stays unsettled: the broker hands it out again.
    if publish(shared, &delivery, &refused).await.is_ok() && delivery.receipt.ack().await {
        failpoint::hit("acked");
    }
}

async fn publish(shared: &Shared, delivery: &Delivery, refused: &Refused) -> Result<(), Stopped> {
    let Refused { reason, rejection: Rejection { problems, run_id, chain_id, tenant } } = refused;
    let at = Millis::of(shared.ports.clock.now());
    let body_hash = sha256_hex(&delivery.body);
    let author = &shared.settings.author;
    let about = (run_id.clone(), chain_id.clone(), tenant.clone());
    let name = run_id.as_ref().map_or(body_hash.as_str(), RunId::as_str);
    warn!(queue = %delivery.queue, run = name, reason = reason.as_str(), problems = problems.total(), "message rejected");

    let event = rejection(&body_hash, about.clone(), author, at, RunRejected { problems: problems.brief() });
    let outbox = &shared.ports.outbox;
    let correlation_id = delivery.correlation_id.clone().or_else(|| run_id.as_ref().map(ToString::to_string));
    let traceparent = traceparent(delivery);
    outbox.publish(audit_message(&event, correlation_id.clone(), traceparent.clone())).await?;

    let result = render_rejected(about, in_words(problems), at, &author.worker);
    let routing_key = format!("{tenant}.{}", FinalStatus::Rejected.as_str());
    let result = Outgoing {
        to: Destination::Results { routing_key },
        message_id: format!("{name}:rejected"),
        schema: RESULT_SCHEMA.into(),
        body: Bytes::from(result),
        correlation_id,
        traceparent,
        timestamp: at,
    };
    outbox.publish(result.clone()).await?;
    if let Some(queue) = reply_to(shared, delivery) {
        outbox.try_publish(Outgoing { to: Destination::Reply { queue }, ..result }).await;
    }
    delivery.receipt.bury(*reason, problems.to_header()).await
}

/// Two runs of different definitions under one id: the later message goes to dead. No event and no result: those of the run
/// with that id are the other definition's.
pub(super) async fn conflict(run_id: &RunId, receipt: Box<dyn Receipt>) {
    let problem = Problem::of_message(
        "has the run id of a run of another definition".to_owned(),
        Some("a run id of its own".into()),
    );
    warn!(%run_id, reason = DeadReason::Conflict.as_str(), "message rejected");
    to_dead(receipt, DeadReason::Conflict, problem).await;
}

/// A copy of a message whose run ended for its crashes, for whoever looks into them: what it led to is published.
pub(super) async fn crash_loop(run_id: &RunId, receipt: &dyn Receipt) -> Result<(), Stopped> {
    let what = "has a run that workers died of, or gave up, again and again without any progress".to_owned();
    let problems = Problems::from(Problem::of_message(what, None));
    warn!(%run_id, reason = DeadReason::CrashLoop.as_str(), "message copied to dead");
    receipt.bury(DeadReason::CrashLoop, problems.to_header()).await
}

/// The result of a message that was begun under another journal, as far as anybody can tell: it is indeterminate. No event: the
/// run's log would have to say which one it follows. It may have a result already, under the same id, if it ended under the
/// other journal; whoever drops duplicates keeps the first.
pub(super) async fn history_lost(shared: &Shared, unaccepted: &Unaccepted) -> Result<(), Stopped> {
    let Unaccepted { key, tenant, origin, body, .. } = unaccepted;
    let at = Millis::of(shared.ports.clock.now());
    let chain = parse_again(shared, unaccepted, tenant)
        .unwrap_or_else(|_| unreachable!("the same bytes passed the same check"));
    // A message without an id was given one just now, and is given another the next time.
    let run_id = (!origin.assigned).then(|| key.run_id.clone());
    let name = run_id.as_ref().map_or_else(|| sha256_hex(body), ToString::to_string);
    warn!(run = name, reason = DeadReason::HistoryLost.as_str(), "message not run: what was done for it is not known");
    let result = render_lost(&chain, run_id, at, &shared.settings.author.worker);
    let result = Outgoing {
        to: Destination::Results { routing_key: format!("{tenant}.{}", FinalStatus::Indeterminate.as_str()) },
        message_id: format!("{name}:result"),
        schema: RESULT_SCHEMA.into(),
        body: Bytes::from(result),
        correlation_id: origin.correlation_id.clone().or(Some(name)),
        traceparent: origin.traceparent.clone(),
        timestamp: at,
    };
    let outbox = &shared.ports.outbox;
    outbox.publish(result.clone()).await?;
    if let Some(queue) = origin.reply_to.clone() {
        outbox.try_publish(Outgoing { to: Destination::Reply { queue }, ..result }).await;
    }
    Ok(())
}

/// The message of [`history_lost`], once its result is published.
pub(super) async fn bury_lost(receipt: Box<dyn Receipt>) {
    let what = "was handed out before, and this worker's journal does not know what was done for it".to_owned();
    to_dead(receipt, DeadReason::HistoryLost, Problem::of_message(what, None)).await;
}

/// Into dead, and off the work queue as soon as it is there.
async fn to_dead(receipt: Box<dyn Receipt>, reason: DeadReason, problem: Problem) {
    if receipt.bury(reason, Problems::from(problem).to_header()).await.is_ok() {
        receipt.ack().await;
    }
}

/// The problems as the result's reason tells them: short, the dead letter has them all.
fn in_words(problems: &Problems) -> String {
    const SHOWN: usize = 5;
    const MOST_CHARACTERS: usize = 1000;
    let mut words: Vec<String> = problems.list().iter().take(SHOWN).map(ToString::to_string).collect();
    if problems.total() > words.len() {
        words.push(format!("and {} more", problems.total() - words.len()));
    }
    words.join("; ").chars().take(MOST_CHARACTERS).collect()
}
