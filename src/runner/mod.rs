//! Drives one run through the ports, in the order of 4.1 of the contract:
//! claim → token → permit → intent → exchange → outcome → event → … → `run.finished` → result → `settled`.
//!
//! Called by the worker, once per delivery that is to be run. Invariants: nothing is sent before its intent is journaled;
//! nothing is published before it is journaled; the result goes out after all events are confirmed. What to do is decided
//! by `chain::run`; in here it is done.

mod attempt;
mod begin;
mod clock;
mod drive;
mod events;
mod job;
mod lead;
mod outcome;
mod record;
mod recorder;
#[cfg(test)]
pub(crate) mod tests;
mod unsent;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use drive::{Ended, Run};
pub(crate) use events::audit_message;

use crate::chain::TenantName;
use crate::chain::hash::BodyHasher;
use crate::chain::log::Author;
use crate::ports::{Actions, Clock, Dice, Gate, Journal, Outbox};

/// The ports that a run goes through.
#[derive(Clone)]
pub struct Ports {
    /// The platform.
    pub actions: Arc<dyn Actions>,
    /// What lets requests through to it.
    pub gate: Arc<dyn Gate>,
    /// Where run logs live.
    pub journal: Arc<dyn Journal>,
    /// What publishes.
    pub outbox: Arc<dyn Outbox>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
}

/// A tenant's back-off between attempts: full jitter, drawn from zero to `base × multiplierⁿ`, at most `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The most for the first one.
    pub base: Duration,
    /// How the most grows.
    pub multiplier: f64,
    /// The most for any.
    pub max: Duration,
    /// Attempts of a step that does not say.
    pub max_attempts: u8,
}

impl Backoff {
    /// The longest back-off after `failures` attempts have failed, from 1.
    #[must_use]
    pub fn most(&self, failures: u32) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1).min(64)).unwrap_or(64);
        let grown = self.base.as_secs_f64() * self.multiplier.powi(exponent);
        Duration::try_from_secs_f64(grown).unwrap_or(self.max).min(self.max)
    }
}

/// What is the same for every run of this worker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who writes the events.
    pub author: Author,
    /// Hashes payloads and responses.
    pub hasher: BodyHasher,
    /// Back-off by tenant.
    pub backoff: BTreeMap<TenantName, Backoff>,
    /// By tenant: how long after one poll of a job the next one is due, at the least.
    pub poll: BTreeMap<TenantName, Duration>,
    /// `worker.max_result_bytes`.
    pub max_result_bytes: usize,
}

/// Drives runs.
pub struct Runner {
    ports: Ports,
    settings: Settings,
    /// Between permit and call.
    lead: lead::Lead,
}

impl Runner {
    /// A runner over these ports.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings) -> Self {
        Self { ports, settings, lead: lead::Lead::default() }
    }

    fn backoff(&self, tenant: &TenantName) -> Backoff {
        let none = Backoff { base: Duration::ZERO, multiplier: 1.0, max: Duration::ZERO, max_attempts: 1 };
        self.settings.backoff.get(tenant).copied().unwrap_or(none)
    }
}
