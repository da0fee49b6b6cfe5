//! The writer's connection.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use super::error::FileError;
use super::fault::Trouble;
use super::file::JournalFile;
use super::schema;

/// How long the writer waits for somebody who prunes.
const BUSY: Duration = Duration::from_secs(5);

/// A commit is on disk before it is answered: `synchronous = FULL` syncs the write-ahead log at each. The log is emptied into the
/// file every 1,000 pages (SQLite's default), and what is over 16 MiB of it is given back then.
const SETTINGS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 16777216;
PRAGMA temp_store = MEMORY;
";

/// Opens the file, looks whether it is whole, and brings it up to date: the connection and the journal's identity.
///
/// # Errors
/// [`FileError`].
pub(super) fn open(file: &mut JournalFile) -> Result<(Connection, String), FileError> {
    let opened = try_open(file).map_err(|trouble| trouble.into_file_error(file.shown()))?;
    file.opened()?;
    Ok(opened)
}

fn try_open(file: &JournalFile) -> Result<(Connection, String), Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file.path(), flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Room that is free can be given back, a little at a time. Of effect in an empty file only, before anything else is in it.
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    connection.execute_batch(SETTINGS)?;
    look(&connection)?;
    schema::bring_up_to_date(&mut connection, file.shown(), &Uuid::now_v7().to_string())?;
    let identity = connection.query_row("SELECT identity FROM journal", (), |row| row.get(0))?;
    Ok((connection, identity))
}

/// Whether the file is whole, as SQLite sees it.
fn look(connection: &Connection) -> Result<(), Trouble> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Trouble::Damaged(found.replace('\n', " "))) }
}
