//! `[[queues]]`, `[exchanges]` and `[logs]`: the names of what there is on the broker, and that none is used twice.

use std::collections::{BTreeMap, BTreeSet};

use super::key::{Fallback, Key, Part};
use super::lists::Tables;
use super::problem::Origin;
use super::reader::{Notes, Section};
use super::shapes::{Integer, OrAuto, Tenancy, Text, printable};
use crate::chain::TenantName;

/// A work queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name: 1–200 bytes of printable ASCII.
    pub name: String,
    /// Whose chains it holds, where a message names no tenant; one of the configured tenants.
    pub tenant: TenantName,
    /// How many messages the worker holds unacked at most.
    pub prefetch: Prefetch,
}

/// How many messages a worker holds unacked at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefetch {
    /// As many as the tenant's limits keep busy.
    Auto,
    /// So many: 1–2000.
    Count(u16),
}

/// The exchanges. All names differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanges {
    /// Results: topic.
    pub results: String,
    /// Audit events and alerts: topic.
    pub audit: String,
    /// Refused messages: the exchange, and the queue of the same name.
    pub dead: String,
    /// Cancel, pause and resume, to every worker: fanout.
    pub control: String,
}

/// The streams that keep what the exchanges distribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    /// The stream of audit events; `None`: there is none.
    pub audit: Option<String>,
    /// The stream of results; `None`: there is none.
    pub results: Option<String>,
    /// How long streams keep messages, as RabbitMQ writes it: `7D`.
    pub max_age: String,
    /// How large a stream may grow, in bytes: 1 MB – 1 PB.
    pub max_bytes: u64,
}

const NAME_RULE: &str =
    "of 1 to 200 characters of printable ASCII, no space at either end, not beginning with \"amq.\"";

fn is_name(text: &str) -> bool {
    printable(text, 200) && text.trim() == text && !text.starts_with("amq.")
}

const fn name(key: &'static str, fallback: &'static str, about: &'static str) -> Key<Text> {
    Key::new(key, Text { rule: NAME_RULE, valid: is_name }, Fallback::Value(fallback), about)
}

const MOST_QUEUES: usize = 100;

const QUEUES: Key<Tables> = Key::new(
    "queues",
    Tables { min: 1, max: MOST_QUEUES, of: "{name, tenant, prefetch}" },
    Fallback::Value("[{}]"),
    "The work queues.",
);
const QUEUE_NAME: Key<Text> = name("name", "\"cxchain.chains\"", "The work queue: a durable quorum queue.");
const QUEUE_TENANT: Key<Tenancy> = Key::new(
    "tenant",
    Tenancy,
    Fallback::Value("\"default\""),
    "The tenant of messages that name none. It must be configured under `tenants`.",
);
const PREFETCH: Key<OrAuto> = Key::new(
    "prefetch",
    OrAuto(Integer { min: 1, max: 2000 }),
    Fallback::Value("\"auto\""),
    "How many messages this worker takes before it has settled the first. `\"auto\"`: what the limits of the queue's tenant \
     (this worker's share of them) and its `max_concurrent` can keep busy, reckoned at the start and logged.",
);

pub(super) const QUEUE_PART: Part = Part {
    pattern: "queues[]",
    about: "The work queues, one table each; one for every tenant keeps tenants apart. Without any there is one with \
            the defaults. In the environment the list is given as a whole: `CXCHAIN__QUEUES='[{name = \"a\", prefetch \
            = 50}]'`.",
    keys: &[&QUEUE_NAME, &QUEUE_TENANT, &PREFETCH],
};

const RESULTS: Key<Text> = name("results", "\"cxchain.results\"", "Results: a topic exchange.");
const AUDIT: Key<Text> = name("audit", "\"cxchain.audit\"", "Audit events and alerts: a topic exchange.");
const DEAD: Key<Text> =
    name("dead", "\"cxchain.dead\"", "Messages that were refused: an exchange, and a quorum queue of the same name.");
const CONTROL: Key<Text> = name("control", "\"cxchain.control\"", "Cancel, pause and resume: a fanout exchange.");

pub(super) const EXCHANGE_PART: Part = Part {
    pattern: "exchanges",
    about: "The exchanges. Their names differ from one another.",
    keys: &[&RESULTS, &AUDIT, &DEAD, &CONTROL],
};

const STREAM_RULE: &str = "that is empty (no stream) or a name like a queue's";

const fn stream(key: &'static str, fallback: &'static str, about: &'static str) -> Key<Text> {
    let shape = Text { rule: STREAM_RULE, valid: |text| text.is_empty() || is_name(text) };
    Key::new(key, shape, Fallback::Value(fallback), about)
}

const LOG_AUDIT: Key<Text> = stream("audit", "\"cxchain.audit.log\"", "The stream of all audit events.");
const LOG_RESULTS: Key<Text> = stream("results", "\"cxchain.results.log\"", "The stream of all results.");
const MAX_AGE: Key<Text> = Key::new(
    "max_age",
    Text { rule: "of a number from 1 to 999999 and one of Y M D h m s, as in \"7D\"", valid: is_age },
    Fallback::Value("\"7D\""),
    "How long the streams keep messages, as RabbitMQ writes it: years, months, days, hours, minutes, seconds.",
);
const MAX_BYTES: Key<Integer> = Key::new(
    "max_bytes",
    Integer { min: 1_000_000, max: 1_000_000_000_000_000 },
    Fallback::Value("5_000_000_000"),
    "How large each stream may grow, in bytes.",
);

pub(super) const LOG_PART: Part = Part {
    pattern: "logs",
    about: "Streams bound to the exchanges, so that nothing is unroutable and everything can be read again.",
    keys: &[&LOG_AUDIT, &LOG_RESULTS, &MAX_AGE, &MAX_BYTES],
};

fn is_age(text: &str) -> bool {
    let Some((number, unit)) = text.split_at_checked(text.len().saturating_sub(1)) else { return false };
    let digits = (1..=6).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    digits && !number.starts_with('0') && matches!(unit, "Y" | "M" | "D" | "h" | "m" | "s")
}

pub(super) fn read_queues(root: &mut Section<'_>, tenants: &BTreeSet<TenantName>) -> Vec<Queue> {
    root.tables(&QUEUES, true).into_iter().filter_map(|section| read_queue(section, tenants)).collect()
}

fn read_queue(mut section: Section<'_>, tenants: &BTreeSet<TenantName>) -> Option<Queue> {
    let name = section.value(&QUEUE_NAME);
    let origin = section.given(&QUEUE_TENANT).unwrap_or(Origin::Default);
    let tenant = section.get(&QUEUE_TENANT);
    if let Some(tenant) = tenant.as_ref().filter(|tenant| !tenants.contains(*tenant)) {
        let known: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
        let what = format!("tenant {tenant} is not configured; there are: {}", known.join(", "));
        section.blame(QUEUE_TENANT.name, origin, &what);
    }
    let prefetch = match section.value(&PREFETCH) {
        None => Prefetch::Auto,
        Some(count) => Prefetch::Count(u16::try_from(count).unwrap_or(u16::MAX)),
    };
    section.finish();
    Some(Queue { name, tenant: tenant?, prefetch })
}

pub(super) fn read_exchanges(mut section: Section<'_>) -> Exchanges {
    let exchanges = Exchanges {
        results: section.value(&RESULTS),
        audit: section.value(&AUDIT),
        dead: section.value(&DEAD),
        control: section.value(&CONTROL),
    };
    section.finish();
    exchanges
}

pub(super) fn read_logs(mut section: Section<'_>) -> Logs {
    let some = |name: String| (!name.is_empty()).then_some(name);
    let logs = Logs {
        audit: some(section.value(&LOG_AUDIT)),
        results: some(section.value(&LOG_RESULTS)),
        max_age: section.value(&MAX_AGE),
        max_bytes: section.value(&MAX_BYTES),
    };
    section.finish();
    logs
}

/// No two exchanges, and no two queues or streams, may be one. Goes by the names that passed their own check.
pub(super) fn collisions(notes: &Notes) {
    let exchanges = ["results", "audit", "dead", "control"].map(|key| format!("exchanges.{key}"));
    distinct(notes, "exchange", BTreeMap::new(), &exchanges);

    let work: Vec<_> = (0..MOST_QUEUES).map(|at| format!("queues[{at}].name")).collect();
    let mut own = BTreeMap::from([("cxchain.notify".to_owned(), "cxchain's own queue for webhooks".to_owned())]);
    for key in &work {
        if let Some((name, _)) = notes.text_at(key) {
            own.insert(format!("cxchain.lock.{name}"), format!("the lock queue of {key}"));
            own.insert(format!("cxchain.journal.{name}"), format!("the journal queue of {key}"));
        }
    }
    let mut queues = vec!["exchanges.dead".to_owned()];
    queues.extend(work);
    queues.extend(["logs.audit".to_owned(), "logs.results".to_owned()]);
    distinct(notes, "queue", own, &queues);
}

fn distinct(notes: &Notes, noun: &str, mut taken: BTreeMap<String, String>, keys: &[String]) {
    for key in keys {
        let Some((name, origin)) = notes.text_at(key).filter(|(name, _)| !name.is_empty()) else { continue };
        match taken.get(&name) {
            Some(other) => {
                let text = format!("{key}: {name:?} is the name of {other} already; no two {noun}s may have one name");
                notes.add(origin, key, text);
            }
            None => {
                taken.insert(name, key.clone());
            }
        }
    }
}
