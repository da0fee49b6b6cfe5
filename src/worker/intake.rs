//! What a delivery is: a chain to be run, one more copy of a run that is alive, or something to be rejected.

use std::sync::Arc;

use super::Shared;
use super::door::{self, Unaccepted};
use super::doubt;
use super::reconsider;
use super::registry::Registered;
use super::reject::{self, Refused};
use super::run::{self, Begin, Taken};
use crate::chain::check::{LARGEST_MESSAGE, Rejection, Submission, check};
use crate::chain::hash::sha256_hex;
use crate::chain::log::Origin;
use crate::chain::{Chain, RunId, TenantName};
use crate::ports::{Claimed, DeadReason, Delivery, Receipt, RunAge, RunKey};

/// Takes one delivery in. What takes long goes on in a task of its own.
pub(super) async fn take(shared: &Arc<Shared>, delivery: Delivery) {
    let checked = if delivery.body.len() > shared.settings.max_message_bytes {
        Err(reject::too_large(shared, &delivery))
    } else {
        parse(shared, &delivery).map_err(|rejection| Refused { reason: DeadReason::Invalid, rejection })
    };
    match checked {
        Ok(chain) => register(shared, delivery, chain).await,
        Err(refused) => {
            shared.tasks.spawn(reconsider::reject_unless_begun(shared.clone(), delivery, refused));
        }
    }
}

/// Whether the delivery is one more copy of a run that is alive here, or over: those are taken in while draining, too.
pub(super) fn belongs_to_known_run(shared: &Shared, delivery: &Delivery) -> bool {
    let Some(chain) = parse_accepted(shared, delivery) else { return false };
    let hash = sha256_hex(chain.canonical.as_bytes());
    let Shared { registry, echoes, .. } = shared;
    match chain.run_id {
        Some(run_id) => {
            let key = RunKey { queue: delivery.queue.clone(), run_id };
            registry.is_live(&key) || (delivery.redelivered && echoes.expects(&key))
        }
        None if !delivery.redelivered => false,
        None => {
            registry.find_orphan(&delivery.queue, &hash).is_some()
                || (!registry.has_assigned(&delivery.queue, &hash) && echoes.find(&delivery.queue, &hash).is_some())
        }
    }
}

fn parse(shared: &Shared, delivery: &Delivery) -> Result<Chain, Rejection> {
    check(&submission(shared, delivery), &shared.settings.catalogue)
}

/// As [`parse`], if the message was accepted under another configuration, as far as that can be.
pub(super) fn parse_accepted(shared: &Shared, delivery: &Delivery) -> Option<Chain> {
    let most = if delivery.redelivered { LARGEST_MESSAGE } else { shared.settings.max_message_bytes };
    let submission = (delivery.body.len() <= most).then(|| submission(shared, delivery))?;
    check(&submission, &shared.settings.catalogue.clone().trusting()).ok()
}

fn submission<'d>(shared: &'d Shared, delivery: &'d Delivery) -> Submission<'d> {
    Submission {
        body: &delivery.body,
        message_id: delivery.message_id.as_deref(),
        queue_tenant: queue_tenant(shared, &delivery.queue),
    }
}

pub(super) fn queue_tenant<'a>(shared: &'a Shared, queue: &str) -> &'a TenantName {
    let tenant = shared.settings.queue_tenants.get(queue);
    tenant.unwrap_or_else(|| unreachable!("a delivery comes from a configured queue"))
}

async fn register(shared: &Arc<Shared>, delivery: Delivery, chain: Chain) {
    let hash = sha256_hex(chain.canonical.as_bytes());
    let (run_id, assigned, taken) = match chain.run_id.clone() {
        Some(run_id) => (run_id, false, None),
        None => {
            let (run_id, taken) = adopted(shared, &delivery, &hash).await.unwrap_or_else(|| (new_run_id(), None));
            (run_id, true, taken)
        }
    };
    enroll(shared, delivery, chain, Name { run_id, assigned, hash, taken }).await;
}

/// The run of a delivery.
pub(super) struct Name {
    pub(super) run_id: RunId,
    pub(super) assigned: bool,
    /// Its definition's.
    pub(super) hash: String,
    /// Where it is claimed already.
    pub(super) taken: Option<Taken>,
}

/// Registers the delivery as one of this run.
pub(super) async fn enroll(shared: &Arc<Shared>, delivery: Delivery, chain: Chain, name: Name) {
    let Name { run_id, assigned, hash, taken } = name;
    let origin = origin(shared, &delivery, assigned);
    let Delivery { queue, body, message_id, redelivered, history_lost, receipt, .. } = delivery;
    let Chain { chain_id, tenant, expires_at, .. } = chain;
    let (key, age) = (RunKey { queue, run_id }, RunAge(0));
    let unaccepted = Unaccepted { key, chain_id, hash, tenant, age, body, message_id, expires_at, origin };
    match admit(shared, Newcomer { unaccepted, assigned, redelivered, history_lost, receipt }, taken) {
        Admitted::New => {}
        Admitted::Known(taken) => let_go(shared, taken).await,
        Admitted::Doubtful(newcomer) => {
            shared.tasks.spawn(doubt::resolve(shared.clone(), *newcomer));
        }
    }
}

/// A checked delivery whose run has a name.
pub(super) struct Newcomer {
    /// Without an age yet.
    pub(super) unaccepted: Unaccepted,
    assigned: bool,
    redelivered: bool,
    history_lost: bool,
    pub(super) receipt: Box<dyn Receipt>,
}

/// What became of a newcomer.
pub(super) enum Admitted {
    /// Its run goes its way.
    New,
    /// It belongs to a run that is in hand, or is in conflict with one, and what was taken for it is not needed.
    Known(Option<Taken>),
    /// Another definition is in hand under its run id, and nobody has asked the journal which of them is the run's.
    Doubtful(Box<Newcomer>),
}

/// Registers it and sends it on.
pub(super) fn admit(shared: &Arc<Shared>, newcomer: Newcomer, taken: Option<Taken>) -> Admitted {
    let Newcomer { unaccepted, assigned, redelivered, history_lost, receipt } = newcomer;
    match shared.registry.register(&unaccepted.key, &unaccepted.hash, assigned, receipt) {
        Registered::Joined => {
            tracing::debug!(run_id = %unaccepted.key.run_id, "one more delivery of a run that is alive here");
            Admitted::Known(taken)
        }
        Registered::New(age) => {
            let unaccepted = Unaccepted { age, ..unaccepted };
            if redelivered {
                let begin = taken.map_or(Begin::IfBegun { history_lost }, Begin::GoOn);
                shared.tasks.spawn(run::drive(shared.clone(), unaccepted, begin));
            } else {
                door::wait(shared, unaccepted);
            }
            Admitted::New
        }
        Registered::Conflict(receipt) => {
            shared.tasks.spawn(async move { reject::conflict(&unaccepted.key.run_id, receipt).await });
            Admitted::Known(taken)
        }
        Registered::Doubtful(receipt) => {
            Admitted::Doubtful(Box::new(Newcomer { unaccepted, assigned, redelivered, history_lost, receipt }))
        }
    }
}

async fn let_go(shared: &Shared, taken: Option<Taken>) {
    if let Some((lease, _)) = taken {
        shared.ports.journal.release(&lease).await;
    }
}

/// The chain of a delivery that passed the check when it came, or of a log whose message did. What is configured may have
/// changed since: it fills in what the message leaves open, and nothing that was taken in is refused for it.
pub(super) fn parse_again(shared: &Shared, unaccepted: &Unaccepted, tenant: &TenantName) -> Result<Chain, Rejection> {
    let Unaccepted { body, message_id, .. } = unaccepted;
    let catalogue = shared.settings.catalogue.clone().trusting();
    check(&Submission { body, message_id: message_id.as_deref(), queue_tenant: tenant }, &catalogue)
}

/// A redelivered message without an id goes on with the run that it began: equal bytes are interchangeable. A run that is
/// found in the journal is claimed there and then, so that the next such message finds another one.
pub(super) async fn adopted(shared: &Shared, delivery: &Delivery, hash: &str) -> Option<(RunId, Option<Taken>)> {
    if !delivery.redelivered {
        return None;
    }
    let _found = shared.finding.lock().await;
    if let Some(run_id) = shared.registry.find_orphan(&delivery.queue, hash) {
        return Some((run_id, None));
    }
    while let Some(run_id) = shared.ports.journal.find_assigned(&delivery.queue, hash).await {
        let key = RunKey { queue: delivery.queue.clone(), run_id };
        match shared.ports.journal.claim(&key).await {
            Ok(Claimed::Ours { lease, log }) => return Some((key.run_id, Some((lease, log)))),
            // Another worker was faster; there may be one more.
            Ok(Claimed::Elsewhere { .. }) => {}
            Err(_) => return Some((key.run_id, None)),
        }
    }
    if shared.registry.has_assigned(&delivery.queue, hash) {
        return None;
    }
    shared.echoes.take(&delivery.queue, hash).map(|run_id| (run_id, None))
}

fn new_run_id() -> RunId {
    RunId::parse(&uuid::Uuid::now_v7().to_string()).unwrap_or_else(|_| unreachable!("a UUID is a run id"))
}

fn origin(shared: &Shared, delivery: &Delivery, assigned: bool) -> Origin {
    Origin {
        queue: delivery.queue.to_string(),
        correlation_id: delivery.correlation_id.clone(),
        reply_to: reply_to(shared, delivery),
        traceparent: traceparent(delivery),
        assigned,
        redelivered: delivery.redelivered,
    }
}

/// The queue of the sender's choice, unless it is one of the worker's own: a result in a work queue would come back as a
/// broken chain.
pub(super) fn reply_to(shared: &Shared, delivery: &Delivery) -> Option<String> {
    delivery.reply_to.clone().filter(|name| may_be_replied_to(shared, name))
}

/// The trace context, where it has its own form.
pub(super) fn traceparent(delivery: &Delivery) -> Option<String> {
    delivery.traceparent.clone().filter(|trace| is_traceparent(trace))
}

fn may_be_replied_to(shared: &Shared, name: &str) -> bool {
    !name.is_empty() && !name.starts_with("cxchain.") && !shared.settings.reserved.contains(name)
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (<https://www.w3.org/TR/trace-context/#traceparent-header>).
fn is_traceparent(text: &str) -> bool {
    let lengths = [2, 32, 16, 2];
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let names_nothing = parts.first() == Some(&"ff") || parts.iter().skip(1).take(2).any(|part| zero(part));
    !names_nothing
        && parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, n)| part.len() == n && is_hex(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_passed_on_only_in_its_own_form() {
        assert!(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        let nothing = [
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ];
        for wrong in nothing {
            assert!(!is_traceparent(wrong), "{wrong:?}");
        }
        for wrong in ["", "00-4bf9-00f0-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "x\r\ny"] {
            assert!(!is_traceparent(wrong), "{wrong:?}");
        }
    }
}
