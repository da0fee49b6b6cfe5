//! Whether a worker is well: facts about its parts, and one verdict over them. Pure; `app` collects the facts.
//!
//! A worker is *unready* when it cannot do its work for anybody: it drains, consumes from none of its queues, cannot publish, or
//! its journal does not write. It is *degraded*, and ready, when it can for some: trouble with one tenant's token or quota, one
//! queue of several, a message that the broker does not take. Whoever acts on readiness must not take a worker away from
//! all tenants for the sake of one.

use std::collections::BTreeMap;

use serde::Serialize;

/// The verdict over one part, or over all. The worst counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing to be said.
    Ready,
    /// Something is not as it should be, and the worker works.
    Degraded,
    /// The worker does not work.
    Unready,
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When: RFC 3339.
    pub at: String,
    /// In words, without secrets.
    pub what: String,
}

/// A connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// `connecting`, `connected`, `blocked` or `closed`.
    pub state: &'static str,
    /// Since when: RFC 3339.
    pub since: String,
    /// Why the broker blocks it, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What went wrong last, also when that is over.
    pub last_error: Option<LastError>,
}

impl Connection {
    fn waits_for(&self) -> Option<String> {
        let last = self.last_error.as_ref().map(|error| format!(" ({})", error.what)).unwrap_or_default();
        match (self.state, &self.blocked) {
            ("connected", _) => None,
            ("blocked", Some(why)) => Some(format!("RabbitMQ takes no messages (connection.blocked: {why})")),
            (state, _) => Some(format!("RabbitMQ: {state}{last}")),
        }
    }
}

/// A work queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// `consuming`, or what it is instead.
    pub state: &'static str,
    /// Since when: RFC 3339.
    pub since: String,
    /// What went wrong last, also when that is over.
    pub last_error: Option<LastError>,
}

impl Queue {
    const CONSUMING: &'static str = "consuming";

    fn waits_for(&self) -> Option<String> {
        let last = self.last_error.as_ref().map(|error| format!(": {}", error.what)).unwrap_or_default();
        (self.state != Self::CONSUMING).then(|| format!("queue {}: {}{last}", self.name, self.state))
    }
}

/// Where deliveries come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consuming {
    /// The connection that consumes.
    pub connection: Connection,
    /// Every work queue.
    pub queues: Vec<Queue>,
}

/// Where events and results go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publishing {
    /// The connection that publishes.
    pub connection: Connection,
    /// Channels, each with one message in flight; none before the first connection.
    pub lanes: usize,
    /// Messages that wait for a lane.
    pub waiting: usize,
    /// Messages that the broker did not take, and that are tried again until it does.
    pub retrying: usize,
    /// Why the last of those was not taken.
    pub last_setback: Option<String>,
}

/// Where run logs live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// As in the configuration.
    pub kind: &'static str,
    /// Whether it does what it was last asked to.
    pub writes: bool,
    /// Since when: RFC 3339.
    pub since: String,
    /// What went wrong last, also when that is over.
    pub last_error: Option<LastError>,
}

/// A tenant's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Token {
    /// No run has needed one yet.
    NotAsked,
    /// There is one that is valid.
    Valid,
    /// The last one is over; the next call gets a new one.
    Over,
    /// The last request failed; the next call asks again.
    Failed {
        /// As in events: `AUTHENTICATION`, `NETWORK`, …
        class: &'static str,
        /// In words, without secrets.
        message: String,
    },
}

/// A tenant's gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gate {
    /// How much longer nobody is let through, after a 429.
    pub paused_for_seconds: Option<f64>,
    /// Requests that wait to be let through.
    pub waiting: usize,
    /// Requests on their way.
    pub in_flight: usize,
}

/// The worker's own doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Whether it takes nothing new any more.
    pub draining: bool,
    /// Runs in hand.
    pub runs: usize,
}

/// Everything that is looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checks {
    /// What the worker does.
    pub work: Check<Work>,
    /// Deliveries come in.
    pub consuming: Check<Consuming>,
    /// Events and results get out.
    pub publishing: Check<Publishing>,
    /// Run logs are written.
    pub journal: Check<Journal>,
    /// Each tenant lets the worker in.
    pub token: Check<PerTenant<Token>>,
    /// Each tenant lets requests through.
    pub gate: Check<PerTenant<Gate>>,
}

/// One fact for every tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerTenant<T> {
    /// By name.
    pub tenants: BTreeMap<String, T>,
}

/// Facts with their verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check<T> {
    /// The verdict.
    pub status: Status,
    /// What the worker waits for in this; empty where all is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// The facts.
    #[serde(flatten)]
    pub facts: T,
}

impl<T> Check<T> {
    fn new(facts: T, worst: Status, waits_for: Vec<String>) -> Self {
        let status = if waits_for.is_empty() { Status::Ready } else { worst };
        Self { status, waits_for, facts }
    }
}

impl Check<Work> {
    /// Draining is unready.
    #[must_use]
    pub fn work(facts: Work) -> Self {
        let waits = facts
            .draining
            .then(|| format!("the end of {}: the worker drains and takes nothing new", counted(facts.runs, "run")));
        Self::new(facts, Status::Unready, waits.into_iter().collect())
    }
}

impl Check<Consuming> {
    /// No queue is unready; some of them is degraded.
    #[must_use]
    pub fn consuming(connection: Connection, queues: Vec<Queue>) -> Self {
        let mut waits: Vec<String> = queues.iter().filter_map(Queue::waits_for).collect();
        let worst = if waits.len() == queues.len() { Status::Unready } else { Status::Degraded };
        if !waits.is_empty() {
            waits.splice(0..0, connection.waits_for());
        }
        Self::new(Consuming { connection, queues }, worst, waits)
    }
}

impl Check<Publishing> {
    /// No connection, or a blocked one, is unready; messages that are not taken are degraded.
    #[must_use]
    pub fn publishing(facts: Publishing) -> Self {
        if let Some(waits) = facts.connection.waits_for() {
            return Self::new(facts, Status::Unready, vec![waits]);
        }
        let why = facts.last_setback.as_deref().unwrap_or_default();
        let waits = (facts.retrying > 0).then(|| format!("{} to be taken: {why}", counted(facts.retrying, "message")));
        Self::new(facts, Status::Degraded, waits.into_iter().collect())
    }
}

impl Check<Journal> {
    /// A journal that does not write is unready.
    #[must_use]
    pub fn journal(facts: Journal) -> Self {
        let why = facts.last_error.as_ref().map(|error| format!(": {}", error.what)).unwrap_or_default();
        let waits = (!facts.writes).then(|| format!("the journal, which does not write{why}"));
        Self::new(facts, Status::Unready, waits.into_iter().collect())
    }
}

impl Check<PerTenant<Token>> {
    /// A tenant that lets nobody in is its own trouble: degraded.
    #[must_use]
    pub fn token(tenants: BTreeMap<String, Token>) -> Self {
        let waits = tenants.iter().filter_map(|(tenant, token)| match token {
            Token::Failed { class, message } => Some(format!("tenant {tenant}: a token: {class}, {message}")),
            Token::NotAsked | Token::Valid | Token::Over => None,
        });
        let waits = waits.collect();
        Self::new(PerTenant { tenants }, Status::Degraded, waits)
    }
}

impl Check<PerTenant<Gate>> {
    /// A tenant that throttles is its own trouble: degraded.
    #[must_use]
    pub fn gate(tenants: BTreeMap<String, Gate>) -> Self {
        let waits = tenants.iter().filter_map(|(tenant, gate)| {
            let left = gate.paused_for_seconds?;
            Some(format!("tenant {tenant}: the end of a pause after a 429, in {left:.1} s"))
        });
        let waits = waits.collect();
        Self::new(PerTenant { tenants }, Status::Degraded, waits)
    }
}

/// `1 run`, `2 runs`.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// How a worker is, as `/readyz` tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// Whether it works: 200, else 503.
    pub ready: bool,
    /// The worst of the checks.
    pub status: Status,
    /// What it waits for, all checks together, the worst first.
    pub waits_for: Vec<String>,
    /// `worker.id`.
    pub worker: String,
    /// Part by part.
    pub checks: Checks,
}

impl Health {
    /// The verdict over `checks`.
    #[must_use]
    pub fn of(worker: String, checks: Checks) -> Self {
        let Checks { work, consuming, publishing, journal, token, gate } = &checks;
        let mut all = [
            (work.status, &work.waits_for),
            (consuming.status, &consuming.waits_for),
            (publishing.status, &publishing.waits_for),
            (journal.status, &journal.waits_for),
            (token.status, &token.waits_for),
            (gate.status, &gate.waits_for),
        ];
        all.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
        let status = all[0].0;
        let waits_for = all.iter().flat_map(|(_, waits)| waits.iter().cloned()).collect();
        Self { ready: status != Status::Unready, status, waits_for, worker, checks }
    }
}

#[cfg(test)]
mod tests;
