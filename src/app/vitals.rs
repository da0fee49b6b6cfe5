//! What a worker's adapters tell about themselves, put together as its health.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Adapters, StartError};
use crate::amqp::{LinkState, Publisher, PublisherStatus, QueueState};
use crate::chain::TenantName;
use crate::chain::stamp::Millis;
use crate::config::{Config, JournalKind, Ops};
use crate::cxone::{Cxone, TokenStatus};
use crate::gate::LocalGate;
use crate::journal::JournalState;
use crate::ops::{self, Check, Checks, Connection, Health, LastError, Probe, Server, Token};
use crate::ports::{Report, Standing};
use crate::worker::Census;

/// The reports and handles that a worker's health is read off. Reading waits for nothing.
pub(super) struct Vitals {
    /// Of the connection that consumes.
    pub(super) consuming: Report<LinkState>,
    /// Of the connection that publishes.
    pub(super) publishing: Report<LinkState>,
    worker: String,
    tenants: Vec<TenantName>,
    queues: Vec<(String, Report<QueueState>)>,
    journal_kind: &'static str,
    journal: Report<JournalState>,
    actions: Arc<Cxone>,
    gate: Arc<LocalGate>,
    stop: CancellationToken,
    /// As soon as there is a connection to publish on.
    pub(super) publisher: OnceLock<Publisher>,
    /// As soon as the worker works.
    pub(super) census: OnceLock<Census>,
}

impl Vitals {
    /// Those of a worker that has not begun.
    pub(super) fn new(
        config: &Config,
        adapters: &Adapters,
        journal: Report<JournalState>,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            consuming: Report::default(),
            publishing: Report::default(),
            worker: config.worker.id.clone(),
            tenants: config.tenants.keys().cloned().collect(),
            queues: config.queues.iter().map(|queue| (queue.name.clone(), Report::default())).collect(),
            journal_kind: match config.journal.kind {
                JournalKind::Sqlite => "sqlite",
                JournalKind::Memory => "memory",
            },
            journal,
            actions: adapters.actions.clone(),
            gate: adapters.gate.clone(),
            stop: stop.clone(),
            publisher: OnceLock::new(),
            census: OnceLock::new(),
        }
    }

    /// Serves the health where it is configured, for as long as the answer is kept.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub(super) async fn serve(self: &Arc<Self>, config: &Config) -> Result<Option<Server>, StartError> {
        let Some(address) = config.ops.listen else { return Ok(None) };
        let vitals = Arc::clone(self);
        let probe: Probe = Arc::new(move || vitals.health());
        let mut server = Server::start(address, &self.worker, probe.clone()).await;
        if address == Ops::USUAL && matches!(&server, Err(why) if why.kind() == io::ErrorKind::AddrInUse) {
            warn!("ops.listen: {address} is taken, by another worker perhaps; a free port will do");
            server = Server::start(SocketAddr::new(address.ip(), 0), &self.worker, probe).await;
        }
        let server = server.map_err(|why| StartError::Listen { address, why })?;
        info!(address = %server.address(), "health is served: /healthz and /readyz");
        Ok(Some(server))
    }

    /// How the worker is now.
    fn health(&self) -> Health {
        let queues = self.queues.iter().map(|(name, report)| queue(name, report.standing()));
        let runs = self.census.get().map_or(0, Census::runs);
        let checks = Checks {
            work: Check::work(ops::Work { draining: self.stop.is_cancelled(), runs }),
            consuming: Check::consuming(connection(self.consuming.standing()), queues.collect()),
            publishing: Check::publishing(self.publishing()),
            journal: Check::journal(self.journal()),
            token: Check::token(self.by_tenant(|tenant| self.actions.token(tenant).map(token))),
            gate: Check::gate(self.by_tenant(|tenant| self.gate.status(tenant).map(gate))),
        };
        Health::of(self.worker.clone(), checks)
    }

    /// The report of a work queue.
    pub(super) fn queue(&self, name: &str) -> Report<QueueState> {
        let known = self.queues.iter().find(|(known, _)| known == name);
        known.map(|(_, report)| report.clone()).unwrap_or_default()
    }

    fn publishing(&self) -> ops::Publishing {
        let none = PublisherStatus { lanes: 0, waiting: 0, retrying: 0, last_setback: None };
        let status = self.publisher.get().map_or(none, Publisher::status);
        ops::Publishing {
            connection: connection(self.publishing.standing()),
            lanes: status.lanes,
            waiting: status.waiting,
            retrying: status.retrying,
            last_setback: status.last_setback.map(|setback| in_short(&setback)),
        }
    }

    fn journal(&self) -> ops::Journal {
        let standing = self.journal.standing();
        ops::Journal {
            kind: self.journal_kind,
            writes: standing.state == JournalState::Writes,
            since: standing.since.to_string(),
            last_error: last_error(standing.last_error),
        }
    }

    fn by_tenant<T>(&self, fact: impl Fn(&TenantName) -> Option<T>) -> BTreeMap<String, T> {
        self.tenants.iter().filter_map(|tenant| fact(tenant).map(|fact| (tenant.to_string(), fact))).collect()
    }
}

fn connection(standing: Standing<LinkState>) -> Connection {
    let (state, blocked) = match standing.state {
        LinkState::Connecting => ("connecting", None),
        LinkState::Connected => ("connected", None),
        LinkState::Blocked(why) => ("blocked", Some(in_short(&why))),
        LinkState::Closed => ("closed", None),
    };
    Connection { state, since: standing.since.to_string(), blocked, last_error: last_error(standing.last_error) }
}

fn queue(name: &str, standing: Standing<QueueState>) -> ops::Queue {
    let state = match standing.state {
        QueueState::Connecting => "connecting",
        QueueState::Consuming => "consuming",
        QueueState::Cancelled => "cancelled_by_broker",
        QueueState::Gone => "queue_gone",
        QueueState::Differs => "queue_differs",
        QueueState::ChannelClosed => "channel_closed_by_broker",
        QueueState::ConnectionLost => "connection_lost",
        QueueState::Locked => "locked",
        QueueState::NoJournal => "journal_not_ready",
        QueueState::Stopped => "stopped",
    };
    let since = standing.since.to_string();
    ops::Queue { name: name.to_owned(), state, since, last_error: last_error(standing.last_error) }
}

fn token(status: TokenStatus) -> Token {
    match status {
        TokenStatus::NotAsked => Token::NotAsked,
        TokenStatus::Valid => Token::Valid,
        TokenStatus::Over => Token::Over,
        TokenStatus::Failed(error) => Token::Failed { class: error.class.as_str(), message: in_short(&error.message) },
    }
}

fn gate(status: crate::gate::GateStatus) -> ops::Gate {
    ops::Gate {
        // To the millisecond.
        paused_for_seconds: status.paused_for.map(|left| (left.as_secs_f64() * 1e3).ceil() / 1e3),
        waiting: status.waiting,
        in_flight: status.in_flight,
    }
}

fn last_error(error: Option<(Millis, String)>) -> Option<LastError> {
    error.map(|(at, what)| LastError { at: at.to_string(), what: in_short(&what) })
}

/// On one line, and no longer than a probe's answer should be: much of it is somebody else's words.
fn in_short(text: &str) -> String {
    const MOST_CHARACTERS: usize = 500;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect()
}
