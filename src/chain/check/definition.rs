//! The definition as a whole: every field but the steps.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::super::definition::Step;
use super::super::ids::{ChainId, RunId, TenantName};
use super::super::json::{Node, Pointer, Report};
use super::depth::Depth;
use super::fields::{Field, Known, Object};
use super::spelling::Meant;
use super::steps::{self, Rules};
use super::tree::Tree;
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
    (message_id, queue_tenant): (Option<&RunId>, &TenantName),
    catalogue: &Catalogue,
    report: &mut Report<'_>,
) -> (Names, Option<Rest>) {
    let Some(object) = Object::open(&Field { pointer: Pointer::ROOT, node: root }, &KNOWN, report) else {
        return Default::default();
    };
    version(&object, report);
    let names = Names {
        chain_id: object
            .required("chain_id", ChainId::ALLOWED, report)
            .and_then(|field| field.name(ChainId::parse, report)),
        run_id: object.optional("run_id").and_then(|field| run_id(&field, message_id, report)),
        tenant: object.optional("tenant").and_then(|field| tenant(&field, queue_tenant, catalogue, report)),
    };
    let depth = Depth::of(&object, Depth::USUAL, report);
    let global_timeout = object.optional("global_timeout_seconds").and_then(|field| field.integer(60..=900, report));
    let expires_at = object.optional("expires_at").and_then(|field| expires_at(&field, report));
    let metadata = object.optional("metadata").and_then(|field| texts(&field, report));
    let tenant = names.tenant.as_ref().unwrap_or(queue_tenant);
    // Of a tenant that is none, no actions are known.
    let any = Catalogue::any();
    let misnamed = names.tenant.is_none() && object.optional("tenant").is_some();
    let mut tree = Tree::new(if misnamed { &any } else { catalogue }, tenant);
    let place = tree.root(names.chain_id.as_ref(), repeats(&object, report));
    let rules = Rules { depth, place: &place, outer: None };
    let steps =
        object.required("steps", depth, report).and_then(|field| steps::walk(&field, &rules, &mut tree, report));
    let rest = steps.map(|steps| Rest {
        global_timeout: Duration::from_secs(global_timeout.unwrap_or(300)),
        expires_at,
        metadata: metadata.unwrap_or_default(),
        steps,
    });
    (names, rest)
}

/// The format of the definition: there is one.
pub(super) fn version(object: &Object<'_, '_>, report: &mut Report<'_>) {
    if let Some(field) = object.optional("version") {
        field.integer(1..=1, report);
    }
}

/// Whether an action may be in the chain twice. The same goes for an invalid flag.
pub(super) fn repeats(object: &Object<'_, '_>, report: &mut Report<'_>) -> bool {
    let given = object.optional("allow_repeated_actions").map(|field| field.flag(report));
    given.is_some_and(|flag| flag.unwrap_or(true))
}

fn run_id(field: &Field<'_, '_>, message_id: Option<&RunId>, report: &mut Report<'_>) -> Option<RunId> {
    let run_id = field.name(RunId::parse, report)?;
    if message_id.is_some_and(|message_id| *message_id != run_id) {
        field.wrong(report, "is not the same as the AMQP message_id", "one of them, or both the same");
    }
    Some(run_id)
}

fn tenant(
    field: &Field<'_, '_>,
    queue_tenant: &TenantName,
    catalogue: &Catalogue,
    report: &mut Report<'_>,
) -> Option<TenantName> {
    let tenant = field.name(TenantName::parse, report)?;
    if catalogue.knows(&tenant) {
        return Some(tenant);
    }
    // Who else is served here is nobody's business: only the queue's own tenant can have been meant.
    let meant = Meant { word: tenant.as_str(), known: &[queue_tenant.as_str()] };
    let what = format_args!("is not a tenant of this worker{meant}");
    field.wrong(report, what, "a configured tenant; absent: the tenant of the queue");
    None
}

fn expires_at(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<Timestamp> {
    let instant = time::rfc3339(field.text(report)?);
    if instant.is_none() {
        field.wrong(report, "is not a time", time::ALLOWED);
    }
    instant
}
