//! Claims, and what the holder of a lease asks. Fences grow with every claim in the file and are never used again; whoever writes
//! is asked for the run's last one first.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row};
use tokio::time::Instant;

use super::encoding::{Batch, Tells};
use super::fault::Trouble;
use super::log;
use super::prune::drop_run;
use super::request::{Desk, Request};
use super::schema::{MOST_RECORDS, place};
use crate::ports::{Claimed, JournalError, Lease, RunKey};

/// The row of a run, as far as a claim needs it.
struct Standing {
    id: i64,
    leased_until: i64,
    records: i64,
    acknowledged_at: Option<i64>,
}

pub(super) struct Claim {
    pub(super) key: RunKey,
}

impl Request for Claim {
    type Answer = Claimed;

    fn carry_out(&self, desk: &Desk<'_>) -> Result<Claimed, Trouble> {
        let now = desk.wall.since_epoch();
        let (leased_until, until) = desk.until();
        let found = self.find(desk)?;
        if let Some(run) = &found
            && run.leased_until > now
            // A lease that would last longer than any does is of a clock that has been put back.
            && run.leased_until <= leased_until
        {
            let left = u64::try_from(run.leased_until - now).unwrap_or(0);
            return Ok(Claimed::Elsewhere { retry_after: Duration::from_millis(left) });
        }
        let forgotten = desk.wall.since_epoch() - desk.terms.retention_millis();
        let (kept, over) = match found {
            Some(run) if run.acknowledged_at.is_some_and(|at| at <= forgotten) => (None, Some(run)),
            other => (other, None),
        };
        if let Some(run) = over {
            drop_run(desk.connection, run.id)?;
        }
        let fence = next_fence(desk)?;
        let log = match kept {
            Some(run) => {
                desk.connection
                    .prepare_cached("UPDATE runs SET fence = ?2, owner = ?3, leased_until = ?4 WHERE id = ?1")?
                    .execute((run.id, fence, &desk.terms.owner, leased_until))?;
                let records = u64::try_from(run.records).unwrap_or(0);
                log::read(desk.connection, run.id, records, self.key.run_id.as_str())?
            }
            None => {
                desk.connection
                    .prepare_cached(
                        "INSERT INTO runs (queue, run_id, fence, owner, leased_until) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute((&self.key.queue, self.key.run_id.as_str(), fence, &desk.terms.owner, leased_until))?;
                Vec::new()
            }
        };
        let fence = u64::try_from(fence).unwrap_or(0);
        Ok(Claimed::Ours { lease: Lease { key: self.key.clone(), fence, until }, log })
    }
}

impl Claim {
    fn find(&self, desk: &Desk<'_>) -> Result<Option<Standing>, Trouble> {
        let read = |row: &Row<'_>| {
            Ok(Standing {
                id: row.get(0)?,
                leased_until: row.get(1)?,
                records: row.get(2)?,
                acknowledged_at: row.get(3)?,
            })
        };
        let mut select = desk.connection.prepare_cached(
            "SELECT id, leased_until, records, acknowledged_at FROM runs WHERE run_id = ?1 AND queue = ?2",
        )?;
        Ok(select.query_row((self.key.run_id.as_str(), &self.key.queue), read).optional()?)
    }
}

fn next_fence(desk: &Desk<'_>) -> Result<i64, Trouble> {
    desk.connection.prepare_cached("UPDATE journal SET last_fence = last_fence + 1")?.execute(())?;
    Ok(desk.connection.prepare_cached("SELECT last_fence FROM journal")?.query_row((), |row| row.get(0))?)
}

/// Appends a batch, which may be empty, and renews the lease: until when does it last now?
pub(super) struct Append {
    pub(super) key: RunKey,
    pub(super) fence: u64,
    pub(super) batch: Batch,
}

impl Request for Append {
    type Answer = Result<Instant, JournalError>;

    fn carry_out(&self, desk: &Desk<'_>) -> Result<Self::Answer, Trouble> {
        let Some((run, records)) = held(desk, &self.key, self.fence)? else { return Ok(Err(JournalError::Fenced)) };
        let batch = &self.batch;
        let after = records + i64::try_from(batch.records.len()).unwrap_or(i64::MAX);
        if after > MOST_RECORDS {
            return Ok(Err(JournalError::Unavailable("the run's log is full".into())));
        }
        let mut insert =
            desk.connection.prepare_cached("INSERT INTO records (place, kind, body, crc) VALUES (?1, ?2, ?3, ?4)")?;
        for (n, record) in (records..).zip(&batch.records) {
            let place = place(run, n);
            insert.execute((place, record.kind(), record.body(), record.crc_at(place)))?;
        }
        let (leased_until, until) = desk.until();
        note(desk, run, (leased_until, after), &batch.tells)?;
        Ok(Ok(until))
    }

    fn weight(&self) -> usize {
        self.batch.weight()
    }
}

/// The row and the number of records of a run whose last fence this is.
fn held(desk: &Desk<'_>, key: &RunKey, fence: u64) -> Result<Option<(i64, i64)>, Trouble> {
    let Ok(fence) = i64::try_from(fence) else { return Ok(None) };
    let mut select = desk
        .connection
        .prepare_cached("SELECT id, records FROM runs WHERE run_id = ?1 AND queue = ?2 AND fence = ?3")?;
    let both = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(select.query_row((key.run_id.as_str(), &key.queue, fence), both).optional()?)
}

/// Puts until when the run is leased, how many records it has, and what the new ones tell into its columns.
fn note(desk: &Desk<'_>, run: i64, (leased_until, records): (i64, i64), tells: &Tells) -> Result<(), Trouble> {
    if tells.is_silent() {
        desk.connection.prepare_cached("UPDATE runs SET leased_until = ?2, records = ?3 WHERE id = ?1")?.execute((
            run,
            leased_until,
            records,
        ))?;
        return Ok(());
    }
    if let Some(accepted) = &tells.accepted {
        desk.connection
            .prepare_cached(
                "UPDATE runs SET chain_id = ?2, tenant = ?3, definition_hash = ?4, assigned = ?5, steps_total = ?6,
                     accepted_at = ?7, deadline = ?8
                 WHERE id = ?1",
            )?
            .execute((
                run,
                &accepted.chain_id,
                &accepted.tenant,
                &accepted.definition_hash,
                accepted.assigned,
                accepted.steps_total,
                accepted.at.since_epoch(),
                accepted.deadline.since_epoch(),
            ))?;
    }
    let (finished_at, final_status) = tells.finished.unzip();
    let settled_at = tells.settled.then(|| desk.wall.since_epoch());
    desk.connection
        .prepare_cached(
            "UPDATE runs SET leased_until = ?2, records = ?3, worker = coalesce(?4, worker), steps_done = steps_done + ?5,
                 finished_at = coalesce(?6, finished_at), final_status = coalesce(?7, final_status),
                 settled_at = coalesce(?8, settled_at)
             WHERE id = ?1",
        )?
        .execute((
            run,
            leased_until,
            records,
            &tells.worker,
            tells.steps_done,
            finished_at,
            final_status,
            settled_at,
        ))?;
    Ok(())
}

/// The holder gives the run back. One without a record is forgotten.
pub(super) struct Release {
    pub(super) key: RunKey,
    pub(super) fence: u64,
}

impl Request for Release {
    type Answer = ();

    fn carry_out(&self, desk: &Desk<'_>) -> Result<(), Trouble> {
        match held(desk, &self.key, self.fence)? {
            None => {}
            Some((run, 0)) => drop_run(desk.connection, run)?,
            Some((run, _)) => {
                desk.connection.prepare_cached("UPDATE runs SET leased_until = 0 WHERE id = ?1")?.execute((run,))?;
            }
        }
        Ok(())
    }
}
