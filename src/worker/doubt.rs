//! Two definitions under one run id, where the one that came first has not been driven yet: which of them is the run's is
//! the journal's to say. After a crash the message of a run that has begun may come again behind another one of its name.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::intake::{Admitted, Newcomer, admit};
use super::run::{bury, goes_on_after};
use crate::chain::log::accepted;
use crate::ports::Claimed;

/// How long whoever has the run gets to find out for itself, until it is asked after again.
const AGAIN: Duration = Duration::from_millis(250);

/// Asks until it is known. A worker that stops gives the later message back.
pub(super) async fn resolve(shared: Arc<Shared>, mut newcomer: Newcomer) {
    loop {
        let known = ask(&shared, &newcomer).await;
        newcomer = match admit(&shared, newcomer, None) {
            Admitted::New | Admitted::Known(_) => return,
            Admitted::Doubtful(newcomer) => *newcomer,
        };
        if !known && !goes_on_after(&shared, AGAIN).await {
            newcomer.receipt.requeue().await;
            return;
        }
    }
}

/// Whether the journal has said whose run it is. When it is the newcomer's, the other one's messages are dead.
async fn ask(shared: &Shared, newcomer: &Newcomer) -> bool {
    let key = &newcomer.unaccepted.key;
    let Ok(Claimed::Ours { lease, log }) = shared.ports.journal.claim(key).await else { return false };
    let the_newcomers =
        accepted(&log).is_some_and(|(_, accepted)| accepted.definition_hash == newcomer.unaccepted.hash);
    // What waits at the door is taken out, so that nobody drives it. What is driven already learns it by itself.
    let taken_out = the_newcomers && shared.door.take(key).is_some();
    if !the_newcomers {
        shared.registry.confirm(key);
    }
    shared.ports.journal.release(&lease).await;
    if taken_out {
        bury(shared, key).await;
    }
    taken_out || !the_newcomers
}
