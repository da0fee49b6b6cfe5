//! The one thread that writes. It takes everything that waits, does it in one transaction, commits, and answers all: so many
//! runs share one sync of the disk. What cannot be written now waits in here, and with it every run.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::Terms;
use super::error::FileError;
use super::fault::{Fault, Trouble};
use super::file::JournalFile;
use super::request::{Desk, Pending};
use super::upkeep::Upkeep;
use crate::chain::stamp::Millis;
use crate::journal::JournalState;
use crate::ports::{Clock, Report, SystemClock};

/// The most requests of one transaction.
const GROUP: usize = 256;
/// The most that one transaction writes, in bytes, unless a single request is larger.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Where so many came together, more are on their way.
const CROWD: usize = 8;
/// How long the writer waits for them: a commit costs the processor and the disk about the same for eight requests as for twice as
/// many, and who comes a moment late would need one more.
const CROWDING: Duration = Duration::from_millis(1);
/// Between two tries to write.
const AGAIN: Duration = Duration::from_secs(1);

type Group = Vec<Box<dyn Pending>>;

pub(super) struct Writer {
    pub(super) file: JournalFile,
    pub(super) connection: Connection,
    pub(super) terms: Terms,
    pub(super) report: Report<JournalState>,
    /// What no waiting will heal, as soon as it is known.
    pub(super) broken: watch::Sender<Option<FileError>>,
    pub(super) line: Line,
    pub(super) upkeep: Upkeep,
}

/// The requests that wait, the oldest first.
pub(super) struct Line {
    incoming: Receiver<Box<dyn Pending>>,
    waiting: VecDeque<Box<dyn Pending>>,
    /// How many went into the last transaction.
    last: usize,
}

/// Nobody asks any more, and nobody will.
struct Closed;

impl Line {
    pub(super) fn new(incoming: Receiver<Box<dyn Pending>>) -> Self {
        Self { incoming, waiting: VecDeque::new(), last: 0 }
    }

    /// As many as go into one transaction; none when nobody asks for `within`.
    fn group(&mut self, within: Duration) -> Result<Group, Closed> {
        if self.waiting.is_empty() {
            self.listen(within)?;
        }
        self.waiting.extend(self.incoming.try_iter());
        if self.last >= CROWD && self.waiting.len() < GROUP {
            std::thread::sleep(CROWDING);
            self.waiting.extend(self.incoming.try_iter());
        }
        let (mut group, mut bytes) = (Group::new(), 0);
        while group.len() < GROUP
            && let Some(next) = self.waiting.front()
            && (group.is_empty() || bytes + next.weight() <= GROUP_BYTES)
        {
            bytes += next.weight();
            group.extend(self.waiting.pop_front());
        }
        self.last = group.len();
        Ok(group)
    }

    /// Waits for one more, at most so long.
    fn listen(&mut self, within: Duration) -> Result<(), Closed> {
        match self.incoming.recv_timeout(within) {
            Ok(request) => self.waiting.push_back(request),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Closed),
        }
        Ok(())
    }

    /// Lets the line grow for so long.
    fn pause(&mut self, pause: Duration) -> Result<(), Closed> {
        let over = Instant::now() + pause;
        while let Some(left) = over.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.listen(left)?;
        }
        Ok(())
    }
}

impl Writer {
    /// Writes until nobody asks any more.
    pub(super) fn run(mut self) {
        while let Ok(group) = self.line.group(self.upkeep.due_in()) {
            let idle = group.is_empty();
            let written = self.write(group).and_then(|()| self.keep_up(idle));
            if let Err(Stop) = written {
                break;
            }
        }
        // Whoever still asks is told why not; a journal that was closed has nobody left.
        let broken = self.broken.borrow().clone();
        let Some(broken) = broken else { return };
        let why = broken.to_string();
        self.line.waiting.drain(..).chain(self.line.incoming.iter()).for_each(|request| request.refuse(&why));
    }

    /// Does what the group asks, in one transaction, and answers; waits for as long as that may still come about.
    fn write(&mut self, mut group: Group) -> Result<(), Stop> {
        if group.is_empty() {
            return Ok(());
        }
        let mut failing: Option<Instant> = None;
        loop {
            let Err(trouble) = self.commit(&mut group) else {
                self.writes(failing);
                group.into_iter().for_each(Pending::answer);
                return Ok(());
            };
            let why = match trouble.fault(self.file.shown()) {
                Fault::Passing(why) => why,
                Fault::Lasting(error) => return Err(self.break_down(group, error)),
                Fault::OfTheRequest(why) if group.len() == 1 => {
                    group.into_iter().for_each(|request| request.refuse(&why));
                    return Ok(());
                }
                Fault::OfTheRequest(_) => return group.into_iter().try_for_each(|request| self.write(vec![request])),
            };
            if failing.is_none() {
                warn!("the journal {} does not write, and nothing is sent until it does: {why}", self.file.shown());
            }
            self.report.fail(JournalState::Fails, why.as_str());
            let since = *failing.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.terms.patience {
                let why = format!("nothing could be written for {} s: {why}", since.elapsed().as_secs());
                let path = self.file.shown().to_owned();
                return Err(self.break_down(group, FileError::Failing { path, why }));
            }
            // When nobody is left to wait, there is nothing to wait for.
            self.line.pause(AGAIN).map_err(|Closed| Stop)?;
        }
    }

    /// One transaction, which is there as a whole or not at all.
    fn commit(&mut self, group: &mut Group) -> Result<(), Trouble> {
        self.file.still_there().map_err(Trouble::File)?;
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        let desk = Desk {
            connection: &transaction,
            terms: &self.terms,
            wall: Millis::of(SystemClock.now()),
            instant: tokio::time::Instant::now(),
        };
        group.iter_mut().try_for_each(|request| request.carry_out(&desk))?;
        transaction.commit()?;
        // Only now is it known that it was not written to a file that nobody will find.
        self.file.still_there().map_err(Trouble::File)
    }

    fn writes(&self, failing: Option<Instant>) {
        self.report.set(JournalState::Writes);
        if let Some(since) = failing {
            info!(after_s = since.elapsed().as_secs(), "the journal writes again");
        }
    }

    /// What is to be done from time to time, if it is time.
    fn keep_up(&mut self, idle: bool) -> Result<(), Stop> {
        let done = self.upkeep.keep_up(&mut self.connection, &self.terms, idle);
        let done = done.and_then(|()| self.file.still_there().map_err(Trouble::File));
        match done.map_err(|trouble| trouble.fault(self.file.shown())) {
            Ok(()) => {
                self.upkeep.failed = false;
                Ok(())
            }
            Err(Fault::Lasting(error)) => Err(self.break_down(Group::new(), error)),
            // It is tried again, and whoever has something to write will tell if that does not come about either.
            Err(Fault::Passing(why) | Fault::OfTheRequest(why)) => {
                if !std::mem::replace(&mut self.upkeep.failed, true) {
                    warn!("the journal {} was not tidied up: {why}", self.file.shown());
                }
                Ok(())
            }
        }
    }

    /// From here on nothing is written.
    fn break_down(&mut self, group: Group, error: FileError) -> Stop {
        let why = error.to_string();
        error!("{why}. Nothing is sent or settled any more");
        self.report.fail(JournalState::Fails, why.as_str());
        self.broken.send_replace(Some(error));
        group.into_iter().for_each(|request| request.refuse(&why));
        Stop
    }
}

/// The writer has nothing more to do.
struct Stop;
