//! The configuration: defaults, file and environment, checked as a whole.
//!
//! [`Config::load`] is the only way in. A [`Config`] that exists is valid; everything that is wrong is reported at once, each
//! with its place and key. The rooms never see this one: `app` maps it onto what they want. No secret in here can be printed.

mod access;
mod actions;
mod auth;
mod broker;
mod dotted;
mod headers;
mod inline;
mod journal;
mod key;
mod links;
mod lists;
mod load;
mod names;
mod observe;
mod path;
mod places;
mod presets;
mod problem;
mod reader;
mod reference;
mod retry;
mod schemas;
mod secrets;
mod shapes;
mod shown;
mod suggest;
mod tenant;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

pub use actions::Action;
pub use auth::{Auth, ClientAuth, Grant};
pub use broker::Broker;
pub use journal::{Gate, GateKind, Journal, JournalKind};
pub use load::DEFAULT_PATH;
pub use names::{Exchanges, Logs, Prefetch, Queue};
pub use observe::{Audit, LogFormat, LogLevel, Ops, Telemetry};
pub use presets::Api;
pub use problem::{ConfigError, Origin, Problem};
pub use reference::{reference, sample};
pub use retry::Retry;
pub use tenant::{Breaker, Jobs, Limit, Tenant};
pub use worker::{DEFAULT_MAX_MESSAGE_BYTES, Worker};

use crate::chain::TenantName;
use load::FileText;
use reader::{Notes, Section};

/// The documented default configuration, as it is shipped.
pub const DEFAULT_FILE: &str = include_str!("../../config/cxchain.toml");

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// This worker process.
    pub worker: Worker,
    /// RabbitMQ.
    pub broker: Broker,
    /// The work queues; at least one, no name twice.
    pub queues: Vec<Queue>,
    /// The exchanges.
    pub exchanges: Exchanges,
    /// The streams.
    pub logs: Logs,
    /// Where run logs live.
    pub journal: Journal,
    /// What lets requests through.
    pub gate: Gate,
    /// What goes into audit events.
    pub audit: Audit,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Where health is served.
    pub ops: Ops,
    /// The tenants; every queue's is among them, and always `default`.
    pub tenants: BTreeMap<TenantName, Tenant>,
    shown: Vec<shown::Entry>,
}

impl Config {
    /// Reads the file at `path` (else `config/cxchain.toml` below the working directory, if it exists), puts the variables of
    /// `env` that begin with `CXCHAIN__` over it, and checks the whole. `std::env::vars_os()` will do for `env`.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong, a file that cannot be read included.
    pub fn load<K, V>(path: Option<&Path>, env: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let mut problems = Vec::new();
        let file = load::file(path).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self::read(file.as_ref(), env, problems)
    }

    fn read(
        file: Option<&FileText>,
        env: Vec<(OsString, OsString)>,
        mut problems: Vec<Problem>,
    ) -> Result<Self, ConfigError> {
        let host = host(&env);
        let value = load::layers(file, env, &mut problems);
        let notes = Notes::default();
        notes.problems.replace(problems);
        let config = walk(Section::root(&notes, value), &host);
        let problems = notes.problems.into_inner();
        if problems.is_empty() {
            Ok(Self { shown: notes.shown.into_inner(), ..config })
        } else {
            Err(ConfigError { problems })
        }
    }

    /// What is good enough to start with, and worth a look all the same.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let exposed = self.broker.tls.exposed_key();
        let exposed =
            exposed.map(|key| format!("broker.tls.key_file: everybody on this machine may read {}", key.display()));
        let used = |name: &TenantName| self.queues.iter().any(|queue| queue.tenant == *name);
        let tenants = self.tenants.iter().filter(|(name, _)| used(name));
        let doubts = tenants.flat_map(|(name, tenant)| tenant.doubts(name));
        exposed.into_iter().chain(doubts).collect()
    }

    /// What holds, as TOML, each value with its origin as a comment. Secrets are masked.
    #[must_use]
    pub fn shown(&self) -> String {
        shown::toml(&self.shown)
    }

    /// What holds, as JSON. Secrets are masked.
    #[must_use]
    pub fn shown_json(&self) -> serde_json::Value {
        shown::json(&self.shown)
    }
}

fn walk(mut root: Section<'_>, host: &str) -> Config {
    let notes = root.notes;
    let worker = worker::read(root.section("worker"), host);
    let broker = broker::read(root.section("broker"));
    let tenants = tenant::names(&root);
    let queues = names::read_queues(&mut root, &tenants);
    let exchanges = names::read_exchanges(root.section("exchanges"));
    let logs = names::read_logs(root.section("logs"));
    let journal = journal::read_journal(root.section("journal"));
    let gate = journal::read_gate(root.section("gate"));
    let audit = observe::read_audit(root.section("audit"));
    observe::read_notify(root.section("notify"));
    let ops = observe::read_ops(root.section("ops"));
    let telemetry = observe::read_telemetry(root.section("telemetry"));
    let tenants = tenant::read(&mut root);
    names::collisions(notes);
    root.finish();
    Config { worker, broker, queues, exchanges, logs, journal, gate, audit, ops, telemetry, tenants, shown: Vec::new() }
}

/// What this machine is called.
fn host(env: &[(OsString, OsString)]) -> String {
    let named = || env.iter().find(|(name, _)| name == "HOSTNAME").and_then(|(_, value)| value.to_str());
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| named().map(str::to_owned))
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
