//! Files that are not what they were, or never were what they are taken for.

use std::os::unix::fs::{FileExt, PermissionsExt};

use cxchain::journal::sqlite::FileError;
use cxchain::ports::JournalError;
use rusqlite::Connection;

use super::*;

fn refused(place: &Place) -> FileError {
    match SqliteJournal::open(&settings(&place.path()), Report::default()) {
        Ok(_) => panic!("it was opened"),
        Err(why) => why,
    }
}

/// A journal with a run, closed.
async fn written() -> Place {
    let place = Place::new();
    let journal = open(&place);
    write(&journal, "r", Writer::whole("r", false)).await;
    drop(journal);
    place
}

async fn unavailable(journal: &SqliteJournal, run: &str) -> String {
    match journal.claim(&key("q", run)).await {
        Err(JournalError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused_and_left_as_it_is() {
    let place = written().await;
    let file = Connection::open(place.path()).unwrap();
    file.execute_batch("PRAGMA user_version = 2").unwrap();
    let why = refused(&place);
    assert!(matches!(why, FileError::Newer { found: 2, known: 1, .. }) && why.is_configuration(), "{why}");
    let version: i64 = file.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_refused_and_left_as_it_is() {
    let place = Place::new();
    let file = Connection::open(place.path()).unwrap();
    file.execute_batch("CREATE TABLE precious (x)").unwrap();
    let why = refused(&place);
    assert!(matches!(why, FileError::Foreign { .. }) && why.is_configuration(), "{why}");
    let tables: i64 = file.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_damaged() {
    let place = Place::new();
    std::fs::write(place.path(), "x".repeat(10_000)).unwrap();
    let why = refused(&place);
    assert!(matches!(why, FileError::Damaged { .. }) && !why.is_configuration(), "{why}");
}

#[tokio::test]
async fn a_damaged_page_is_seen_at_the_start() {
    let place = written().await;
    let file = std::fs::File::options().write(true).open(place.path()).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    assert!(pages > 4);
    for page in 2..pages {
        file.write_all_at(&[0xa5; 512], page * 4096).unwrap();
    }
    let why = refused(&place);
    let FileError::Damaged { path, .. } = &why else { panic!("{why}") };
    assert_eq!(*path, place.path().display().to_string());
    assert!(why.to_string().contains("Put no backup in its place"), "{why}");
}

/// A byte that SQLite has no reason to doubt.
#[tokio::test]
async fn a_flipped_byte_of_a_record_is_seen_when_the_record_is_read() {
    let place = written().await;
    let file = Connection::open(place.path()).unwrap();
    let flip =
        "UPDATE records SET body = CAST(replace(CAST(body AS TEXT), '\"latency_ms\":1,', '\"latency_ms\":3,') AS BLOB)";
    file.execute_batch(flip).unwrap();
    drop(file);
    let report = Report::default();
    let journal = SqliteJournal::open(&settings(&place.path()), report.clone()).expect("SQLite finds nothing");
    let why = unavailable(&journal, "r").await;
    assert!(why.contains("is damaged: run r, record 4: a record does not match its checksum"), "{why}");
    assert!(matches!(journal.broken().await, FileError::Damaged { .. }));
    assert_eq!(report.standing().state, JournalState::Fails);
    assert_eq!(report.standing().last_error.map(|(_, said)| said), Some(why));
    unavailable(&journal, "another").await;
}

#[tokio::test]
async fn a_missing_record_is_seen() {
    let place = written().await;
    let file = Connection::open(place.path()).unwrap();
    file.execute_batch("DELETE FROM records WHERE place & 1048575 = 6").unwrap();
    let why = unavailable(&open(&place), "r").await;
    assert!(why.contains("run r, record 6: a record is missing"), "{why}");
}

/// Whatever is taken away: the file, its write-ahead log, or the file for another one in its place.
#[tokio::test]
async fn a_file_that_is_taken_away_breaks_the_journal_with_and_without_work() {
    for (what, idle) in [("", true), ("", false), ("-wal", true), ("-wal", false), ("replaced", false)] {
        let place = written().await;
        let journal = open(&place);
        let (mut lease, _) = ours(&journal, "before").await;
        if what == "replaced" {
            let other = written().await;
            std::fs::rename(other.path(), place.path()).unwrap();
        } else {
            std::fs::remove_file(place.beside(what)).unwrap();
        }
        if !idle {
            let append = journal.append(&mut lease, Writer::new("before").accepted(false)).await;
            assert!(matches!(append, Err(JournalError::Unavailable(_))), "{what}: {append:?}");
        }
        let broken = tokio::time::timeout(Duration::from_secs(10), journal.broken()).await;
        assert!(matches!(broken, Ok(FileError::Gone { .. })), "{what} {idle}: {broken:?}");
    }
}

#[tokio::test]
async fn nobody_else_may_read_what_is_in_it() {
    let place = written().await;
    let _journal = open(&place);
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mode = std::fs::metadata(place.beside(suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
}
