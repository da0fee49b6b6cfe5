//! The file as other processes read and prune it.

use cxchain::chain::RunId;
use cxchain::chain::stamp::Millis;
use cxchain::journal::sqlite::{FileError, Filter, ReadError, Reader, RunPhase, prune};
use cxchain::ports::{Clock, SystemClock};

use super::*;

fn now() -> Millis {
    Millis::of(SystemClock.now())
}

fn id(run: &str) -> RunId {
    RunId::parse(run).unwrap()
}

fn all(reader: &Reader, open: bool) -> Vec<(String, RunPhase)> {
    let runs = reader.runs(&Filter { open, limit: 100, ..Filter::default() }).unwrap();
    runs.into_iter().map(|run| (run.run_id, run.phase)).collect()
}

/// A run at every stage of its life: `r0` is claimed, …, `r5` is acknowledged.
async fn every_phase(journal: &SqliteJournal) -> Lease {
    let claimed = ours(journal, "r0").await.0;
    for count in 1..=5 {
        let run = format!("r{count}");
        write(journal, &run, Writer::whole(&run, false)[..count].to_vec()).await;
    }
    write_whole(journal, "r6").await;
    claimed
}

#[tokio::test]
async fn runs_are_listed_while_a_worker_writes_and_when_none_does() {
    let place = Place::new();
    let Err(missing) = Reader::open(&place.path()) else { panic!("there is none") };
    assert!(matches!(&missing, FileError::Missing { .. }), "{missing}");

    let journal = open(&place);
    let lease = every_phase(&journal).await;
    journal.renew(&mut lease.clone()).await.unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    let expected = |runs: &[(&str, RunPhase)]| -> Vec<(String, RunPhase)> {
        runs.iter().map(|(run, phase)| ((*run).to_owned(), *phase)).collect()
    };
    let everything = expected(&[
        ("r6", RunPhase::Acknowledged),
        ("r5", RunPhase::Settled),
        ("r4", RunPhase::Finished),
        ("r3", RunPhase::Open),
        ("r2", RunPhase::Open),
        ("r1", RunPhase::Open),
        ("r0", RunPhase::Claimed),
    ]);
    assert_eq!(all(&reader, false), everything);
    assert_eq!(all(&reader, true), everything[2..]);
    assert_eq!(
        reader.runs(&Filter { open: true, queue: Some("other".into()), limit: 9, ..Filter::default() }).unwrap(),
        []
    );
    assert_eq!(
        reader.runs(&Filter { open: false, queue: Some("q".into()), limit: 2, ..Filter::default() }).unwrap().len(),
        2
    );

    let (run, log) = reader.run(&id("r3"), None).unwrap();
    assert_eq!(log, Writer::whole("r3", false)[..3].concat());
    assert_eq!((run.steps_done, run.steps_total, run.records), (1, Some(1), 5));
    assert_eq!(
        (run.chain_id.as_deref(), run.tenant.as_deref(), run.worker.as_deref()),
        (Some("c"), Some("t"), Some("w"))
    );
    assert_eq!((run.started_at, run.deadline), (Some(Millis::EPOCH), Some(Millis::from_epoch(300_000))));
    assert_eq!((run.finished_at, run.final_status, run.leased_until), (None, None, None));
    let (run, _) = reader.run(&id("r6"), Some("q")).unwrap();
    assert_eq!((run.final_status.as_deref(), run.finished_at), (Some("completed"), Some(Millis::EPOCH)));
    assert!(run.acknowledged_at.is_some());
    assert!(reader.run(&id("r0"), None).unwrap().0.leased_until > Some(now()));

    let stats = reader.stats().unwrap();
    assert_eq!((stats.claimed, stats.open, stats.finished, stats.settled, stats.acknowledged), (1, 3, 1, 1, 1));
    assert_eq!(Some(stats.identity.as_str()), journal.identity());
    assert_eq!(stats.records, 2 + 3 + 5 + 7 + 8 + 8);
    assert!(stats.wal_bytes > 0 && stats.oldest_open == Some(Millis::EPOCH) && stats.oldest_acknowledged.is_some());

    drop((reader, journal));
    assert_eq!(all(&Reader::open(&place.path()).unwrap(), false), everything, "nobody writes it");
}

#[tokio::test]
async fn runs_of_one_name_in_two_queues_are_told_apart() {
    let place = Place::new();
    let journal = open(&place);
    write(&journal, "r", Writer::whole("r", false)).await;
    let Claimed::Ours { lease, .. } = journal.claim(&key("other", "r")).await.unwrap() else { panic!("it is free") };
    journal.renew(&mut lease.clone()).await.unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    let queues = vec!["other".to_owned(), "q".to_owned()];
    assert_eq!(reader.run(&id("r"), None).unwrap_err(), ReadError::Ambiguous { run_id: id("r"), queues });
    assert_eq!(reader.run(&id("r"), Some("q")).unwrap().1.len(), 8);
    assert_eq!(reader.run(&id("x"), None).unwrap_err(), ReadError::NoRun(id("x")));
}

/// As after a crash: what the worker has written last lies in the write-ahead log only.
#[tokio::test]
async fn a_file_is_read_as_a_crash_has_left_it() {
    let (place, left) = (Place::new(), Place::new());
    let journal = open(&place);
    write(&journal, "r", Writer::whole("r", false)).await;
    ours(&journal, "last").await;
    for suffix in ["", "-wal"] {
        // Another process would do: no handle of this one may touch the file.
        let copied = std::process::Command::new("cp").args([place.beside(suffix), left.beside(suffix)]).status();
        assert!(copied.unwrap().success());
    }
    let reader = Reader::open(&left.path()).unwrap();
    assert_eq!(reader.run(&id("r"), None).unwrap().1, Writer::whole("r", false).concat());
}

#[tokio::test]
async fn what_is_over_is_pruned_beside_a_worker_and_without_one() {
    let place = Place::new();
    // Nothing that is over goes by itself, however long this takes.
    let settings = SqliteSettings { retention: Duration::from_secs(3600), ..settings(&place.path()) };
    let journal = SqliteJournal::open(&settings, Report::default()).expect("it can be opened");
    every_phase(&journal).await;
    for n in 0..200 {
        write_whole(&journal, &format!("over-{n}")).await;
    }
    // The last acknowledgement is written.
    let (held, _) = ours(&journal, "over-7").await;
    let earlier = Millis::from_epoch(now().since_epoch() - 3_600_000);
    assert_eq!(prune(&place.path(), earlier, now()).unwrap().runs, 0, "none is as old as that");
    let pruned = prune(&place.path(), now(), now()).unwrap();
    assert_eq!(pruned.runs, 200, "all but the one that a worker has");
    assert!(pruned.bytes > 0);
    let reader = Reader::open(&place.path()).unwrap();
    let left = all(&reader, false);
    assert_eq!(left.len(), 7, "{left:?}");
    assert!(left.iter().all(|(run, phase)| *phase != RunPhase::Acknowledged || run == "over-7"), "{left:?}");
    journal.renew(&mut held.clone()).await.expect("the worker goes on");
    journal.release(&held).await;
    drop(journal);
    assert_eq!(prune(&place.path(), now(), now()).unwrap().runs, 1);
}
