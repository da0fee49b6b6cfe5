//! The publishing side. A message counts as published once the broker has confirmed it and it did not come back.
//!
//! lapin attaches a returned message to whichever confirm resolves next, so each channel ("lane") has one message in flight;
//! channels are cheap. Lanes share one line of jobs; a lane that fails answers with a setback, and whoever waits for the message
//! puts it in again.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, ErrorKind};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, warn};

use super::letter::Letter;
pub use super::letter::Names;
use super::link::Link;
use super::rights::{Doing, REFUSED, explain};
use super::status::{PublisherStatus, Retrying};
use super::topology::Topology;
use crate::ports::{BoxFuture, Dice, Outbox, Outgoing, Stopped, SystemDice};

/// Channels, each with one publish in flight.
const LANES: usize = 32;
/// A confirm that does not come within this (the time that the connection is blocked left out) is taken for lost.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(20);
/// A reply holds its run up no longer than this.
const REPLY_DEADLINE: Duration = Duration::from_secs(5);
/// Each reply that the user may not send costs a channel: after one, none is tried for so long. Somebody may grant it
/// meanwhile.
const MUTE: Duration = Duration::from_secs(60);
/// How long the broker may take to open a channel.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the whole topology may take.
const MENDING: Duration = Duration::from_secs(20);
/// How often a waiting publish looks whether the connection is blocked.
const TICK: Duration = Duration::from_millis(100);
/// How long the topology is left alone after it was applied, when a message comes back for want of a queue.
const RETURNED_AGAIN: Duration = Duration::from_secs(5);
/// Between two tries of one message.
const BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

struct Job {
    letter: Letter,
    done: oneshot::Sender<Result<(), Setback>>,
    /// Whose message it is, for the log.
    span: Span,
}

/// Why a message is not published yet.
#[derive(Debug, thiserror::Error)]
enum Setback {
    #[error("the channel or the connection was lost before the confirm came")]
    Lost,
    #[error("RabbitMQ closed the channel: {0}")]
    Closed(String),
    #[error("RabbitMQ does not let this user publish it: {0}")]
    Forbidden(String),
    #[error("RabbitMQ refused the message (nack): is a queue full?")]
    Refused,
    #[error("no queue is bound that takes the message ({0})")]
    Returned(String),
}

/// Publishes on a connection of its own.
#[derive(Clone)]
pub struct Publisher {
    jobs: mpsc::Sender<Job>,
    link: Link,
    names: Arc<Names>,
    stop: CancellationToken,
    /// Until when no reply is tried, since the user may not send any.
    mute: Arc<Mutex<Option<Instant>>>,
    retrying: Retrying,
}

impl Publisher {
    /// Opens the lanes on `link`. When the broker closes a lane's channel (an exchange is gone, say), `topology` is applied
    /// before the message is tried again, if there is one; when a message comes back since no queue is bound, from time to time.
    #[must_use]
    pub fn open(link: Link, names: Names, topology: Option<&Arc<Topology>>, stop: CancellationToken) -> Self {
        let (jobs, waiting) = mpsc::channel(LANES);
        let waiting = Arc::new(Mutex::new(waiting));
        let mender = Arc::new(Mender { topology: topology.cloned(), last: Mutex::new(None) });
        for _ in 0..LANES {
            let lane = Lane { link: link.clone(), waiting: waiting.clone(), mender: mender.clone() };
            link.spawn(lane.run());
        }
        Self { jobs, link, names: Arc::new(names), stop, mute: Arc::default(), retrying: Retrying::default() }
    }

    /// How publishing stands, besides its connection.
    #[must_use]
    pub fn status(&self) -> PublisherStatus {
        PublisherStatus {
            lanes: LANES,
            waiting: self.jobs.max_capacity() - self.jobs.capacity(),
            retrying: self.retrying.count(),
            last_setback: self.retrying.last(),
        }
    }

    /// Whether the broker takes no messages because it is short of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.link.is_blocked()
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Publishes until it is confirmed.
    pub(super) async fn deliver(&self, letter: Letter) -> Result<(), Stopped> {
        let mut most = BACKOFF;
        let mut said_so = false;
        let mut again = None;
        loop {
            let setback = tokio::select! {
                () = self.stop.cancelled() => return Err(Stopped),
                tried = self.once(letter.clone()) => match tried {
                    Ok(()) => return Ok(()),
                    Err(setback) => setback,
                },
            };
            if !said_so && !matches!(setback, Setback::Lost) {
                let exchange = &letter.exchange;
                warn!(exchange, key = letter.routing_key, "not published yet, trying again: {setback}");
                said_so = true;
            }
            again.get_or_insert_with(|| self.retrying.one(&setback));
            tokio::select! {
                () = self.stop.cancelled() => return Err(Stopped),
                () = tokio::time::sleep(BACKOFF + SystemDice.up_to(most)) => {}
            }
            most = (most * 2).min(LONGEST_BACKOFF);
        }
    }

    async fn once(&self, letter: Letter) -> Result<(), Setback> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job { letter, done, span: Span::current() }).await.map_err(|_| Setback::Lost)?;
        answer.await.unwrap_or(Err(Setback::Lost))
    }
}

impl Outbox for Publisher {
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(self.deliver(Letter::new(message, &self.names)))
    }

    fn try_publish(&self, message: Outgoing) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.mute.lock().await.is_some_and(|until| Instant::now() < until) {
                return;
            }
            let letter = Letter::new(message, &self.names);
            match tokio::time::timeout(REPLY_DEADLINE, self.once(letter)).await {
                Ok(Ok(())) => {}
                Ok(Err(Setback::Forbidden(said))) => {
                    *self.mute.lock().await = Some(Instant::now() + MUTE);
                    let span = MUTE.as_secs();
                    warn!("RabbitMQ does not let this user reply, so no reply is tried for {span} s: {said}");
                }
                Ok(Err(setback)) => warn!("the reply could not be delivered: {setback}"),
                Err(_) => warn!("the reply was not confirmed within {} s", REPLY_DEADLINE.as_secs()),
            }
        })
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            while !self.link.is_open() && !self.stop.is_cancelled() {
                tokio::time::sleep(TICK).await;
            }
        })
    }
}

struct Lane {
    link: Link,
    waiting: Arc<Mutex<mpsc::Receiver<Job>>>,
    mender: Arc<Mender>,
}

impl Lane {
    /// Takes one job after the other until nobody publishes any more, or the link has stopped. A job that was taken waits here
    /// for a channel that stands: an outage while nobody published costs the next message nothing.
    async fn run(self) {
        let mut channel = None;
        while let Some(job) = self.next().await {
            let Some(open) = self.standing(channel.take()).await else { return };
            // A reply goes straight to a queue, which is the asker's to have.
            let ours = !job.letter.exchange.is_empty();
            let outcome = self.publish(&open, job.letter).instrument(job.span).await;
            match &outcome {
                Err(Setback::Closed(_)) => self.mender.mend(&self.link, Duration::ZERO).await,
                // A log stream may be gone, and with it the only way; or nobody is meant to listen, for as long as that takes.
                Err(Setback::Returned(_)) if ours => self.mender.mend(&self.link, RETURNED_AGAIN).await,
                _ => {}
            }
            if !matches!(outcome, Err(Setback::Lost | Setback::Closed(_) | Setback::Forbidden(_))) {
                channel = Some(open);
            }
            let _ = job.done.send(outcome);
        }
        if let Some(channel) = channel {
            let _ = channel.close(200, "bye".into()).await;
        }
    }

    async fn next(&self) -> Option<Job> {
        let job = async { self.waiting.lock().await.recv().await };
        tokio::select! {
            () = self.link.stopped() => None,
            job = job => job,
        }
    }

    /// `channel` if it still stands, else a new one as soon as there can be one; `None` when the link has stopped.
    async fn standing(&self, channel: Option<Channel>) -> Option<Channel> {
        if let Some(channel) = channel.filter(|channel| channel.status().connected()) {
            return Some(channel);
        }
        loop {
            let connection = self.link.connection().await?;
            let opening = async {
                let channel = connection.create_channel().await?;
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                Ok::<_, lapin::Error>(channel)
            };
            // A connection that breaks while it is asked may never answer.
            if let Ok(Ok(channel)) = tokio::time::timeout(ANSWER, opening).await {
                return Some(channel);
            }
            self.link.suspect();
            tokio::time::sleep(BACKOFF).await;
        }
    }

    async fn publish(&self, channel: &Channel, letter: Letter) -> Result<(), Setback> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let Letter { exchange, routing_key, properties, body } = letter;
        let (exchange, routing_key) = (super::letter::short(&exchange), super::letter::short(&routing_key));
        let publishing =
            async { channel.basic_publish(exchange, routing_key, options, &body, properties).await?.await };
        match self.in_time(publishing).await {
            Some(Ok(Confirmation::Ack(None))) => Ok(()),
            Some(Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)))) => {
                Err(Setback::Returned(returned.reply_text.to_string()))
            }
            Some(Ok(Confirmation::Nack(None))) => Err(Setback::Refused),
            Some(Ok(Confirmation::NotRequested)) => Err(Setback::Lost),
            Some(Err(error)) => match error.kind() {
                ErrorKind::ProtocolError(said) if said.get_id() == REFUSED => {
                    Err(Setback::Forbidden(explain(&error, Doing::Publishing)))
                }
                ErrorKind::ProtocolError(said) if error.is_amqp_soft_error() => {
                    Err(Setback::Closed(said.get_message().to_string()))
                }
                _ => {
                    debug!("a publish channel was lost: {error}");
                    Err(Setback::Lost)
                }
            },
            None => {
                warn!("no confirm from RabbitMQ within {} s; publishing again", CONFIRM_DEADLINE.as_secs());
                Err(Setback::Lost)
            }
        }
    }

    /// `work`, unless it takes longer than the confirm deadline, which stands still while the connection is blocked.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut waited = Duration::ZERO;
        while waited < CONFIRM_DEADLINE {
            tokio::select! {
                done = &mut work => return Some(done),
                () = tokio::time::sleep(TICK) => if !self.link.is_blocked() { waited += TICK },
            }
        }
        None
    }
}

/// Puts back what is missing when the broker closes publishing channels or sends messages back: once for all lanes that ran
/// into it.
struct Mender {
    topology: Option<Arc<Topology>>,
    /// When the last mending began.
    last: Mutex<Option<Instant>>,
}

impl Mender {
    /// Unless that has begun since, or less than `pause` before.
    async fn mend(&self, link: &Link, pause: Duration) {
        let Some(topology) = &self.topology else { return };
        let noticed = Instant::now();
        let mut last = self.last.lock().await;
        if last.is_some_and(|began| began + pause >= noticed) {
            return;
        }
        *last = Some(Instant::now());
        let Some(connection) = link.connection().await else { return };
        // What it finds is told where the worker consumes. If it fails, the message meets the same fate again, and so does this.
        let _ = tokio::time::timeout(MENDING, topology.apply(&connection)).await;
    }
}
