//! Messages that would be refused today and come again: their runs may have begun under a configuration that did not refuse them.
//! The journal knows. What was begun goes on; only what was not is rejected.

use std::sync::Arc;

use super::Shared;
use super::intake::{self, Name};
use super::reject::{self, Refused};
use super::run::{self, Patience, Settle};
use crate::chain::Chain;
use crate::chain::hash::sha256_hex;
use crate::ports::{Delivery, RunKey};

/// Rejects the message, unless it is one more copy of a run that has begun: then that goes on.
pub(super) async fn reject_unless_begun(shared: Arc<Shared>, delivery: Delivery, refused: Refused) {
    let chain = delivery.redelivered.then(|| intake::parse_accepted(&shared, &delivery)).flatten();
    let Some(chain) = chain else {
        return reject::reject(&shared, delivery, refused).await;
    };
    match begun(&shared, &delivery, &chain).await {
        Ok(Some(name)) => intake::enroll(&shared, delivery, chain, name).await,
        Ok(None) => reject::reject(&shared, delivery, refused).await,
        Err(Settle::GiveBack) => delivery.receipt.requeue().await,
        // The worker stops, and the broker hands it out again by itself.
        Err(_) => drop(delivery),
    }
}

/// The run of the message, if it has begun.
async fn begun(shared: &Shared, delivery: &Delivery, chain: &Chain) -> Result<Option<Name>, Settle> {
    let hash = sha256_hex(chain.canonical.as_bytes());
    let Some(run_id) = chain.run_id.clone() else {
        let adopted = intake::adopted(shared, delivery, &hash).await;
        return Ok(adopted.map(|(run_id, taken)| Name { run_id, assigned: true, hash, taken }));
    };
    let key = RunKey { queue: delivery.queue.clone(), run_id };
    let mut taken = None;
    if !shared.registry.is_live(&key) {
        let (lease, log) = run::claim(shared, &key, &mut Patience::default()).await?;
        if log.is_empty() {
            shared.ports.journal.release(&lease).await;
            return Ok(None);
        }
        taken = Some((lease, log));
    }
    Ok(Some(Name { run_id: key.run_id, assigned: false, hash, taken }))
}
