//! The definition as a whole: every field but the steps.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::super::definition::Step;
use super::super::ids::{ChainId, RunId, TenantName};
use super::super::json::{Node, Pointer, Report};
use super::fields::{Field, Known, Object};
use super::steps::{self, Rules};
use super::{Catalogue, texts, time};

const KNOWN: Known = Known {
    noun: "a chain definition",
    fields: &[
        "version",
        "chain_id",
        "run_id",
        "tenant",
        "max_depth",
        "global_timeout_seconds",
        "expires_at",
        "allow_repeated_actions",
        "metadata",
        "steps",
    ],
    later: &[],
};

/// The most steps that a chain can have, whatever its `max_depth`.
const MAX_STEPS: u64 = 25;

/// The names in a definition, each as far as it is valid: a rejection tells them too.
#[derive(Default)]
pub(super) struct Names {
    pub(super) chain_id: Option<ChainId>,
    pub(super) run_id: Option<RunId>,
    pub(super) tenant: Option<TenantName>,
}

/// What else a definition says. Where there were problems, what is in here means nothing.
pub(super) struct Rest {
    pub(super) global_timeout: Duration,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) steps: Vec<Step>,
}

/// Walks the whole definition.
pub(super) fn walk(
    root: &Node<'_>,
    message_id: Option<&RunId>,
    catalogue: &Catalogue,
    report: &mut Report<'_>,
) -> (Names, Option<Rest>) {
    let Some(object) = Object::open(&Field { pointer: Pointer::ROOT, node: root }, &KNOWN, report) else {
        return Default::default();
    };
    if let Some(field) = object.optional("version") {
        field.integer(1..=1, report);
    }
    let names = Names {
        chain_id: object.required("chain_id", report).and_then(|field| field.name(ChainId::parse, report)),
        run_id: object.optional("run_id").and_then(|field| run_id(&field, message_id, report)),
        tenant: object.optional("tenant").and_then(|field| tenant(&field, catalogue, report)),
    };
    let max_depth = object.optional("max_depth").map(|field| field.integer(1..=MAX_STEPS, report));
    let global_timeout = object.optional("global_timeout_seconds").and_then(|field| field.integer(60..=900, report));
    let expires_at = object.optional("expires_at").and_then(|field| expires_at(&field, report));
    let repeats = object.optional("allow_repeated_actions").map(|field| field.flag(report));
    let metadata = object.optional("metadata").and_then(|field| texts(&field, report));
    let rules = Rules {
        // An invalid limit has been reported; nobody knows what was meant, so only the hard one counts.
        max_steps: max_depth.unwrap_or(Some(10)).unwrap_or(MAX_STEPS),
        // The same goes for an invalid flag.
        repeats: repeats.is_some_and(|flag| flag.unwrap_or(true)),
    };
    let steps = object.required("steps", report).and_then(|field| steps::walk(&field, rules, report));
    let rest = steps.map(|steps| Rest {
        global_timeout: Duration::from_secs(global_timeout.unwrap_or(300)),
        expires_at,
        metadata: metadata.unwrap_or_default(),
        steps,
    });
    (names, rest)
}

fn run_id(field: &Field<'_, '_>, message_id: Option<&RunId>, report: &mut Report<'_>) -> Option<RunId> {
    let run_id = field.name(RunId::parse, report)?;
    if message_id.is_some_and(|message_id| *message_id != run_id) {
        field.wrong(report, "is not the same as the AMQP message_id", "one of them, or both the same");
    }
    Some(run_id)
}

fn tenant(field: &Field<'_, '_>, catalogue: &Catalogue, report: &mut Report<'_>) -> Option<TenantName> {
    let tenant = field.name(TenantName::parse, report)?;
    if catalogue.knows(&tenant) {
        return Some(tenant);
    }
    // Who else is served here is nobody's business.
    field.wrong(report, "is not a tenant of this worker", "a configured tenant; absent: the tenant of the queue");
    None
}

fn expires_at(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<Timestamp> {
    let instant = time::rfc3339(field.text(report)?);
    if instant.is_none() {
        field.wrong(report, "is not a time", time::ALLOWED);
    }
    instant
}
