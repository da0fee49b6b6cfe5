//! Any journal, with a report of whether it takes writes.

use crate::chain::RunId;
use crate::chain::log::Record;
use crate::chain::stamp::Millis;
use crate::ports::{BoxFuture, Claimed, Journal, JournalError, Lease, Report, RunKey};

/// Whether the journal takes writes, as far as it has been asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JournalState {
    /// It does, or was not asked yet.
    #[default]
    Writes,
    /// The last claim or append did not come about: nothing is sent until one does.
    Fails,
}

/// A journal that tells how it went.
pub struct Watched<J> {
    journal: J,
    report: Report<JournalState>,
}

impl<J> Watched<J> {
    /// `journal`, telling `report` how it stands.
    #[must_use]
    pub fn new(journal: J, report: Report<JournalState>) -> Self {
        Self { journal, report }
    }

    /// A run that somebody else took over says nothing about the journal: it answered.
    fn note<T>(&self, done: Result<T, JournalError>) -> Result<T, JournalError> {
        match &done {
            Err(JournalError::Unavailable(why)) => self.report.fail(JournalState::Fails, why.as_str()),
            Err(JournalError::Fenced) | Ok(_) => self.report.set(JournalState::Writes),
        }
        done
    }
}

impl<J: Journal> Journal for Watched<J> {
    fn survives_restart(&self) -> bool {
        self.journal.survives_restart()
    }

    fn claim<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Claimed, JournalError>> {
        Box::pin(async move { self.note(self.journal.claim(key).await) })
    }

    fn append<'a>(&'a self, lease: &'a mut Lease, batch: Vec<Record>) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move { self.note(self.journal.append(lease, batch).await) })
    }

    fn renew<'a>(&'a self, lease: &'a mut Lease) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move { self.note(self.journal.renew(lease).await) })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()> {
        self.journal.release(lease)
    }

    fn acknowledged<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, ()> {
        self.journal.acknowledged(key)
    }

    fn identity(&self) -> Option<&str> {
        self.journal.identity()
    }

    fn take_over<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move { self.note(self.journal.take_over(queue).await) })
    }

    fn overdue<'a>(
        &'a self,
        queue: &'a str,
        before: Millis,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<RunKey>, JournalError>> {
        Box::pin(async move { self.note(self.journal.overdue(queue, before, most).await) })
    }

    fn emptied<'a>(&'a self, queue: &'a str, before: Millis) -> BoxFuture<'a, ()> {
        self.journal.emptied(queue, before)
    }

    fn find_assigned<'a>(&'a self, queue: &'a str, definition_hash: &'a str) -> BoxFuture<'a, Option<RunId>> {
        self.journal.find_assigned(queue, definition_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{MemoryJournal, MemorySettings};

    #[test]
    fn a_journal_that_cannot_write_is_reported_until_it_can() {
        let report = Report::default();
        let journal = Watched::new(MemoryJournal::new(MemorySettings::default()), report.clone());
        let failed: Result<(), _> = journal.note(Err(JournalError::Unavailable("the disk is full".into())));
        assert!(failed.is_err());
        assert_eq!(report.standing().state, JournalState::Fails);
        assert_eq!(report.standing().last_error.map(|(_, what)| what).as_deref(), Some("the disk is full"));
        let _ = journal.note::<()>(Err(JournalError::Fenced));
        assert_eq!(report.standing().state, JournalState::Writes);
    }

    #[tokio::test]
    async fn what_a_run_asks_of_it_is_noted() {
        let report = Report::default();
        let journal = Watched::new(MemoryJournal::new(MemorySettings::default()), report.clone());
        let key = RunKey { queue: "q".into(), run_id: RunId::parse("r").unwrap() };
        report.fail(JournalState::Fails, "earlier");
        let Ok(Claimed::Ours { mut lease, .. }) = journal.claim(&key).await else { panic!("nobody has it") };
        assert_eq!(report.standing().state, JournalState::Writes, "after a claim");
        report.fail(JournalState::Fails, "earlier");
        journal.append(&mut lease, Vec::new()).await.unwrap();
        assert_eq!(report.standing().state, JournalState::Writes, "after an append");
        report.fail(JournalState::Fails, "earlier");
        journal.renew(&mut lease).await.unwrap();
        assert_eq!(report.standing().state, JournalState::Writes, "after a renewal");
    }
}
