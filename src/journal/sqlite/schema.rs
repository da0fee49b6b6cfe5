//! The tables, by version. Whoever opens a file asks here whether it is a journal, and of which version.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::FileError;
use super::fault::Trouble;

/// SQLite's mark for whose a file is (`PRAGMA application_id`): "cxch".
const APPLICATION_ID: i32 = 0x6378_6368;

/// What leads from one version (`PRAGMA user_version`) to the next, from an empty file on. What has been released is never changed.
const MIGRATIONS: [&str; 1] = [V1];

/// The version that this release reads and writes.
pub(super) const LATEST: usize = MIGRATIONS.len();

/// Times are milliseconds since 1970. A record lies at `run << 20 | n`: the records of a run are neighbours, in order, and need no
/// index of their own.
const V1: &str = "
CREATE TABLE journal (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    identity   TEXT NOT NULL,
    last_fence INTEGER NOT NULL
) STRICT;
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY,
    queue           TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    fence           INTEGER NOT NULL,
    owner           TEXT NOT NULL,
    leased_until    INTEGER NOT NULL,
    records         INTEGER NOT NULL DEFAULT 0,
    worker          TEXT,
    chain_id        TEXT,
    tenant          TEXT,
    definition_hash TEXT,
    assigned        INTEGER NOT NULL DEFAULT 0,
    steps_total     INTEGER,
    steps_done      INTEGER NOT NULL DEFAULT 0,
    accepted_at     INTEGER,
    deadline        INTEGER,
    finished_at     INTEGER,
    final_status    TEXT,
    settled_at      INTEGER,
    acknowledged_at INTEGER,
    UNIQUE (run_id, queue)
) STRICT;
CREATE INDEX runs_in_hand ON runs (queue) WHERE acknowledged_at IS NULL;
CREATE INDEX runs_over ON runs (acknowledged_at) WHERE acknowledged_at IS NOT NULL;
CREATE TABLE records (
    place INTEGER PRIMARY KEY,
    kind  INTEGER NOT NULL,
    body  BLOB NOT NULL,
    crc   INTEGER NOT NULL
) STRICT;
CREATE VIEW log AS
    SELECT runs.queue, runs.run_id, records.place & 1048575 AS n, records.kind, CAST(records.body AS TEXT) AS body
    FROM records JOIN runs ON runs.id = records.place >> 20;
";

/// The most records of one run, by which places are apart.
pub(super) const MOST_RECORDS: i64 = 1 << 20;

/// Where the `n`th record (from 0) of the run with this row lies.
pub(super) fn place(run: i64, n: i64) -> i64 {
    (run << 20) | n
}

/// Whose a file is.
enum Whose {
    Nobodys,
    Ours(usize),
}

fn whose(connection: &Connection, path: &str) -> Result<Whose, Trouble> {
    let application: i32 = connection.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    let version: usize = connection
        .query_row("PRAGMA user_version", (), |row| row.get::<_, i64>(0))
        .map(|version| usize::try_from(version).unwrap_or(usize::MAX))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(Whose::Nobodys),
        (APPLICATION_ID, 1..=LATEST, 1..) => Ok(Whose::Ours(version)),
        (APPLICATION_ID, found, 1..) if found > LATEST => {
            Err(Trouble::File(FileError::Newer { path: path.to_owned(), found, known: LATEST }))
        }
        _ => Err(Trouble::File(FileError::Foreign { path: path.to_owned() })),
    }
}

/// Refuses a file that is no journal of this release's version: for whoever only reads.
pub(super) fn must_be_ours(connection: &Connection, path: &str) -> Result<(), Trouble> {
    match whose(connection, path)? {
        Whose::Ours(LATEST) => Ok(()),
        Whose::Ours(found) => Err(Trouble::File(FileError::Older { path: path.to_owned(), found, known: LATEST })),
        Whose::Nobodys => Err(Trouble::File(FileError::Foreign { path: path.to_owned() })),
    }
}

/// Brings a new or older file to the latest version, in one transaction. `identity` becomes a new one's name for itself.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &str, identity: &str) -> Result<(), Trouble> {
    let from = match whose(connection, path)? {
        Whose::Nobodys => 0,
        Whose::Ours(LATEST) => return Ok(()),
        Whose::Ours(version) => version,
    };
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    for migration in &MIGRATIONS[from..] {
        transaction.execute_batch(migration)?;
    }
    if from == 0 {
        transaction.execute("INSERT INTO journal (one, identity, last_fence) VALUES (1, ?1, 0)", (identity,))?;
        transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {LATEST}"))?;
    Ok(transaction.commit()?)
}
