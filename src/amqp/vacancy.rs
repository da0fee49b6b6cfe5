//! Whether a work queue was empty with nothing of it in hand. AMQP tells how many messages are *ready*, not how many have been
//! handed out, so this is put together from what the holder of the queue's lock knows.
//!
//! A message that is not ready has been handed out: to the only consumer there is (RabbitMQ counts them in the same answer), or
//! to one that is gone, and then RabbitMQ makes it ready again. What was handed out to this consumer and has been taken in is
//! counted until its settlement is said; what has not been taken in yet is on its way, and disturbs the next look. So two looks
//! in a row, some seconds apart and on the consumer's own channel, that see nothing ready, one consumer, nothing in hand and no
//! delivery in between, mean that there was nothing at the time of the first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::letter::short;
use crate::chain::stamp::Millis;

/// The deliveries of one channel that are not settled. One that is dropped without being settled stays in it, as it stays with
/// the channel.
#[derive(Debug, Clone, Default)]
pub(super) struct InHand(Arc<AtomicUsize>);

impl InHand {
    pub(super) fn take_in(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn settled(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// What the broker says of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) ready: u32,
    pub(super) consumers: u32,
}

/// Asks for it. An error closes the channel.
pub(super) async fn look(channel: &Channel, queue: &str) -> lapin::Result<Seen> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(short(queue), passive, FieldTable::default()).await?;
    Ok(Seen { ready: queue.message_count(), consumers: queue.consumer_count() })
}

/// Puts the looks at one queue together.
#[derive(Debug, Default)]
pub(super) struct Vacancy {
    /// When the look before this one saw nothing, if nothing came since.
    before: Option<Millis>,
}

impl Vacancy {
    /// A delivery came.
    pub(super) fn disturb(&mut self) {
        self.before = None;
    }

    /// A look that began at `at` saw this: the time of the look before it, if the queue was surely empty then.
    pub(super) fn seen(&mut self, at: Millis, seen: Seen, in_hand: &InHand) -> Option<Millis> {
        let nothing = seen == Seen { ready: 0, consumers: 1 } && in_hand.is_empty();
        let before = std::mem::replace(&mut self.before, nothing.then_some(at));
        before.filter(|_| nothing)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOTHING: Seen = Seen { ready: 0, consumers: 1 };

    fn at(seconds: u64) -> Millis {
        Millis::EPOCH.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn two_looks_in_a_row_that_see_nothing_make_sure_of_the_first() {
        let (mut vacancy, in_hand) = (Vacancy::default(), InHand::default());
        assert_eq!(vacancy.seen(at(5), NOTHING, &in_hand), None);
        assert_eq!(vacancy.seen(at(10), NOTHING, &in_hand), Some(at(5)));
        assert_eq!(vacancy.seen(at(15), NOTHING, &in_hand), Some(at(10)), "and it still is");
    }

    #[test]
    fn whatever_is_ready_in_hand_on_its_way_or_with_another_consumer_is_something() {
        let something: [fn(&mut Vacancy, &InHand) -> Seen; 5] = [
            |_, _| Seen { ready: 1, consumers: 1 },
            |_, _| Seen { ready: 0, consumers: 2 },
            |_, _| Seen { ready: 0, consumers: 0 },
            |_, in_hand| {
                in_hand.take_in();
                NOTHING
            },
            |vacancy, in_hand| {
                vacancy.disturb();
                in_hand.take_in();
                in_hand.settled();
                NOTHING
            },
        ];
        for (which, happens) in something.into_iter().enumerate() {
            let (mut vacancy, in_hand) = (Vacancy::default(), InHand::default());
            assert_eq!(vacancy.seen(at(5), NOTHING, &in_hand), None);
            let seen = happens(&mut vacancy, &in_hand);
            assert_eq!(vacancy.seen(at(10), seen, &in_hand), None, "case {which}");
        }
    }

    #[test]
    fn what_is_settled_is_out_of_hand() {
        let (mut vacancy, in_hand) = (Vacancy::default(), InHand::default());
        in_hand.take_in();
        assert_eq!(vacancy.seen(at(5), NOTHING, &in_hand), None);
        assert_eq!(vacancy.seen(at(10), NOTHING, &in_hand), None);
        in_hand.settled();
        assert_eq!(vacancy.seen(at(15), NOTHING, &in_hand), None);
        assert_eq!(vacancy.seen(at(20), NOTHING, &in_hand), Some(at(15)));
    }
}
