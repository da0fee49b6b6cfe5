//! What the simulator has seen: the shapes of a snapshot. `GET /_sim/calls` shows them as JSON, tests read the fields.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// All that was seen since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// All calls of actions together; of a job, its submission.
    pub totals: Tally,
    /// All polls together.
    pub polls: Tally,
    /// The jobs.
    pub jobs: JobCalls,
    /// The most calls of actions, and polls, that were open at once.
    pub max_concurrent: u64,
    /// Calls whose `X-Request-ID` was missing or not `{run_id}.{step_id}.{attempt}`; they are in no run.
    pub unidentified: u64,
    /// By run id, then by step id (`parent.child` in a nested chain).
    pub runs: BTreeMap<String, BTreeMap<String, Box<StepCalls>>>,
    /// By action id.
    pub actions: BTreeMap<String, Tally>,
    /// By idempotency key.
    pub idempotency_keys: BTreeMap<String, KeyCalls>,
    /// The token endpoint.
    pub tokens: TokenCalls,
    /// The issuer's discovery documents (`accepted` and `ran` stay 0).
    pub discovery: Tally,
    /// The quota.
    pub quota: QuotaCalls,
    /// When each call, polls included, passed the quota, in microseconds since the simulator's start, in order.
    pub accepted_at_us: Vec<u64>,
    /// Requests to where a redirect pointed: 0, or somebody follows redirects.
    pub redirects_followed: u64,
    /// Requests to paths that do not exist.
    pub not_found: u64,
    /// Requests to paths that exist with a method that they do not have.
    pub wrong_method: u64,
}

impl Calls {
    /// What was seen of a step; zeros if nothing was.
    #[must_use]
    pub fn step(&self, run: &str, step: &str) -> StepCalls {
        self.runs.get(run).and_then(|steps| steps.get(step)).map(|step| (**step).clone()).unwrap_or_default()
    }

    /// What was seen of an action; zeros if nothing was.
    #[must_use]
    pub fn action(&self, action: &str) -> Tally {
        self.actions.get(action).cloned().unwrap_or_default()
    }

    /// The idempotency keys under which an action ran more than once: empty, or something ran twice.
    #[must_use]
    pub fn ran_again(&self) -> Vec<&str> {
        self.idempotency_keys.iter().filter(|(_, key)| key.ran > 1).map(|(key, _)| key.as_str()).collect()
    }
}

/// How calls went. `calls` = `open` + `answered` + `cut_off` + `broken_off`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests whose headers arrived.
    pub calls: u64,
    /// Of these, the ones with a good token that passed the quota.
    pub accepted: u64,
    /// Of these, the ones whose action took effect (or whose job was begun): the body was read, and whatever became of the answer, no fault refused
    /// them (a status that is not 2xx, a redirect, a reset before the body).
    pub ran: u64,
    /// Calls that neither ended nor were broken off yet.
    pub open: u64,
    /// Answers whose last byte was handed to the network.
    pub answered: u64,
    /// Calls whose client went away before the answer was complete. Closing its sending half counts as that.
    pub cut_off: u64,
    /// Calls that a fault (reset, truncate), or the simulator's own end, broke off.
    pub broken_off: u64,
    /// How often an answer with each status was begun, complete or not; noted when the call ends.
    pub statuses: BTreeMap<u16, u64>,
}

/// What was seen of one step of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StepCalls {
    /// How the calls went; of a job, its submissions.
    #[serde(flatten)]
    pub tally: Tally,
    /// The polls of its jobs.
    pub polls: PollCalls,
    /// The attempt numbers, in order of arrival.
    pub attempts: Vec<u32>,
    /// The actions called, each once, in order of arrival (two with a fallback).
    pub actions: Vec<String>,
    /// The idempotency keys, each once, in order of arrival.
    pub idempotency_keys: Vec<String>,
    /// SHA-256 over the bodies as received, in hex; each once, in order of arrival.
    pub payload_hashes: Vec<String>,
    /// When each call passed the quota, in microseconds since the simulator's start.
    pub accepted_at_us: Vec<u64>,
}

/// What was seen of the polls for one step. Those of a job that is known belong to the step that submitted it, whatever they
/// say of themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PollCalls {
    /// How they went (`ran` stays 0).
    #[serde(flatten)]
    pub tally: Tally,
    /// What each said for `X-Request-ID`, in order of arrival.
    pub request_ids: Vec<String>,
    /// The idempotency keys, each once, in order of arrival.
    pub idempotency_keys: Vec<String>,
    /// When each passed the quota, in microseconds since the simulator's start.
    pub accepted_at_us: Vec<u64>,
}

impl Deref for PollCalls {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.tally
    }
}

/// What was seen of jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JobCalls {
    /// Jobs that were begun.
    pub submitted: u64,
    /// The most that were under way at once: submitted and not over. One that never ends is under way for good.
    pub max_under_way: u64,
    /// Polls that passed the quota for a job that there is not.
    pub unknown: u64,
}

impl Deref for StepCalls {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.tally
    }
}

/// What was seen of one idempotency key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct KeyCalls {
    /// Calls that carried it.
    pub calls: u64,
    /// Of these, the ones whose action took effect.
    pub ran: u64,
}

/// What was seen of the token endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TokenCalls {
    /// How the calls went (`accepted` and `ran` stay 0).
    #[serde(flatten)]
    pub tally: Tally,
    /// Tokens issued.
    pub issued: u64,
}

impl Deref for TokenCalls {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.tally
    }
}

/// What the quota let through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuotaCalls {
    /// Calls that passed.
    pub accepted: u64,
    /// Calls that got a 429 from it (not from a fault).
    pub throttled: u64,
    /// One for each limit, in the order of the settings.
    pub windows: Vec<WindowCalls>,
}

/// What one window of the quota held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowCalls {
    /// The most calls it lets through.
    pub limit: u32,
    /// How long it is; in JSON `per_ms`, in milliseconds.
    #[serde(rename = "per_ms", serialize_with = "milliseconds")]
    pub per: Duration,
    /// The most calls that were in it at any moment.
    pub max: usize,
}

fn milliseconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u128(duration.as_millis())
}
