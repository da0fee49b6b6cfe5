//! Messages that come again although their runs are over: the acknowledgement was lost with its channel, or was not said since
//! the channel was lost before.
//!
//! A message with an id finds its run by it. One without is told by its bytes, and so only where that is sure: when exactly one
//! run of these bytes was over lately, and none is at work. Else it is run: twice the same message is two runs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::chain::RunId;
use crate::ports::{RunKey, Tether};

/// How long after the loss a message may come again.
const KEPT: Duration = Duration::from_secs(3600);
/// How many are remembered at most; the oldest go first.
const MOST: usize = 10_000;

pub(super) struct Echoes {
    /// An acknowledgement said longer than this before the loss was found has arrived.
    dead_for: Duration,
    said: Mutex<VecDeque<Said>>,
}

/// One acknowledgement.
struct Said {
    key: RunKey,
    definition_hash: String,
    /// The worker gave the run its id.
    assigned: bool,
    at: Instant,
    tether: Tether,
}

impl Echoes {
    pub(super) fn new(dead_for: Duration) -> Self {
        Self { dead_for, said: Mutex::default() }
    }

    /// The run is about to be acknowledged.
    pub(super) fn expect(&self, key: &RunKey, definition_hash: &str, assigned: bool, tether: Tether) {
        let mut said = self.current();
        said.retain(|other| other.key != *key);
        if said.len() == MOST {
            said.pop_front();
        }
        let definition_hash = definition_hash.into();
        said.push_back(Said { key: key.clone(), definition_hash, assigned, at: Instant::now(), tether });
    }

    /// Whether the message of this run may come again.
    pub(super) fn expects(&self, key: &RunKey) -> bool {
        self.current().iter().any(|said| said.key == *key && said.tether.cut_at().is_some())
    }

    /// The run that a redelivered message without an id is an echo of.
    pub(super) fn find(&self, queue: &str, definition_hash: &str) -> Option<RunId> {
        let said = self.current();
        place(&said, queue, definition_hash).map(|place| said[place].key.run_id.clone())
    }

    /// As [`find`](Self::find); the next one is another message's.
    pub(super) fn take(&self, queue: &str, definition_hash: &str) -> Option<RunId> {
        let mut said = self.current();
        let place = place(&said, queue, definition_hash)?;
        said.remove(place).map(|said| said.key.run_id)
    }

    /// Those that still may come again.
    fn current(&self) -> MutexGuard<'_, VecDeque<Said>> {
        // Nothing under the lock panics half-way, so a poisoned list is a whole one.
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        said.retain(|said| match said.tether.cut_at() {
            None => now - said.at <= self.dead_for,
            Some(cut) => cut.saturating_duration_since(said.at) <= self.dead_for && now - cut <= KEPT,
        });
        said
    }
}

/// Where the one acknowledgement is that a message of these bytes may be the echo of.
fn place(said: &VecDeque<Said>, queue: &str, definition_hash: &str) -> Option<usize> {
    let same = |said: &Said| said.assigned && &*said.key.queue == queue && said.definition_hash == definition_hash;
    let mut places = said.iter().enumerate().filter(|(_, said)| same(said)).map(|(place, _)| place);
    let (place, None) = (places.next()?, places.next()) else { return None };
    said[place].tether.cut_at().map(|_| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD_FOR: Duration = Duration::from_secs(30);

    fn key(run: &str) -> RunKey {
        RunKey { queue: "q".into(), run_id: RunId::parse(run).unwrap() }
    }

    fn taken(echoes: &Echoes) -> Option<String> {
        echoes.take("q", "hash").map(|run_id| run_id.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn an_acknowledgement_said_right_before_the_loss_has_one_echo() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", true, tether.clone());
        assert_eq!(taken(&echoes), None, "the channel stands");
        tokio::time::advance(DEAD_FOR).await;
        tether.cut();
        tokio::time::advance(KEPT).await;
        assert_eq!(echoes.take("other", "hash"), None);
        assert_eq!(echoes.take("q", "other"), None);
        assert_eq!(taken(&echoes).as_deref(), Some("r"));
        assert_eq!(taken(&echoes), None, "it came already");
    }

    #[tokio::test(start_paused = true)]
    async fn one_said_long_before_the_loss_has_arrived() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", true, tether.clone());
        tokio::time::advance(DEAD_FOR + Duration::from_millis(1)).await;
        tether.cut();
        assert_eq!(taken(&echoes), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_messages_with_the_same_bytes_nobody_knows_which_comes_again() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", true, tether.clone());
        echoes.expect(&key("s"), "hash", true, tether.clone());
        tether.cut();
        assert_eq!(taken(&echoes), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_acknowledged_again_counts_once() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", true, Tether::default());
        echoes.expect(&key("r"), "hash", true, tether.clone());
        tether.cut();
        assert_eq!(taken(&echoes).as_deref(), Some("r"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_with_an_id_is_known_by_it_and_by_nothing_else() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", false, tether.clone());
        assert!(!echoes.expects(&key("r")), "the channel stands");
        tether.cut();
        assert!(echoes.expects(&key("r")) && !echoes.expects(&key("s")));
        assert_eq!(echoes.find("q", "hash"), None);
        assert_eq!(taken(&echoes), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_acknowledgement_on_a_channel_that_was_lost_before_has_an_echo() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        tether.cut();
        tokio::time::advance(DEAD_FOR * 2).await;
        echoes.expect(&key("r"), "hash", true, tether);
        assert!(echoes.expects(&key("r")));
        assert_eq!(echoes.find("q", "hash").as_ref().map(RunId::as_str), Some("r"));
        assert_eq!(taken(&echoes).as_deref(), Some("r"));
    }
}
