//! One step.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::definition::{Mode, OnFailure, OnUnknown, Step};
use super::super::ids::{ActionId, StepId};
use super::super::json::{Report, Span};
use super::fields::{Field, Known, Object};
use super::{job, payload, required};

const NOT_YET: &str = "is not yet supported";

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
        "required_params",
        "version_id",
        "environment_context",
        "execution_timeout_ms",
    ],
    later: &[
        ("fallback", "is not yet supported; on_failure: fallback alone records the directive and goes on"),
        ("when", NOT_YET),
        ("extract", NOT_YET),
        ("chain", NOT_YET),
    ],
};

const RETRY: Known = Known { noun: "retry", fields: &["max_attempts"], later: &[] };

const ON_FAILURE: [(&str, OnFailure); 3] =
    [("abort", OnFailure::Abort), ("continue", OnFailure::Continue), ("fallback", OnFailure::Fallback)];

const ON_UNKNOWN: [(&str, OnUnknown); 3] =
    [("as_failure", OnUnknown::AsFailure), ("retry", OnUnknown::Retry), ("stop", OnUnknown::Stop)];

/// The id of a step as its author left it.
pub(super) enum Given {
    Absent,
    /// Reported.
    Invalid,
    Valid(StepId, Span),
}

/// A step before it is known whether it goes with the others.
pub(super) struct Draft {
    pub(super) id: Given,
    /// `None` only where that has been reported.
    pub(super) action: Option<(ActionId, Span)>,
    payload: Map<String, Value>,
    mode: Mode,
    required_params: Vec<String>,
    timeout: Duration,
    on_failure: OnFailure,
    on_unknown: OnUnknown,
    idempotent: bool,
    max_attempts: Option<u8>,
}

/// Walks the fields of one step. `None` when it is not an object.
pub(super) fn walk(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<Draft> {
    let object = Object::open(field, &KNOWN, report)?;
    let mode = job::mode(&object, report);
    let (timeouts, default) = job::timeouts(&mode);
    let timeout = object.optional("timeout_seconds").and_then(|field| field.integer(timeouts, report));
    let given = object.optional("payload");
    // Of a payload that is none, nobody can say what it lacks.
    let payload = given.as_ref().map_or_else(|| Some(Map::new()), |field| payload::payload(field, report));
    let required = object.optional("required_params");
    let required = required.and_then(|field| required::names(&field, payload.as_ref(), report));
    Some(Draft {
        id: id(&object, report),
        action: action(&object, report),
        payload: payload.unwrap_or_default(),
        mode,
        required_params: required.unwrap_or_default(),
        timeout: Duration::from_secs(timeout.unwrap_or(default)),
        on_failure: object.optional("on_failure").and_then(|f| f.choice(&ON_FAILURE, report)).unwrap_or_default(),
        on_unknown: object.optional("on_unknown").and_then(|f| f.choice(&ON_UNKNOWN, report)).unwrap_or_default(),
        idempotent: object.optional("idempotent").and_then(|field| field.flag(report)).unwrap_or_default(),
        max_attempts: object.optional("retry").and_then(|field| max_attempts(&field, report)),
    })
}

impl Draft {
    /// The step, with `default_id` where it has no id of its own. `None` where something has been reported.
    pub(super) fn into_step(self, default_id: StepId) -> Option<Step> {
        Some(Step {
            id: match self.id {
                Given::Absent => default_id,
                Given::Invalid => return None,
                Given::Valid(id, _) => id,
            },
            action: self.action?.0,
            payload: self.payload,
            mode: self.mode,
            required_params: self.required_params,
            timeout: self.timeout,
            on_failure: self.on_failure,
            on_unknown: self.on_unknown,
            idempotent: self.idempotent,
            max_attempts: self.max_attempts,
        })
    }
}

fn id(object: &Object<'_, '_>, report: &mut Report<'_>) -> Given {
    let Some(field) = object.optional("id") else { return Given::Absent };
    match field.name(StepId::parse, report) {
        Some(id) => Given::Valid(id, field.node.span),
        None => Given::Invalid,
    }
}

fn action(object: &Object<'_, '_>, report: &mut Report<'_>) -> Option<(ActionId, Span)> {
    // A nested chain takes the action's place; that it is not yet supported has been said.
    let nested = object.optional("chain").is_some();
    let field = if nested { object.optional("action_id") } else { object.required("action_id", report) }?;
    Some((field.name(ActionId::parse, report)?, field.node.span))
}

fn max_attempts(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<u8> {
    let object = Object::open(field, &RETRY, report)?;
    let attempts = object.required("max_attempts", report)?.integer(1..=10, report)?;
    u8::try_from(attempts).ok()
}
