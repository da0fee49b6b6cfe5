//! The memory journal: the contract, and what is its own.

use std::sync::Arc;
use std::time::Duration;

use cxchain::chain::log::{Private, Record};
use cxchain::journal::{MemoryJournal, MemorySettings};

use super::Bench;
use super::run::{Writer, key};

const LEASE: Duration = Duration::from_secs(30);
const RETENTION: Duration = Duration::from_secs(24 * 3600);

fn keeping(keep_bytes: usize) -> Bench {
    let settings = MemorySettings { lease: LEASE, retention: RETENTION, keep_bytes };
    Bench { journal: Arc::new(MemoryJournal::new(settings)), lease: LEASE, retention: RETENTION }
}

contract! { #[tokio::test(start_paused = true)] keeping(32 * 1024 * 1024) }

/// A run that was run, with a result of so many bytes, and acknowledged.
async fn acknowledged(bench: &Bench, run: &str, result_bytes: usize) {
    let (mut lease, _) = bench.ours(&key("q", run)).await;
    let mut writer = Writer::new(run);
    for batch in [writer.accepted(false), writer.intent(), writer.outcome(), writer.finished(result_bytes)] {
        bench.journal.append(&mut lease, batch).await.unwrap();
    }
    bench.journal.append(&mut lease, writer.settled()).await.unwrap();
    bench.journal.release(&lease).await;
    bench.journal.acknowledged(&key("q", run)).await;
}

async fn length(bench: &Bench, run: &str) -> usize {
    let (lease, log) = bench.ours(&key("q", run)).await;
    bench.journal.release(&lease).await;
    log.len()
}

#[tokio::test(start_paused = true)]
async fn the_oldest_acknowledged_runs_go_first_when_there_are_too_many() {
    let bench = keeping(300_000);
    for run in ["a", "b", "c"] {
        acknowledged(&bench, run, 90_000).await;
    }
    assert!(length(&bench, "a").await > 0, "three are not too many");
    acknowledged(&bench, "d", 90_000).await;
    assert_eq!(length(&bench, "a").await, 0);
    for run in ["b", "c", "d"] {
        assert!(length(&bench, run).await > 0, "{run}");
    }
    acknowledged(&bench, "e", 250_000).await;
    for run in ["b", "c", "d"] {
        assert_eq!(length(&bench, run).await, 0, "{run}");
    }
    assert!(length(&bench, "e").await > 0);
}

#[tokio::test(start_paused = true)]
async fn runs_in_hand_are_not_counted_and_never_evicted() {
    let bench = keeping(1);
    let (mut lease, _) = bench.ours(&key("q", "open")).await;
    bench.journal.append(&mut lease, Writer::new("open").accepted(false)).await.unwrap();
    acknowledged(&bench, "a", 1_000).await;
    assert_eq!(length(&bench, "a").await, 0);
    bench.journal.release(&lease).await;
    assert_eq!(length(&bench, "open").await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_run_whose_duplicate_is_at_work_is_not_evicted() {
    let bench = keeping(300_000);
    acknowledged(&bench, "a", 90_000).await;
    let (mut lease, _) = bench.ours(&key("q", "a")).await;
    acknowledged(&bench, "b", 250_000).await;
    bench.journal.renew(&mut lease).await.unwrap();
    bench.journal.release(&lease).await;
    assert!(length(&bench, "a").await > 0, "the next one went in its place");
    acknowledged(&bench, "c", 250_000).await;
    assert_eq!(length(&bench, "a").await, 0, "it goes once it is free");
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_run_keeps_neither_its_definition_nor_its_responses() {
    let bench = keeping(1_000_000);
    acknowledged(&bench, "a", 10).await;
    for record in bench.ours(&key("q", "a")).await.1 {
        match record {
            Record::Private(Private::StepData { .. }) => panic!("a response is kept"),
            Record::Private(Private::Definition { canonical, .. }) => assert_eq!(canonical, ""),
            Record::Private(_) | Record::Event(_) => {}
        }
    }
}

#[tokio::test]
async fn it_says_that_it_dies_with_its_process() {
    assert!(!keeping(1).journal.survives_restart());
}
