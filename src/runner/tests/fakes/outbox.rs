use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use super::Tape;
use crate::ports::{BoxFuture, Destination, Outbox, Outgoing, Stopped};

/// A broker that confirms everything at once, unless told otherwise.
pub(crate) struct FakeOutbox {
    tape: Tape,
    /// How long the confirm of a message takes, by its id.
    pub(crate) slow: Mutex<HashMap<String, Duration>>,
    pub(crate) sent: Mutex<Vec<Outgoing>>,
    pub(crate) takes: watch::Sender<bool>,
    pub(crate) stopped: watch::Sender<bool>,
}

impl FakeOutbox {
    pub(crate) fn new(tape: Tape) -> Self {
        let (takes, stopped) = (watch::Sender::new(true), watch::Sender::new(false));
        Self { tape, slow: Mutex::default(), sent: Mutex::default(), takes, stopped }
    }

    pub(crate) fn confirm_after(&self, message_id: &str, ms: u64) {
        self.slow.lock().unwrap().insert(message_id.into(), Duration::from_millis(ms));
    }
}

impl Outbox for FakeOutbox {
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move {
            let id = message.message_id.clone();
            let (Destination::Results { routing_key } | Destination::Audit { routing_key }) = message.to.clone() else {
                panic!("a reply is not insisted upon")
            };
            if *self.stopped.borrow() {
                return Err(Stopped);
            }
            self.tape.say(format!("publish {id} {routing_key}"));
            self.sent.lock().unwrap().push(message);
            let slow = self.slow.lock().unwrap().get(&id).copied().unwrap_or_default();
            let mut stopped = self.stopped.subscribe();
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return Err(Stopped),
                () = tokio::time::sleep(slow) => {}
            }
            self.tape.say(format!("confirmed {id}"));
            Ok(())
        })
    }

    fn try_publish(&self, message: Outgoing) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Destination::Reply { queue } = &message.to else { panic!("only a reply is not insisted upon") };
            self.tape.say(format!("reply to {queue} {}", message.message_id));
            self.sent.lock().unwrap().push(message);
        })
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = self.takes.subscribe().wait_for(|takes| *takes).await;
        })
    }
}
