//! What a step, or its fallback, calls.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::action::{ActionRules, NoJob};
use super::super::definition::{Mode, Operation};
use super::super::expression::{Scope, Template};
use super::super::ids::ActionId;
use super::super::json::Report;
use super::catalogue::Known;
use super::fields::{self, Bounds, Field, Object};
use super::job::Usual;
use super::tree::{Place, Tree};
use super::{demands, job, payload, required};

/// The fields of a step that belong to its action.
const FIELDS: [&str; 10] = [
    "action_id",
    "payload",
    "mode",
    "timeout_seconds",
    "idempotent",
    "retry",
    "required_params",
    "version_id",
    "environment_context",
    "execution_timeout_ms",
];

const CONFIGURED: &str = "one of those under tenants.NAME.actions";

const BESIDE_CHAIN: &str = "with chain: id, when, extract, on_failure, on_unknown, fallback";
const OR_CHAIN: &str = "the id of an action; or, in its place, chain with a nested chain";
const OR_OUTPUT: &str = "the id of an action; or, in its place, output with any value";

const ATTEMPTS: std::ops::RangeInclusive<u64> = 1..=10;
const RETRY: fields::Known = fields::Known { noun: "retry", fields: &["max_attempts"], later: &[] };

/// Says of every field of an action that a step with a nested chain has none.
pub(super) fn refuse(object: &Object<'_, '_>, report: &mut Report<'_>) {
    for name in FIELDS {
        if let Some(field) = object.optional(name) {
            field.wrong(report, "belongs to a call, and this step has a nested chain", BESIDE_CHAIN);
        }
    }
}

/// The call of a step.
pub(super) fn of_step(
    object: &Object<'_, '_>,
    (place, scope): (&Place, &Scope<'_>),
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Operation> {
    let field = object.required("action_id", OR_CHAIN, report);
    let callee = Callee::of(field.as_ref(), tree, report);
    if let (Some(field), Some(action)) = (&field, &callee.action) {
        tree.visit(action, place, field, report);
    }
    let mode = job::mode(object, callee.usual(), callee.no_job, report);
    let timeout = callee.timeout(object, &mode, report);
    let payload = payload(object, scope, report);
    let required = object.optional("required_params");
    let required = required.and_then(|field| required::names(&field, payload.as_ref(), report));
    let idempotent = object.optional("idempotent").and_then(|field| field.flag(report));
    let max_attempts = object.optional("retry").and_then(|field| max_attempts(&field, report));
    callee.check(object, payload.as_ref(), report);
    let operation = callee.called_with(payload?, mode, timeout)?;
    Some(Operation {
        required_params: joined(required.unwrap_or_default(), operation.required_params),
        idempotent: idempotent.unwrap_or(operation.idempotent),
        max_attempts,
        ..operation
    })
}

/// The call of a fallback.
pub(super) fn of_fallback(
    object: &Object<'_, '_>,
    scope: &Scope<'_>,
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Operation> {
    let field = object.required("action_id", OR_OUTPUT, report);
    let callee = Callee::of(field.as_ref(), tree, report);
    let mode = if callee.usual() == Usual::Job { Mode::Job(job::usual()) } else { Mode::Sync };
    let timeout = callee.timeout(object, &mode, report);
    let payload = payload(object, scope, report);
    callee.check(object, payload.as_ref(), report);
    callee.called_with(payload?, mode, timeout)
}

/// The action of a call, with what is known of it.
struct Callee {
    action: Option<ActionId>,
    rules: Option<Arc<ActionRules>>,
    /// Why it cannot be a job.
    no_job: Option<NoJob>,
    /// Whether what is known of it must not be held against the definition: that is accepted already, or it names no action.
    lenient: bool,
}

impl Callee {
    fn of(field: Option<&Field<'_, '_>>, tree: &Tree<'_>, report: &mut Report<'_>) -> Self {
        let unknown = Self { action: None, rules: None, no_job: None, lenient: true };
        let Some(field) = field else { return unknown };
        let Some(action) = field.name(ActionId::parse, report) else { return unknown };
        let lenient = tree.catalogue.is_trusting();
        match tree.catalogue.look_up(tree.tenant, &action) {
            Known::Rules(rules) => {
                let no_job = rules.no_job.filter(|_| !lenient);
                Self { action: Some(action), rules: Some(Arc::clone(rules)), no_job, lenient }
            }
            Known::Plain(no_job) => {
                Self { action: Some(action), rules: None, no_job: no_job.filter(|_| !lenient), lenient }
            }
            Known::NoAction(meant) => {
                let what = "is not an action of this tenant";
                match meant {
                    Some(meant) => field.wrong(report, format_args!("{what}; did you mean {meant}?"), CONFIGURED),
                    None => field.wrong(report, what, CONFIGURED),
                }
                Self { action: Some(action), ..unknown }
            }
        }
    }

    fn usual(&self) -> Usual {
        match &self.rules {
            Some(rules) if rules.job => Usual::Job,
            _ if self.lenient => Usual::Either,
            _ => Usual::Sync,
        }
    }

    fn timeout(&self, object: &Object<'_, '_>, mode: &Mode, report: &mut Report<'_>) -> Duration {
        let (bounds, default) = job::timeouts(mode);
        let longest = Duration::from_secs(*bounds.end());
        let held = if self.lenient { job::WIDEST } else { bounds };
        let given = object.optional("timeout_seconds").and_then(|field| field.integer(held, report));
        let usual = || self.rules.as_ref().and_then(|rules| rules.timeout).map(|usual| usual.min(longest));
        given.map(Duration::from_secs).or_else(usual).unwrap_or(Duration::from_secs(default))
    }

    fn check(&self, object: &Object<'_, '_>, payload: Option<&Template>, report: &mut Report<'_>) {
        if let (Some(rules), Some(payload), false) = (&self.rules, payload, self.lenient) {
            demands::check(object, payload, rules, report);
        }
    }

    /// The call with what is known of the action for all that a step may say itself. `None` where the action is none.
    fn called_with(self, payload: Template, mode: Mode, timeout: Duration) -> Option<Operation> {
        let rules = self.rules.as_ref();
        Some(Operation {
            action: self.action?,
            payload,
            mode,
            required_params: rules.map(|rules| rules.required_params.clone()).unwrap_or_default(),
            timeout,
            idempotent: rules.is_some_and(|rules| rules.idempotent),
            max_attempts: None,
            rules: self.rules,
        })
    }
}

/// The step's `own` names and the action's.
fn joined(own: Vec<String>, actions: Vec<String>) -> Vec<String> {
    let further: Vec<String> = actions.into_iter().filter(|name| !own.contains(name)).collect();
    own.into_iter().chain(further).collect()
}

/// An absent one is empty.
fn payload(object: &Object<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Template> {
    match object.optional("payload") {
        Some(field) => payload::payload(&field, scope, report),
        None => Some(Template::of(Value::Object(Map::new()))),
    }
}

fn max_attempts(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<u8> {
    let object = Object::open(field, &RETRY, report)?;
    let attempts = object.required("max_attempts", Bounds(ATTEMPTS), report)?.integer(ATTEMPTS, report)?;
    u8::try_from(attempts).ok()
}
