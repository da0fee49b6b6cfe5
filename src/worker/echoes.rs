//! Messages that come again although they were acknowledged: the acknowledgement was said, and lost with its channel.
//!
//! A message with an id finds its run by it. One without is told by its bytes, and so only where that is sure: when exactly one
//! message with these bytes was acknowledged lately, and none is at work. Else it is run: twice the same message is two runs.

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

/// One acknowledgement of a run that the worker named itself.
struct Said {
    key: RunKey,
    definition_hash: String,
    at: Instant,
    tether: Tether,
}

impl Echoes {
    pub(super) fn new(dead_for: Duration) -> Self {
        Self { dead_for, said: Mutex::default() }
    }

    /// The run is about to be acknowledged.
    pub(super) fn expect(&self, key: &RunKey, definition_hash: &str, tether: Tether) {
        let mut said = self.current();
        said.retain(|other| other.key != *key);
        if said.len() == MOST {
            said.pop_front();
        }
        said.push_back(Said { key: key.clone(), definition_hash: definition_hash.into(), at: Instant::now(), tether });
    }

    /// The run that a redelivered message without an id is an echo of.
    pub(super) fn take(&self, queue: &str, definition_hash: &str) -> Option<RunId> {
        let mut said = self.current();
        let same = |said: &Said| &*said.key.queue == queue && said.definition_hash == definition_hash;
        let mut places = said.iter().enumerate().filter(|(_, said)| same(said)).map(|(place, _)| place);
        let (place, None) = (places.next()?, places.next()) else { return None };
        said[place].tether.cut_at()?;
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
        echoes.expect(&key("r"), "hash", tether.clone());
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
        echoes.expect(&key("r"), "hash", tether.clone());
        tokio::time::advance(DEAD_FOR + Duration::from_millis(1)).await;
        tether.cut();
        assert_eq!(taken(&echoes), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_messages_with_the_same_bytes_nobody_knows_which_comes_again() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", tether.clone());
        echoes.expect(&key("s"), "hash", tether.clone());
        tether.cut();
        assert_eq!(taken(&echoes), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_acknowledged_again_counts_once() {
        let (echoes, tether) = (Echoes::new(DEAD_FOR), Tether::default());
        echoes.expect(&key("r"), "hash", Tether::default());
        echoes.expect(&key("r"), "hash", tether.clone());
        tether.cut();
        assert_eq!(taken(&echoes).as_deref(), Some("r"));
    }
}
