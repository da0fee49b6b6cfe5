//! The worker over faked ports: what becomes of each delivery.

mod conflicts;
mod crash_loop;
mod deliveries;
mod door;
mod drain;
mod history;
mod nameless;
mod reaper;
mod reconfigured;
mod rejections;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::ports::{BoxFuture, DeadReason, Delivery, Receipt, Stopped};
use crate::runner::tests::World;
use crate::runner::tests::fakes::{FakeOutbox, Tape};
use crate::runner::tests::{author, tenant};

/// A worker at work.
struct Office {
    world: World,
    door: mpsc::UnboundedSender<Delivery>,
    stop: CancellationToken,
    worker: JoinHandle<Drained>,
}

/// A message of a work queue, on its way in.
struct Message {
    /// As the tape calls it.
    name: &'static str,
    body: Bytes,
    message_id: Option<&'static str>,
    reply_to: Option<&'static str>,
    redelivered: bool,
    history_lost: bool,
    usable: Arc<AtomicBool>,
    lost: bool,
}

fn message(name: &'static str, body: &Value) -> Message {
    let body = Bytes::from(body.to_string());
    let usable = Arc::new(AtomicBool::new(true));
    let message_id = Some("r");
    Message { name, body, message_id, reply_to: None, redelivered: false, history_lost: false, usable, lost: false }
}

/// The definition of a chain of one step.
fn definition() -> Value {
    json!({"chain_id": "c", "steps": [{"action_id": "a"}]})
}

impl Message {
    fn named(self, message_id: impl Into<Option<&'static str>>) -> Self {
        Self { message_id: message_id.into(), ..self }
    }

    fn again(self) -> Self {
        Self { redelivered: true, ..self }
    }

    /// It was handed out before, perhaps under another journal.
    fn of_another_journal(self) -> Self {
        Self { redelivered: true, history_lost: true, ..self }
    }

    /// Its channel is lost soon after it came.
    fn lost(self) -> Self {
        Self { lost: true, ..self }
    }
}

impl Office {
    fn open(world: World) -> Self {
        Self::open_with(world, |_| {})
    }

    fn open_with(world: World, edit: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            author: author(),
            catalogue: Catalogue::any(),
            queue_tenants: BTreeMap::from([("q".to_owned(), tenant())]),
            max_message_bytes: 1_000,
            most_in_hand: 10,
            reserved: BTreeSet::from(["mine".to_owned()]),
            drain_timeout: Duration::from_secs(130),
            dead_for: Duration::from_secs(30),
        };
        edit(&mut settings);
        let worker = Worker::new(world.ports.clone(), world.settings.clone(), settings);
        let (door, inbox) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let worker = tokio::spawn(async move { worker.run(&mut FakeInbox(inbox), stopping).await });
        Self { world, door, stop, worker }
    }

    fn deliver(&self, message: Message) {
        if message.lost {
            let usable = message.usable.clone();
            tokio::spawn(async move {
                tokio::time::sleep(LOST_AFTER).await;
                usable.store(false, Ordering::Relaxed);
            });
        }
        let receipt = FakeReceipt {
            name: message.name,
            usable: message.usable,
            tape: self.world.tape.clone(),
            outbox: self.world.outbox.clone(),
            settled: AtomicBool::new(false),
        };
        let delivery = Delivery {
            history_lost: message.history_lost,
            queue: "q".into(),
            body: message.body,
            message_id: message.message_id.map(Into::into),
            correlation_id: None,
            reply_to: message.reply_to.map(Into::into),
            traceparent: None,
            redelivered: message.redelivered,
            receipt: Box::new(receipt),
        };
        assert!(self.door.send(delivery).is_ok(), "the worker takes deliveries");
    }

    /// Delivers it and lets enough time go by for a lease to end, but not for a run clock.
    async fn work_off(&self, message: Message) {
        self.deliver(message);
        tokio::time::sleep(Duration::from_secs(40)).await;
    }

    async fn after(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    async fn close(self) -> (World, Drained) {
        self.stop.cancel();
        drop(self.door);
        let drained = self.worker.await.expect("the worker itself does not panic");
        (self.world, drained)
    }

    fn settled(&self) -> String {
        self.world.tape.timed(&SETTLED)
    }
}

/// How long the channel of a message that is [`lost`](Message::lost) stands.
const LOST_AFTER: Duration = Duration::from_millis(100);

/// What the tape tells of deliveries.
const SETTLED: [&str; 5] = ["ack", "requeue", "bury", "buried", "left"];

struct FakeInbox(mpsc::UnboundedReceiver<Delivery>);

impl Inbox for FakeInbox {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        Box::pin(self.0.recv())
    }
}

struct FakeReceipt {
    name: &'static str,
    usable: Arc<AtomicBool>,
    tape: Tape,
    outbox: Arc<FakeOutbox>,
    settled: AtomicBool,
}

impl FakeReceipt {
    fn settle(&self, how: &str) {
        assert!(!self.settled.swap(true, Ordering::Relaxed), "settled twice");
        self.tape.say(format!("{how} {}", self.name));
    }
}

impl Receipt for FakeReceipt {
    fn is_usable(&self) -> bool {
        self.usable.load(Ordering::Relaxed)
    }

    fn ack(self: Box<Self>) -> BoxFuture<'static, bool> {
        Box::pin(async move {
            let usable = self.is_usable();
            self.settle(if usable { "ack" } else { "ack in vain" });
            usable
        })
    }

    fn requeue(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.settle("requeue") })
    }

    fn bury<'a>(&'a self, reason: DeadReason, problems: String) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move {
            let problems: Value = serde_json::from_str(&problems).unwrap();
            assert!(!problems.as_array().unwrap().is_empty(), "a dead letter says why");
            self.tape.say(format!("bury {} {}", self.name, reason.as_str()));
            let slow = self.outbox.slow.lock().unwrap().get("bury").copied().unwrap_or_default();
            tokio::time::sleep(slow).await;
            if *self.outbox.stopped.borrow() {
                return Err(Stopped);
            }
            self.tape.say(format!("buried {}", self.name));
            Ok(())
        })
    }
}

impl Drop for FakeReceipt {
    fn drop(&mut self) {
        if !self.settled.load(Ordering::Relaxed) {
            self.tape.say(format!("left {}", self.name));
        }
    }
}
