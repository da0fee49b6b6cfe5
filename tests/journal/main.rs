//! One contract, every journal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use cxchain::ports::{Claimed, Journal, JournalError, Lease, RunKey};

/// Runs the contract over a kind of journal: `contract!(name, attribute, async expression of a Bench)`.
macro_rules! contract {
    (#[$test:meta] $open:expr; $($rule:ident)*) => {
        $(
            #[$test]
            async fn $rule() {
                crate::contract::$rule(&$open).await;
            }
        )*
    };
    (#[$test:meta] $open:expr) => {
        contract! { #[$test] $open;
            a_run_without_a_log_is_empty
            what_was_appended_is_found_whole_and_in_order
            what_was_appended_is_found_byte_for_byte
            a_leased_run_is_elsewhere_until_its_lease_is_over
            a_released_run_is_free_at_once
            an_append_and_a_renewal_renew_the_lease
            a_release_needs_no_renewed_lease
            a_stale_fence_writes_nothing
            a_stale_fence_does_not_free_the_run
            fences_grow
            one_of_many_gets_the_run
            queues_have_runs_of_their_own
            logs_do_not_mix
            an_acknowledged_run_keeps_its_result_for_the_retention
            a_run_that_nobody_acknowledged_is_kept
            an_acknowledgement_counts_once
            an_assigned_run_is_found_while_it_is_free_and_unacknowledged
            a_run_that_was_named_by_its_message_is_not_found
            overdue_runs_are_those_that_nobody_has_and_whose_clock_was_over
            what_was_settled_has_no_message_when_the_queue_was_empty
            a_take_over_leaves_its_own_leases
        }
    };
}

mod contract;
mod memory;
mod run;
mod sqlite;

/// A journal to be tested, empty.
pub(crate) struct Bench {
    /// The journal.
    pub(crate) journal: Arc<dyn Journal>,
    /// How long its leases last without renewal.
    pub(crate) lease: Duration,
    /// How long it keeps an acknowledged run.
    pub(crate) retention: Duration,
}

impl Bench {
    async fn claim(&self, key: &RunKey) -> Claimed {
        self.journal.claim(key).await.expect("the journal answers")
    }

    /// The run, which is free.
    async fn ours(&self, key: &RunKey) -> (Lease, Vec<cxchain::chain::log::Record>) {
        match self.claim(key).await {
            Claimed::Ours { lease, log } => (lease, log),
            Claimed::Elsewhere { retry_after } => panic!("{key} is leased for {retry_after:?}"),
        }
    }

    async fn is_elsewhere(&self, key: &RunKey) -> bool {
        matches!(self.claim(key).await, Claimed::Elsewhere { .. })
    }

    async fn until_the_lease_is_over(&self) {
        tokio::time::sleep(self.lease + self.lease / 10).await;
    }
}

async fn fenced<T: std::fmt::Debug>(answer: impl Future<Output = Result<T, JournalError>>) {
    assert_eq!(answer.await.expect_err("a stale fence"), JournalError::Fenced);
}
