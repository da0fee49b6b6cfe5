//! The composition root: a checked configuration becomes adapters, the adapters become a worker. Nothing else in the crate
//! knows both sides.

mod actions;
mod adapters;
mod error;
mod solo;
mod store;
mod terms;
mod vitals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::amqp::{
    Consumer, ConsumerSettings, Link, LinkSettings, LinkState, Names, Publisher, QueueSettings, Retry, StreamBounds,
    Topology, may_work,
};
use crate::chain::TenantName;
use crate::chain::hash::BodyHasher;
use crate::chain::log::Author;
use crate::config::{Config, JournalKind, Prefetch, Queue};
use crate::gate::{GateSettings, LocalGate};
use crate::ops::{Server, raise_open_files};
use crate::ports::{Journal, Report};
use crate::runner::Backoff;
use crate::worker::{self, Drained, Worker, auto_prefetch};
pub use actions::catalogue;
use adapters::{Adapters, gates};
pub use error::{StartError, WorkError};
pub use solo::{Obstacle, Solo, Watch};
use store::Store;
pub use terms::terms;
use vitals::Vitals;

/// How long the first connection to the broker is tried.
const FIRST_CONNECT: Duration = Duration::from_secs(60);

/// A worker that is connected and consumes.
pub struct Running {
    worker: Worker,
    store: Store,
    consumer: Consumer,
    links: [Link; 2],
    gate: Arc<LocalGate>,
    _health: Option<Server>,
    stop: CancellationToken,
    stop_publishing: CancellationToken,
}

impl Running {
    /// Serves health, connects, declares the topology and starts to consume. `stop` ends it.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: &Config, stop: CancellationToken) -> Result<Self, StartError> {
        raise_open_files(config.tenants.values().map(|tenant| u64::from(tenant.max_concurrent)).sum());
        let prefetch = prefetch(config, &gates(config)?);
        let store = Store::open(config)?;
        let adapters = Adapters::new(config, &store)?;
        let gate = adapters.gate.clone();
        let vitals = Arc::new(Vitals::new(config, &adapters, store.report(), &stop));
        let health = vitals.serve(config).await?;

        let topology = Arc::new(topology(config));
        let stop_publishing = CancellationToken::new();
        let link = |purpose, report: &Report<LinkState>| {
            let settings = LinkSettings { report: report.clone(), ..link(config, purpose) };
            Link::open(settings, Retry::For(FIRST_CONNECT), CancellationToken::new())
        };
        let publishing = link("publish", &vitals.publishing).await?;
        let consuming = link("consume", &vitals.consuming).await?;
        let queues: Vec<String> = config.queues.iter().map(|queue| queue.name.clone()).collect();
        may_work((&publishing, &consuming), &names(config), &queues, adapters.journal.identity().is_some()).await?;
        let declare = config.broker.declare.then_some(&topology);
        let publisher = Publisher::open(publishing.clone(), names(config), declare, stop_publishing.clone());
        let _ = vitals.publisher.set(publisher.clone());
        let settings = consumer_settings(config, &prefetch, topology, &vitals, adapters.journal.clone());
        let consumer = Consumer::open(settings, &consuming, &publisher, &stop).await?;

        let ports = adapters.ports(Arc::new(publisher));
        let most_in_hand = prefetch.iter().copied().map(usize::from).sum();
        let worker = Worker::new(ports, runner_settings(config), worker_settings(config, most_in_hand));
        let _ = vitals.census.set(worker.census());
        for (name, tenant) in &config.tenants {
            for doubt in tenant.doubts(name) {
                warn!("{doubt}");
            }
        }
        info!(worker = config.worker.id, "worker is up");
        Ok(Self {
            worker,
            store,
            consumer,
            links: [consuming, publishing],
            gate,
            _health: health,
            stop,
            stop_publishing,
        })
    }

    /// Works until `stop`, drains, and closes the connections.
    ///
    /// # Errors
    /// [`WorkError`] when it could not go on.
    pub async fn work(self) -> Result<Drained, WorkError> {
        let mut consumer = self.consumer;
        let ended = tokio::select! {
            drained = self.worker.run(&mut consumer, self.stop.clone()) => Ok(drained),
            // No drain: no outcome can be recorded any more, so nothing is settled. What is in hand goes back with its channel.
            why = self.store.broken() => Err(WorkError::Journal(why)),
        };
        self.stop.cancel();
        self.stop_publishing.cancel();
        self.gate.close();
        // Together, for a broker that does not answer is waited for by each.
        let [consuming, publishing] = &self.links;
        tokio::join!(consuming.close(), publishing.close());
        self.store.close().await;
        let drained = ended?;
        consumer.locked().cloned().map_or(Ok(drained), |locked| Err(WorkError::Locked(locked)))
    }
}

/// What a connection to the configured broker needs; `purpose` is part of its name in RabbitMQ's management.
#[must_use]
pub fn link(config: &Config, purpose: &str) -> LinkSettings {
    LinkSettings {
        url: config.broker.url.clone(),
        tls: config.broker.tls.clone(),
        heartbeat: config.broker.heartbeat,
        name: format!("cxchain {} {purpose}", config.worker.id),
        report: Report::default(),
    }
}

/// The exchanges that the worker publishes to.
#[must_use]
pub fn names(config: &Config) -> Names {
    let exchanges = &config.exchanges;
    Names { results: exchanges.results.clone(), audit: exchanges.audit.clone(), dead: exchanges.dead.clone() }
}

/// Everything that is declared.
#[must_use]
pub fn topology(config: &Config) -> Topology {
    let work_queues: Vec<String> = config.queues.iter().map(|queue| queue.name.clone()).collect();
    let logs = &config.logs;
    let streams = StreamBounds {
        audit: logs.audit.clone(),
        results: logs.results.clone(),
        max_age: logs.max_age.clone(),
        max_bytes: logs.max_bytes,
    };
    let claimed = match config.journal.kind {
        JournalKind::Sqlite => true,
        JournalKind::Memory => false,
    };
    Topology::new(&names(config), &config.exchanges.control, &work_queues, claimed, &streams)
}

fn consumer_settings(
    config: &Config,
    prefetch: &[u16],
    topology: Arc<Topology>,
    vitals: &Vitals,
    journal: Arc<dyn Journal>,
) -> ConsumerSettings {
    let settings = |(queue, &prefetch): (&Queue, &u16)| QueueSettings {
        name: queue.name.clone(),
        prefetch,
        report: vitals.queue(&queue.name),
    };
    let queues = config.queues.iter().zip(prefetch).map(settings).collect();
    ConsumerSettings {
        queues,
        topology,
        declare: config.broker.declare,
        journal,
        worker: config.worker.id.clone(),
        heartbeat: config.broker.heartbeat,
    }
}

/// Of each queue.
fn prefetch(config: &Config, gates: &BTreeMap<TenantName, GateSettings>) -> Vec<u16> {
    let of_queue = |queue: &Queue| match queue.prefetch {
        Prefetch::Count(count) => count,
        Prefetch::Auto => {
            let gate = &gates[&queue.tenant];
            let prefetch = auto_prefetch(gate.interval(), gate.max_concurrent);
            let (queue, tenant) = (&queue.name, &queue.tenant);
            info!(queue, %tenant, prefetch, "prefetch = \"auto\": what the tenant's limits keep busy");
            prefetch
        }
    };
    config.queues.iter().map(of_queue).collect()
}

fn author(config: &Config) -> Author {
    Author { worker: config.worker.id.clone(), compliance_tag: config.audit.compliance_tag.clone() }
}

fn runner_settings(config: &Config) -> crate::runner::Settings {
    let backoff = config.tenants.iter().map(|(name, tenant)| {
        let retry = &tenant.retry;
        let backoff = Backoff {
            base: retry.base,
            multiplier: retry.multiplier,
            max: retry.max,
            max_attempts: retry.max_attempts,
        };
        (name.clone(), backoff)
    });
    let hash_key = config.audit.hash_key.as_ref();
    let poll = config.tenants.iter().map(|(name, tenant)| (name.clone(), tenant.jobs.poll));
    crate::runner::Settings {
        author: author(config),
        hasher: hash_key.map_or(BodyHasher::Plain, |key| BodyHasher::keyed(key.expose_secret())),
        backoff: backoff.collect(),
        poll: poll.collect(),
        max_result_bytes: config.worker.max_result_bytes,
    }
}

fn worker_settings(config: &Config, most_in_hand: usize) -> worker::Settings {
    let exchanges = &config.exchanges;
    let mut reserved: BTreeSet<String> =
        [&exchanges.results, &exchanges.audit, &exchanges.dead, &exchanges.control].into_iter().cloned().collect();
    reserved.extend(config.queues.iter().map(|queue| queue.name.clone()));
    reserved.extend(config.logs.audit.iter().chain(&config.logs.results).cloned());
    worker::Settings {
        author: author(config),
        catalogue: catalogue(config),
        queue_tenants: config.queues.iter().map(|queue| (queue.name.clone(), queue.tenant.clone())).collect(),
        max_message_bytes: config.worker.max_message_bytes,
        most_in_hand,
        reserved,
        drain_timeout: config.worker.drain_timeout,
        // Two heartbeats, and a busy machine.
        dead_for: config.broker.heartbeat * 2 + Duration::from_secs(10),
    }
}
