//! The claim on a work queue: which journal knows what became of its messages. It is the one message of
//! `cxchain.journal.<queue>`, a durable classic queue that keeps the newest message only.
//!
//! Only the holder of the queue's lock reads and writes it, over the connection that holds the lock: what reaches the broker
//! that way was said by whoever works on the queue. Reading never takes the message away. It is consumed *exclusively*, which a
//! classic queue allows when no other consumer is left, and in the same step in which it forgets a consumer that is gone it takes
//! that one's message back. So a reader that died in the middle hides nothing from the next one, who is either refused for a
//! moment or sees the message. Writing puts the new message behind the old one, which the queue drops in the same step.

use std::io;

use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection};
use serde::{Deserialize, Serialize};

use super::letter::{PERSISTENT, short};
use crate::chain::stamp::Millis;

const SCHEMA: &str = "cxchain.journal.v1";
/// No identity is longer.
const LONGEST_IDENTITY: usize = 100;

/// The queue that holds the claim on `queue`.
pub(super) fn claim_queue(queue: &str) -> String {
    format!("cxchain.journal.{queue}")
}

/// Whose queue it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    schema: String,
    /// The journal's identity.
    pub journal: String,
    /// Messages may be left in the queue that were begun under another journal.
    pub history_lost: bool,
    /// The worker that claimed it, for people.
    pub worker: String,
    /// When, for people.
    pub since: Millis,
}

impl Claim {
    pub(super) fn new(journal: &str, history_lost: bool, worker: &str, since: Millis) -> Self {
        let (journal, worker) = (journal.to_owned(), worker.to_owned());
        Self { schema: SCHEMA.into(), journal, history_lost, worker, since }
    }

    /// Whoever may publish to the default exchange may have put anything there.
    fn parse(body: &[u8]) -> Option<Self> {
        let claim: Self = serde_json::from_slice(body).ok()?;
        let plain = |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
        (claim.schema == SCHEMA && plain(&claim.journal, LONGEST_IDENTITY) && plain(&claim.worker, 255))
            .then_some(claim)
    }
}

/// What lies in the claim's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A claim.
    Claim(Claim),
    /// A message that is none.
    Unreadable,
}

/// What of the queue's past a journal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// All: what it knows nothing about was never begun.
    Known,
    /// What is handed out again may have been begun under another journal.
    Lost,
}

impl Found {
    /// What that means for the journal `own`, and whether it has to put its own claim there. A foreign claim is replaced at once,
    /// with a mark that stays until the queue was seen empty: if the other journal comes back before, it must not take for
    /// unbegun what was begun here meanwhile.
    pub(super) fn means(&self, own: &str) -> (History, bool) {
        match self {
            Self::Nothing => (History::Known, true),
            Self::Claim(claim) if claim.journal == own && claim.history_lost => (History::Lost, false),
            Self::Claim(claim) if claim.journal == own => (History::Known, false),
            Self::Claim(_) | Self::Unreadable => (History::Lost, true),
        }
    }
}

/// Reads the claim on `queue`.
pub(super) async fn read(connection: &Connection, queue: &str) -> lapin::Result<Found> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let tag = short(&format!("cxchain-{}", uuid::Uuid::now_v7()));
    let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
    let name = short(&claim_queue(queue));
    let mut messages = channel.basic_consume(name.clone(), tag, options, FieldTable::default()).await?;
    // The queue hands its message to a new consumer before it answers that there is one; so it has come before the answer to one
    // more question on the same channel.
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name, passive, FieldTable::default()).await?;
    let found = match messages.next().now_or_never().flatten() {
        None => Found::Nothing,
        Some(message) => Claim::parse(&message?.data).map_or(Found::Unreadable, Found::Claim),
    };
    // The queue forgets the consumer and takes the message back in one step, before RabbitMQ says that the channel is closed.
    channel.close(200, "done".into()).await?;
    Ok(found)
}

/// Makes `claim` the claim on `queue`; it is the broker's when this returns.
pub(super) async fn write(connection: &Connection, queue: &str, claim: &Claim) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_type(SCHEMA.into())
        .with_app_id("cxchain".into());
    let body = serde_json::to_vec(claim).unwrap_or_else(|error| unreachable!("a claim is plain data: {error}"));
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let name = short(&claim_queue(queue));
    match channel.basic_publish("".into(), name, options, &body, properties).await?.await? {
        Confirmation::Ack(None) => channel.close(200, "done".into()).await,
        _ => Err(io::Error::other("RabbitMQ did not take the journal's claim on the queue").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(journal: &str, history_lost: bool) -> Claim {
        Claim::new(journal, history_lost, "worker-1", Millis::EPOCH)
    }

    #[test]
    fn a_claim_says_what_a_journal_knows_of_the_queue() {
        use History::{Known, Lost};
        for (found, means) in [
            (Found::Nothing, (Known, true)),
            (Found::Claim(claim("mine", false)), (Known, false)),
            (Found::Claim(claim("mine", true)), (Lost, false)),
            (Found::Claim(claim("other", false)), (Lost, true)),
            (Found::Claim(claim("other", true)), (Lost, true)),
            (Found::Unreadable, (Lost, true)),
        ] {
            assert_eq!(found.means("mine"), means, "{found:?}");
        }
    }

    #[test]
    fn a_claim_survives_the_round_trip_and_nothing_else_is_one() {
        let claim = claim("0199-ab", true);
        assert_eq!(Claim::parse(&serde_json::to_vec(&claim).unwrap()), Some(claim.clone()));
        let with = |change: fn(&mut Claim)| {
            let mut other = claim.clone();
            change(&mut other);
            serde_json::to_vec(&other).unwrap()
        };
        let foreign = [
            Vec::new(),
            b"0199-ab".to_vec(),
            b"{}".to_vec(),
            with(|claim| claim.schema = "cxchain.journal.v2".into()),
            with(|claim| claim.journal = "two words".into()),
            with(|claim| claim.journal = "\u{1b}[31m".into()),
            with(|claim| claim.journal = "x".repeat(101)),
            with(|claim| claim.worker = "a\nb".into()),
        ];
        for body in foreign {
            assert_eq!(Claim::parse(&body), None, "{:?}", String::from_utf8_lossy(&body));
        }
    }
}
