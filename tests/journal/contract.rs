//! What every journal keeps to. Each rule is a function of an empty journal; time is tokio's, paused or not.

use std::time::Duration;

use cxchain::chain::log::Record;
use cxchain::chain::stamp::Millis;
use cxchain::ports::{Claimed, Lease};

use super::run::{Writer, definition_hash, key, replay};
use super::{Bench, fenced};

/// Claims the run, writes these batches and keeps the lease.
async fn written(bench: &Bench, queue: &str, run: &str, batches: Vec<Vec<Record>>) -> Lease {
    let (mut lease, log) = bench.ours(&key(queue, run)).await;
    assert!(log.is_empty());
    for batch in batches {
        bench.journal.append(&mut lease, batch).await.expect("the journal writes");
    }
    lease
}

async fn log_of(bench: &Bench, queue: &str, run: &str) -> Vec<Record> {
    let (lease, log) = bench.ours(&key(queue, run)).await;
    bench.journal.release(&lease).await;
    log
}

pub(crate) async fn a_run_without_a_log_is_empty(bench: &Bench) {
    let (lease, log) = bench.ours(&key("q", "r")).await;
    assert!(log.is_empty() && lease.holds());
    assert_eq!(lease.key, key("q", "r"));
    bench.journal.release(&lease).await;
    assert!(log_of(bench, "q", "r").await.is_empty(), "a run without a record is forgotten");
}

pub(crate) async fn what_was_appended_is_found_whole_and_in_order(bench: &Bench) {
    let batches = Writer::whole("r", false);
    for count in 1..=batches.len() {
        let run = format!("r{count}");
        let lease = written(bench, "q", &run, batches[..count].to_vec()).await;
        bench.journal.release(&lease).await;
        assert_eq!(log_of(bench, "q", &run).await, batches[..count].concat());
    }
}

pub(crate) async fn what_was_appended_is_found_byte_for_byte(bench: &Bench) {
    let batches = Writer::whole("r", false);
    let lease = written(bench, "q", "r", batches.clone()).await;
    bench.journal.release(&lease).await;
    let log = log_of(bench, "q", "r").await;
    let bytes = |log: &[Record]| -> Vec<String> {
        log.iter()
            .map(|record| match record {
                Record::Event(sealed) => sealed.bytes.clone(),
                Record::Private(private) => serde_json::to_string(private).unwrap(),
            })
            .collect()
    };
    assert_eq!(bytes(&log), bytes(&batches.concat()));
    assert!(replay(&log).is_settled());
}

pub(crate) async fn a_leased_run_is_elsewhere_until_its_lease_is_over(bench: &Bench) {
    let batches = vec![Writer::new("r").accepted(false)];
    written(bench, "q", "r", batches.clone()).await;
    let Claimed::Elsewhere { retry_after } = bench.claim(&key("q", "r")).await else { panic!("it is leased") };
    assert!(!retry_after.is_zero() && retry_after <= bench.lease, "{retry_after:?}");
    bench.until_the_lease_is_over().await;
    assert_eq!(bench.ours(&key("q", "r")).await.1, batches.concat());
}

pub(crate) async fn a_released_run_is_free_at_once(bench: &Bench) {
    let lease = written(bench, "q", "r", vec![Writer::new("r").accepted(false)]).await;
    assert!(bench.is_elsewhere(&key("q", "r")).await);
    bench.journal.release(&lease).await;
    assert!(!bench.is_elsewhere(&key("q", "r")).await);
}

pub(crate) async fn an_append_and_a_renewal_renew_the_lease(bench: &Bench) {
    let mut writer = Writer::new("r");
    let (mut lease, _) = bench.ours(&key("q", "r")).await;
    for round in 0..4 {
        tokio::time::sleep(bench.lease * 7 / 10).await;
        assert!(lease.holds());
        let until = lease.until;
        match round {
            0 => bench.journal.append(&mut lease, writer.accepted(false)).await.unwrap(),
            1 => bench.journal.append(&mut lease, writer.intent()).await.unwrap(),
            _ => bench.journal.renew(&mut lease).await.unwrap(),
        }
        assert!(lease.until > until);
        assert!(bench.is_elsewhere(&key("q", "r")).await);
    }
}

pub(crate) async fn a_release_needs_no_renewed_lease(bench: &Bench) {
    let (mut lease, _) = bench.ours(&key("q", "r")).await;
    let as_claimed = lease.clone();
    bench.journal.append(&mut lease, Writer::new("r").accepted(false)).await.unwrap();
    tokio::time::sleep(bench.lease / 10).await;
    bench.journal.renew(&mut lease).await.unwrap();
    bench.journal.release(&as_claimed).await;
    assert!(!bench.is_elsewhere(&key("q", "r")).await);
}

pub(crate) async fn a_stale_fence_writes_nothing(bench: &Bench) {
    let mut writer = Writer::new("r");
    let mut old = written(bench, "q", "r", vec![writer.accepted(false)]).await;
    bench.until_the_lease_is_over().await;
    let (mut new, before) = bench.ours(&key("q", "r")).await;
    fenced(bench.journal.append(&mut old, writer.intent())).await;
    fenced(bench.journal.append(&mut old, [writer.intent(), writer.outcome()].concat())).await;
    fenced(bench.journal.renew(&mut old)).await;
    bench.journal.append(&mut new, Writer::new("r").intent()).await.unwrap();
    bench.journal.release(&new).await;
    fenced(bench.journal.append(&mut old, writer.intent())).await;
    assert_eq!(log_of(bench, "q", "r").await, [before, Writer::new("r").intent()].concat());
}

pub(crate) async fn a_stale_fence_does_not_free_the_run(bench: &Bench) {
    let old = written(bench, "q", "r", vec![Writer::new("r").accepted(false)]).await;
    bench.until_the_lease_is_over().await;
    let (mut new, _) = bench.ours(&key("q", "r")).await;
    bench.journal.release(&old).await;
    assert!(bench.is_elsewhere(&key("q", "r")).await);
    bench.journal.renew(&mut new).await.expect("the run is still the new one's");
}

pub(crate) async fn fences_grow(bench: &Bench) {
    let mut last = 0;
    for _ in 0..3 {
        let (mut lease, _) = bench.ours(&key("q", "r")).await;
        assert!(lease.fence > last);
        last = lease.fence;
        assert!(bench.is_elsewhere(&key("q", "r")).await, "a claim in vain takes nothing away");
        bench.journal.renew(&mut lease).await.unwrap();
        bench.journal.release(&lease).await;
    }
}

pub(crate) async fn one_of_many_gets_the_run(bench: &Bench) {
    let claims = (0..16).map(|_| {
        let journal = bench.journal.clone();
        tokio::spawn(async move { matches!(journal.claim(&key("q", "r")).await, Ok(Claimed::Ours { .. })) })
    });
    let mut won = 0;
    for claim in claims.collect::<Vec<_>>() {
        won += usize::from(claim.await.unwrap());
    }
    assert_eq!(won, 1);
}

pub(crate) async fn queues_have_runs_of_their_own(bench: &Bench) {
    let lease = written(bench, "q1", "r", vec![Writer::new("r").accepted(false)]).await;
    let (other, log) = bench.ours(&key("q2", "r")).await;
    assert!(log.is_empty());
    bench.journal.release(&other).await;
    bench.journal.release(&lease).await;
    bench.journal.acknowledged(&key("q2", "r")).await;
    assert_eq!(log_of(bench, "q1", "r").await.len(), 2);
}

pub(crate) async fn logs_do_not_mix(bench: &Bench) {
    let runs: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    let writers = runs.iter().cloned().map(|run| {
        let (journal, batches) = (bench.journal.clone(), Writer::whole(&run, false));
        tokio::spawn(async move {
            let Ok(Claimed::Ours { mut lease, .. }) = journal.claim(&key("q", &run)).await else { panic!() };
            for batch in batches {
                journal.append(&mut lease, batch).await.unwrap();
                tokio::task::yield_now().await;
            }
            journal.release(&lease).await;
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for run in &runs {
        assert_eq!(log_of(bench, "q", run).await, Writer::whole(run, false).concat());
    }
}

pub(crate) async fn an_acknowledged_run_keeps_its_result_for_the_retention(bench: &Bench) {
    let batches = Writer::whole("r", false);
    let lease = written(bench, "q", "r", batches.clone()).await;
    bench.journal.release(&lease).await;
    bench.journal.acknowledged(&key("q", "r")).await;
    let (before, after) = (replay(&batches.concat()), replay(&log_of(bench, "q", "r").await));
    assert!(after.is_settled());
    assert_eq!(after.result(), before.result());
    assert_eq!(after.finished(), before.finished());
    assert_eq!((after.head(), after.origin()), (before.head(), before.origin()));
    tokio::time::sleep(bench.retention + bench.lease).await;
    assert!(log_of(bench, "q", "r").await.is_empty(), "it is forgotten");
}

pub(crate) async fn a_run_that_nobody_acknowledged_is_kept(bench: &Bench) {
    let batches = Writer::whole("r", false);
    let lease = written(bench, "q", "r", batches.clone()).await;
    bench.journal.release(&lease).await;
    written(bench, "q", "open", batches[..2].to_vec()).await;
    tokio::time::sleep(bench.retention * 3 + bench.lease).await;
    assert_eq!(log_of(bench, "q", "r").await, batches.concat());
    assert_eq!(log_of(bench, "q", "open").await.len(), 3);
}

pub(crate) async fn an_acknowledgement_counts_once(bench: &Bench) {
    let lease = written(bench, "q", "r", Writer::whole("r", false)).await;
    bench.journal.release(&lease).await;
    bench.journal.acknowledged(&key("q", "r")).await;
    bench.journal.acknowledged(&key("q", "r")).await;
    bench.journal.acknowledged(&key("q", "unheard-of")).await;
    assert!(replay(&log_of(bench, "q", "r").await).is_settled());
    tokio::time::sleep(bench.retention + bench.lease).await;
    // The same id again is a new run, with a retention of its own.
    let lease = written(bench, "q", "r", Writer::whole("r", false)).await;
    bench.journal.release(&lease).await;
    assert!(replay(&log_of(bench, "q", "r").await).is_settled());
}

pub(crate) async fn an_assigned_run_is_found_while_it_is_free_and_unacknowledged(bench: &Bench) {
    let hash = definition_hash();
    let find = |queue: &'static str, hash: String| async move { bench.journal.find_assigned(queue, &hash).await };
    assert_eq!(find("q", hash.clone()).await, None);
    let lease = written(bench, "q", "r", Writer::whole("r", true)).await;
    assert_eq!(find("q", hash.clone()).await, None, "it is leased");
    bench.journal.release(&lease).await;
    assert_eq!(find("q", hash.clone()).await, Some(key("q", "r").run_id));
    assert_eq!(find("other", hash.clone()).await, None);
    assert_eq!(find("q", "0".repeat(64)).await, None);
    let (lease, _) = bench.ours(&key("q", "r")).await;
    assert_eq!(find("q", hash.clone()).await, None, "it is leased again");
    bench.until_the_lease_is_over().await;
    assert_eq!(find("q", hash.clone()).await, Some(lease.key.run_id));
    bench.journal.acknowledged(&key("q", "r")).await;
    assert_eq!(find("q", hash).await, None, "its message is gone");
}

pub(crate) async fn a_run_that_was_named_by_its_message_is_not_found(bench: &Bench) {
    let lease = written(bench, "q", "r", Writer::whole("r", false)).await;
    bench.journal.release(&lease).await;
    assert_eq!(bench.journal.find_assigned("q", &definition_hash()).await, None);
}

pub(crate) async fn overdue_runs_are_those_that_nobody_has_and_whose_clock_was_over(bench: &Bench) {
    let deadline = Millis::EPOCH.plus(Duration::from_secs(300));
    let overdue = |queue: &'static str, before: Millis, most: usize| async move {
        let mut found = bench.journal.overdue(queue, before, most).await.unwrap();
        found.sort();
        found
    };
    let after = deadline.plus(Duration::from_millis(1));
    for (run, count) in [("open", 2), ("finished", 4), ("settled", 5)] {
        let lease = written(bench, "q", run, Writer::whole(run, false)[..count].to_vec()).await;
        assert!(!overdue("q", after, 9).await.contains(&lease.key), "{run} is leased");
        bench.journal.release(&lease).await;
    }
    assert_eq!(overdue("q", after, 9).await, [key("q", "finished"), key("q", "open")]);
    assert_eq!(overdue("q", after, 1).await.len(), 1);
    assert_eq!(overdue("q", deadline, 9).await, [], "its clock is over after its deadline");
    assert_eq!(overdue("other", after, 9).await, []);
    bench.journal.acknowledged(&key("q", "open")).await;
    assert_eq!(overdue("q", after, 9).await, [key("q", "finished")]);
    // Nothing is recorded of it, so it has no clock.
    let (_lease, _) = bench.ours(&key("q", "claimed")).await;
    bench.until_the_lease_is_over().await;
    assert_eq!(overdue("q", after, 9).await, [key("q", "finished")]);
}

pub(crate) async fn what_was_settled_has_no_message_when_the_queue_was_empty(bench: &Bench) {
    for (queue, run, count) in [("q", "settled", 5), ("q", "finished", 4), ("other", "settled", 5)] {
        let lease = written(bench, queue, run, Writer::whole(run, true)[..count].to_vec()).await;
        bench.journal.release(&lease).await;
    }
    let length = async |queue: &str, run: &str| log_of(bench, queue, run).await.len();
    bench.journal.emptied("q", Millis::EPOCH).await;
    tokio::time::sleep(bench.retention + bench.lease).await;
    assert_eq!(length("q", "settled").await, 8, "it was settled no earlier than that");
    bench.journal.emptied("q", Millis::EPOCH.plus(Duration::from_millis(1))).await;
    tokio::time::sleep(bench.retention + bench.lease).await;
    assert_eq!(length("q", "settled").await, 0, "kept for the retention only");
    assert_eq!(length("q", "finished").await, 7, "not settled: nothing of it may be lost");
    assert_eq!(length("other", "settled").await, 8, "another queue");
}

pub(crate) async fn a_take_over_leaves_its_own_leases(bench: &Bench) {
    let mut lease = written(bench, "q", "r", vec![Writer::new("r").accepted(false)]).await;
    bench.journal.take_over("q").await.unwrap();
    assert!(bench.is_elsewhere(&key("q", "r")).await);
    bench.journal.renew(&mut lease).await.unwrap();
}
