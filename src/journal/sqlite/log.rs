//! The log of one run, read.

use rusqlite::Connection;

use super::encoding::decode;
use super::fault::Trouble;
use super::schema::{MOST_RECORDS, place};
use crate::chain::log::Record;

/// The records of the run with this row, which has `records` of them: all, in order, none of them damaged. The run's name is for
/// the error.
pub(super) fn read(connection: &Connection, run: i64, records: u64, name: &str) -> Result<Vec<Record>, Trouble> {
    let mut select = connection
        .prepare_cached("SELECT place, kind, body, crc FROM records WHERE place BETWEEN ?1 AND ?2 ORDER BY place")?;
    let mut rows = select.query((place(run, 0), place(run, MOST_RECORDS - 1)))?;
    let mut log = Vec::new();
    let damaged = |n: usize, what: &str| Trouble::Damaged(format!("run {name}, record {n}: {what}"));
    while let Some(row) = rows.next()? {
        let n = log.len();
        let at: i64 = row.get(0)?;
        if i64::try_from(n).map(|n| place(run, n)) != Ok(at) {
            return Err(damaged(n, "a record is missing"));
        }
        let record = decode(at, row.get(1)?, row.get_ref(2)?.as_bytes().map_err(rusqlite::Error::from)?, row.get(3)?);
        log.push(record.map_err(|trouble| match trouble {
            Trouble::Damaged(what) => damaged(n, &what),
            other => other,
        })?);
    }
    if log.len() as u64 != records {
        return Err(damaged(log.len(), "a record is missing"));
    }
    Ok(log)
}
