//! One step.

use super::super::definition::{OnFailure, OnUnknown, Step, Work};
use super::super::expression::Scope;
use super::super::ids::StepId;
use super::super::json::Report;
use super::fields::{Field, Known, Object};
use super::tree::{Place, Tree};
use super::{extract, fallback, nested, operation, when};

const KNOWN: Known = Known {
    noun: "a step",
    fields: &[
        "id",
        "action_id",
        "payload",
        "mode",
        "timeout_seconds",
        "on_failure",
        "on_unknown",
        "idempotent",
        "retry",
        "fallback",
        "when",
        "extract",
        "required_params",
        "version_id",
        "environment_context",
        "execution_timeout_ms",
        "chain",
    ],
    later: &[],
};

const ON_FAILURE: [(&str, OnFailure); 3] =
    [("abort", OnFailure::Abort), ("continue", OnFailure::Continue), ("fallback", OnFailure::Fallback)];

const ON_UNKNOWN: [(&str, OnUnknown); 3] =
    [("as_failure", OnUnknown::AsFailure), ("retry", OnUnknown::Retry), ("stop", OnUnknown::Stop)];

/// Walks the fields of one step, which is called `id` unless that is invalid. `None` where something has been reported.
pub(super) fn walk(
    field: &Field<'_, '_>,
    id: Option<StepId>,
    (place, scope): (&Place, &Scope<'_>),
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Step> {
    let object = Object::open(field, &KNOWN, report)?;
    let work = match object.optional("chain") {
        Some(chain) => {
            operation::refuse(&object, report);
            nested::walk(&chain, (place, scope), tree, report).map(Work::Chain)
        }
        None => operation::of_step(&object, (place, scope), tree, report).map(|call| Work::Call(Box::new(call))),
    };
    let on_failure = object.optional("on_failure").map(|field| field.choice(&ON_FAILURE, report));
    let on_unknown = object.optional("on_unknown").and_then(|field| field.choice(&ON_UNKNOWN, report));
    let fallback = object.optional("fallback").map(|field| {
        let walked = fallback::walk(&field, scope, tree, report);
        // Of a directive that is none, nobody can say what was meant.
        if walked.is_some() && !matches!(on_failure, Some(None | Some(OnFailure::Fallback))) {
            field.wrong(report, "would never be used", "only with on_failure: fallback");
        }
        walked
    });
    let when = object.optional("when").map(|field| when::when(&field, scope, report));
    let extract = object.optional("extract").map(|field| extract::extract(&field, scope, report));
    Some(Step {
        id: id?,
        work: work?,
        when: transposed(when)?,
        extract: transposed(extract)?.unwrap_or_default(),
        on_failure: on_failure.flatten().unwrap_or_default(),
        on_unknown: on_unknown.unwrap_or_default(),
        fallback: transposed(fallback)?,
    })
}

/// What is absent is well; what is there must be valid.
fn transposed<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        Some(invalid @ None) => invalid.map(Some),
        Some(valid) => Some(valid),
        None => Some(None),
    }
}
