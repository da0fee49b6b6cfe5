//! A chain in the place of an action.

use std::time::Duration;

use super::super::definition::Nested;
use super::super::expression::Scope;
use super::super::ids::{ChainId, TenantName};
use super::super::json::Report;
use super::definition;
use super::depth::Depth;
use super::fields::{Field, Known, Object};
use super::steps::{self, Rules};
use super::tree::{Place, Tree};

const OUTERMOST: &str = "belongs to the outermost chain definition: a nested chain is part of its parent's run";

const KNOWN: Known = Known {
    noun: "a nested chain definition",
    fields: &[
        "version",
        "chain_id",
        "tenant",
        "max_depth",
        "global_timeout_seconds",
        "allow_repeated_actions",
        "steps",
    ],
    later: &[("run_id", OUTERMOST), ("expires_at", OUTERMOST), ("metadata", OUTERMOST)],
};

/// Walks a nested definition at the step of the chain at `parent` whose view is `scope`.
pub(super) fn walk(
    field: &Field<'_, '_>,
    (parent, scope): (&Place, &Scope<'_>),
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Nested> {
    let object = Object::open(field, &KNOWN, report)?;
    definition::version(&object, report);
    let chain_id =
        object.required("chain_id", ChainId::ALLOWED, report).and_then(|field| chain_id(&field, parent, report));
    if let Some(field) = object.optional("tenant") {
        tenant(&field, tree, report);
    }
    let depth = Depth::of(&object, Depth::MOST, report);
    let global_timeout = object.optional("global_timeout_seconds").and_then(|field| field.integer(60..=900, report));
    let place = tree.below(parent, chain_id.as_ref(), definition::repeats(&object, report));
    let rules = Rules { depth, place: &place, outer: Some(scope) };
    let steps = object.required("steps", depth, report).and_then(|field| steps::walk(&field, &rules, tree, report));
    Some(Nested { chain_id: chain_id?, global_timeout: global_timeout.map(Duration::from_secs), steps: steps? })
}

fn chain_id(field: &Field<'_, '_>, parent: &Place, report: &mut Report<'_>) -> Option<ChainId> {
    let chain_id = field.name(ChainId::parse, report)?;
    if parent.is_within(&chain_id) {
        field.wrong(report, "is circular: it is the name of a chain that this one lies in", "a name of its own");
    }
    Some(chain_id)
}

/// What was accepted before was for the tenant whose queue it came from then.
fn tenant(field: &Field<'_, '_>, tree: &Tree<'_>, report: &mut Report<'_>) {
    if field
        .name(TenantName::parse, report)
        .is_some_and(|tenant| tenant != *tree.tenant && !tree.catalogue.is_trusting())
    {
        field.wrong(report, "is not the tenant of the outermost chain", "the same tenant, or none");
    }
}
