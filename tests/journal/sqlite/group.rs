//! Many share one commit, and one that cannot be done does not spoil it for the others.

use std::path::Path;

use cxchain::ports::JournalError;
use rusqlite::Connection;
use tokio::task::JoinHandle;

use super::*;

/// Commits in the write-ahead log: frames that say how large the database is after them. The format is at
/// <https://www.sqlite.org/fileformat2.html#walformat>.
fn commits(wal: &Path) -> usize {
    let bytes = std::fs::read(wal).unwrap();
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let (header, frame) = (32, 24 + word(8) as usize);
    let frames = (header..).step_by(frame).take_while(|at| at + frame <= bytes.len());
    // Frames of a log that was begun anew are followed by the old one's, which have another salt.
    frames.take_while(|at| word(at + 8) == word(16)).filter(|at| word(at + 4) > 0).count()
}

/// Each of these runs is accepted, by a task of its own.
fn accepted_at_once(journal: &Arc<SqliteJournal>, leases: Vec<Lease>) -> Vec<JoinHandle<Result<(), JournalError>>> {
    let accept = |mut lease: Lease| {
        let journal = journal.clone();
        tokio::spawn(async move {
            let run = lease.key.run_id.to_string();
            journal.append(&mut lease, Writer::new(&run).accepted(false)).await
        })
    };
    leases.into_iter().map(accept).collect()
}

#[tokio::test]
async fn many_appends_at_once_take_few_commits() {
    const RUNS: usize = 100;
    let place = Place::new();
    let journal = Arc::new(open(&place));
    let mut leases = Vec::new();
    for n in 0..RUNS {
        leases.push(ours(&journal, &format!("r{n}")).await.0);
    }
    // While somebody else writes, nobody gets an answer, and the line grows.
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = commits(&place.beside("-wal"));
    let appends = accepted_at_once(&journal, leases);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(appends.iter().all(|append| !append.is_finished()), "an answer before the commit");
    other.execute_batch("ROLLBACK").unwrap();
    for append in appends {
        append.await.unwrap().unwrap();
    }
    let took = commits(&place.beside("-wal")) - before;
    // Those that were in line when the first of them found the file locked, those that came then, and the upkeep's.
    assert!((1..=4).contains(&took), "{RUNS} appends took {took} commits");
}

#[tokio::test]
async fn a_request_that_cannot_be_done_spoils_nothing_for_the_others() {
    let place = Place::new();
    let journal = Arc::new(open(&place));
    let mut leases = Vec::new();
    for run in ["a", "spoilt", "b"] {
        leases.push(ours(&journal, run).await.0);
    }
    let other = Connection::open(place.path()).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER spoil BEFORE UPDATE OF chain_id ON runs WHEN old.run_id = 'spoilt'
             BEGIN SELECT RAISE(ABORT, 'it cannot be done'); END;
             BEGIN IMMEDIATE",
        )
        .unwrap();
    let appends = accepted_at_once(&journal, leases);
    tokio::time::sleep(Duration::from_millis(300)).await;
    other.execute_batch("COMMIT").unwrap();
    let mut answers = Vec::new();
    for append in appends {
        answers.push(append.await.unwrap());
    }
    let Err(JournalError::Unavailable(why)) = &answers[1] else { panic!("{answers:?}") };
    assert!(why.contains("it cannot be done"), "{why}");
    assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
    tokio::time::sleep(LEASE).await;
    assert_eq!(ours(&journal, "a").await.1.len(), 2);
    assert_eq!(ours(&journal, "spoilt").await.1, [], "nothing of it is there");
}
