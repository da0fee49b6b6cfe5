//! What is asked about all runs of a queue, and what becomes of a run when its message is gone.

use rusqlite::OptionalExtension;

use super::fault::Trouble;
use super::request::{Desk, Request};
use crate::chain::RunId;
use crate::chain::stamp::Millis;
use crate::ports::RunKey;

/// Its message is acknowledged. The first time counts.
pub(super) struct Acknowledged {
    pub(super) key: RunKey,
}

impl Request for Acknowledged {
    type Answer = ();

    fn carry_out(&self, desk: &Desk<'_>) -> Result<(), Trouble> {
        let mut select = desk
            .connection
            .prepare_cached("SELECT id FROM runs WHERE run_id = ?1 AND queue = ?2 AND acknowledged_at IS NULL")?;
        let found = select.query_row((self.key.run_id.as_str(), &self.key.queue), |row| row.get::<_, i64>(0));
        // By its row: an index that changes under its own search is one that SQLite makes a table of its own for.
        if let Some(run) = found.optional()? {
            desk.connection
                .prepare_cached("UPDATE runs SET acknowledged_at = ?2 WHERE id = ?1")?
                .execute((run, desk.wall.since_epoch()))?;
        }
        Ok(())
    }
}

/// Leases of other processes on the queue's runs are over; what they have claimed and not begun is forgotten.
pub(super) struct TakeOver {
    pub(super) queue: String,
}

impl Request for TakeOver {
    type Answer = ();

    fn carry_out(&self, desk: &Desk<'_>) -> Result<(), Trouble> {
        let others = (&self.queue, &desk.terms.owner);
        desk.connection.execute(
            "DELETE FROM runs WHERE queue = ?1 AND acknowledged_at IS NULL AND owner <> ?2 AND records = 0",
            others,
        )?;
        desk.connection.execute(
            "UPDATE runs SET leased_until = 0 WHERE queue = ?1 AND owner <> ?2 AND leased_until > 0",
            others,
        )?;
        Ok(())
    }
}

/// Accepted runs that are not settled, that nobody has, and whose clock was over before a time.
pub(super) struct Overdue {
    pub(super) queue: String,
    pub(super) before: Millis,
    pub(super) most: usize,
}

impl Request for Overdue {
    type Answer = Vec<RunId>;

    fn carry_out(&self, desk: &Desk<'_>) -> Result<Vec<RunId>, Trouble> {
        let mut select = desk.connection.prepare_cached(
            "SELECT run_id FROM runs WHERE queue = ?1 AND acknowledged_at IS NULL AND settled_at IS NULL
                 AND deadline < ?2 AND leased_until <= ?3 ORDER BY deadline LIMIT ?4",
        )?;
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        let named = (&self.queue, self.before.since_epoch(), desk.wall.since_epoch(), most);
        let mut found = Vec::new();
        for id in select.query_map(named, |row| row.get::<_, String>(0))? {
            found.push(run_id(&id?)?);
        }
        Ok(found)
    }
}

/// Whatever was settled before a time has no message any more.
pub(super) struct Emptied {
    pub(super) queue: String,
    pub(super) before: Millis,
}

impl Request for Emptied {
    type Answer = ();

    fn carry_out(&self, desk: &Desk<'_>) -> Result<(), Trouble> {
        desk.connection
            .prepare_cached(
                "UPDATE runs SET acknowledged_at = ?3 WHERE queue = ?1 AND acknowledged_at IS NULL
                     AND settled_at IS NOT NULL AND finished_at < ?2",
            )?
            .execute((&self.queue, self.before.since_epoch(), desk.wall.since_epoch()))?;
        Ok(())
    }
}

/// A run that the worker named itself, free and unacknowledged, of this definition: the oldest one.
pub(super) struct FindAssigned {
    pub(super) queue: String,
    pub(super) definition_hash: String,
}

impl Request for FindAssigned {
    type Answer = Option<RunId>;

    fn carry_out(&self, desk: &Desk<'_>) -> Result<Option<RunId>, Trouble> {
        let mut select = desk.connection.prepare_cached(
            "SELECT run_id FROM runs WHERE queue = ?1 AND acknowledged_at IS NULL AND assigned
                 AND definition_hash = ?2 AND leased_until <= ?3 ORDER BY id LIMIT 1",
        )?;
        let named = (&self.queue, &self.definition_hash, desk.wall.since_epoch());
        let found = select.query_row(named, |row| row.get::<_, String>(0)).optional()?;
        found.as_deref().map(run_id).transpose()
    }
}

fn run_id(text: &str) -> Result<RunId, Trouble> {
    RunId::parse(text).map_err(|_| Trouble::Damaged("a run has an impossible name".into()))
}
