//! Where the workers die: exchanges, catching queues and a simulator that many cases share, and a work queue and a journal for each.

use std::path::{Path, PathBuf};

use cxchain::chain::RunId;
use cxchain::chain::log::Record;
use cxchain::journal::sqlite::{ReadError, Reader};
use cxchain::simulator::SimulatorSettings;
use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tempfile::TempDir;

use crate::support::load::{LONG, left_over, name};
use crate::support::worker::doomed;
use crate::support::{Broker, Caught, Stage, Worker, amqp, eventually, unique};

/// What many cases share.
pub(crate) struct Ground {
    pub(crate) stage: Stage,
    pub(crate) channel: Channel,
}

/// A work queue, and the journal of its workers, of whom there is one at a time.
pub(crate) struct Place<'a> {
    ground: &'a Ground,
    pub(crate) queue: String,
    disk: TempDir,
    /// The catalogue of the tenant whose runs are worked off, for who is started from now on.
    pub(crate) actions: Option<&'static str>,
}

impl Ground {
    pub(crate) async fn new(simulator: SimulatorSettings, keys: &[(&str, &str)]) -> Self {
        let mut stage = Stage::new(Broker::shared().await, simulator).await;
        for (key, value) in keys {
            stage.set(key, value);
        }
        let channel = amqp::channel(&stage.connect().await).await;
        Self { stage, channel }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        let queue = name(&self.stage, &unique("work"));
        Place { ground: self, queue, disk: TempDir::new().expect("a temporary directory"), actions: None }
    }

    /// All results and all events, in the order of their arrival; for when nobody works any more.
    pub(crate) async fn caught(&self) -> (Vec<Caught>, Vec<Caught>) {
        (left_over(&self.stage, &self.channel).await, self.stage.events(&self.channel).await)
    }
}

impl Place<'_> {
    fn journal(&self) -> PathBuf {
        self.disk.path().join("journal.db")
    }

    fn env(&self) -> Vec<(String, String)> {
        let mut env = self.ground.stage.env();
        env.push(("CXCHAIN__QUEUES".into(), format!("[{{name = \"{}\", prefetch = 100}}]", self.queue)));
        env.push(("CXCHAIN__JOURNAL__PATH".into(), shown(&self.journal()).to_owned()));
        env.extend(self.actions.map(|actions| ("CXCHAIN__TENANTS__DEFAULT__ACTIONS".into(), actions.into())));
        env
    }

    /// Starts a worker.
    pub(crate) fn spawn(&self) -> Worker {
        Worker::spawn(&self.env())
    }

    /// Starts a worker, which consumes when this returns.
    pub(crate) async fn worker(&self) -> Worker {
        let worker = self.spawn();
        worker.consuming(1, LONG).await;
        worker
    }

    /// Starts a worker that dies at `place`: see [`cxchain::failpoint`].
    pub(crate) fn doomed(&self, place: &str) -> Worker {
        Worker::spawn(&doomed(self.env(), place))
    }

    pub(crate) async fn submit(&self, body: &[u8], message_id: Option<&str>) {
        let mut properties = lapin::BasicProperties::default().with_content_type("application/json".into());
        if let Some(id) = message_id {
            properties = properties.with_message_id(id.into());
        }
        amqp::publish(&self.ground.channel, "", &self.queue, body, properties).await;
    }

    /// Waits until the broker has noticed that nobody consumes any more. Then all that was not acknowledged is back in the queue:
    /// how many messages are there?
    pub(crate) async fn abandoned(&self) -> u32 {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        eventually("the broker takes the dead worker's messages back", LONG, async || {
            let queue = self.queue.as_str().into();
            let declared = self.ground.channel.queue_declare(queue, passive, FieldTable::default()).await;
            let declared = declared.expect("the work queue is there");
            (declared.consumer_count() == 0).then(|| declared.message_count())
        })
        .await
    }

    /// The log of a run as the journal holds it, whole and with sound checksums. Empty where nothing was recorded.
    pub(crate) fn log(&self, run: &str) -> Vec<Record> {
        let reader = Reader::open(&self.journal()).expect("the journal can be read");
        let run_id = RunId::parse(run).expect("a run id");
        match reader.run(&run_id, None) {
            Ok((_, log)) => log,
            Err(ReadError::NoRun(_)) => Vec::new(),
            Err(why) => panic!("the log of run {run}: {why}"),
        }
    }

    /// SIGTERM: what is in hand is finished, for its result is out.
    pub(crate) async fn stops(&self, mut worker: Worker) {
        worker.signal("TERM").await;
        assert_eq!(worker.ended(LONG).await, 0, "{}", worker.log());
        sound(&worker);
    }
}

/// Whatever else became of it, nothing in it has panicked.
pub(crate) fn sound(worker: &Worker) {
    let log = worker.log();
    assert!(!["panicked", "a fault in cxchain"].iter().any(|fault| log.contains(fault)), "{log}");
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("the directory's name is ours")
}
