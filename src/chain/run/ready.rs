//! Whether a step whose turn it is can be sent, and with what payload: its condition, its expressions, its parameters. Nothing in here
//! depends on anything but the definition, what is configured for its actions, and the log: no clock and no chance.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::super::definition::{Chain, Operation, Step, Work};
use super::super::expression::{Context, Seen, Template};
use super::super::ids::{RunId, StepPath};
use super::open::OpenStep;
use super::state::RunState;

/// What is to be done with a step whose turn it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Readiness<'c> {
    /// It is sent with this payload.
    Send(&'c Operation, Cow<'c, Map<String, Value>>),
    /// The chain that is nested in it begins.
    Enter,
    /// Its condition is not met.
    Skip,
    /// It fails VALIDATION, and nothing is sent. For people: why; quotes no value.
    Refuse(String),
}

/// Whether the step at `path`, the next of this run or at work already, is ready.
#[must_use]
pub fn readiness<'c>(chain: &'c Chain, state: &RunState, run_id: &RunId, path: &StepPath) -> Readiness<'c> {
    let Some(step) = chain.step(path) else { return Readiness::Refuse("there is no such step".into()) };
    let open = state.open().filter(|open| open.path == *path);
    if open.is_none()
        && let Some(condition) = &step.when
    {
        match condition
            .is_met(&context(chain, state, run_id, path, |id| condition.references().iter().any(|meant| meant == id)))
        {
            Ok(true) => {}
            Ok(false) => return Readiness::Skip,
            Err(error) => return Readiness::Refuse(format!("when: {}", error.what)),
        }
    }
    let fallback = open.is_some_and(OpenStep::is_fallback);
    match (step.operation(fallback), &step.work) {
        (Some(operation), _) => payload(chain, state, run_id, path, operation),
        (None, Work::Chain(_)) => Readiness::Enter,
        (None, Work::Call(_)) => Readiness::Refuse("there is no such fallback".into()),
    }
}

fn payload<'c>(
    chain: &Chain,
    state: &RunState,
    run_id: &RunId,
    path: &StepPath,
    operation: &'c Operation,
) -> Readiness<'c> {
    let rendered = match operation.payload.literal() {
        Some(literal) => literal.as_object().map(Cow::Borrowed),
        None => match render(chain, state, run_id, path, &operation.payload) {
            Ok(Value::Object(rendered)) => Some(Cow::Owned(rendered)),
            Ok(_) => None,
            Err(why) => return Readiness::Refuse(format!("payload{why}")),
        },
    };
    let Some(rendered) = rendered else { return Readiness::Refuse("the payload is no object".into()) };
    let lacking = operation.required_params.iter().find(|name| rendered.get(*name).is_none_or(Value::is_null));
    // The name is in the definition or the configuration; whoever reads the result may know it.
    if let Some(name) = lacking {
        return Readiness::Refuse(format!("the required parameter {name} is null"));
    }
    match operation.rules.as_ref().map_or(Ok(()), |rules| rules.check_payload(&rendered)) {
        Ok(()) => Readiness::Send(operation, rendered),
        Err(why) => Readiness::Refuse(why),
    }
}

/// The value of `template` at the step at `path`.
///
/// # Errors
/// Where and why an expression in it has no value: quotes no value.
pub fn render(
    chain: &Chain,
    state: &RunState,
    run_id: &RunId,
    path: &StepPath,
    template: &Template,
) -> Result<Value, String> {
    match template.literal() {
        Some(literal) => Ok(literal.clone()),
        None => {
            let meant = template.references();
            let rendered = template.render(&context(chain, state, run_id, path, |id| meant.contains(id)));
            rendered.map_err(|error| format!("{}: {}", error.pointer, error.what))
        }
    }
}

/// What expressions at the step at `path` see: the steps before it in its own chain, and those before the steps that this chain lies in.
/// An id belongs to the innermost chain that has a step of that name. `meant`: whether the expressions refer to a step of this name.
fn context<'a>(
    chain: &'a Chain,
    state: &'a RunState,
    run_id: &'a RunId,
    path: &StepPath,
    meant: impl Fn(&str) -> bool,
) -> Context<'a> {
    let mut steps: Vec<Seen<'a>> = Vec::new();
    let mut inner: Vec<&'a [Step]> = Vec::new();
    let mut chain_id = &chain.chain_id;
    for depth in (0..path.indices().len()).rev() {
        let Some(frame) = state.frames().get(depth) else { continue };
        let Some(level) = chain.level(frame.within.as_ref()) else { continue };
        if inner.is_empty() {
            chain_id = level.chain_id;
        }
        for (step, finished) in level.steps.iter().zip(&frame.steps) {
            if inner.iter().any(|steps| steps.iter().any(|other| other.id == step.id)) {
                continue;
            }
            steps.push(Seen {
                id: step.id.as_str(),
                status: finished.event.status,
                // A nested chain's is made when somebody looks at it.
                output: if meant(step.id.as_str()) { finished.output() } else { None },
                extracted: &finished.extracted,
                http_status: finished.event.http_status,
            });
        }
        inner.push(level.steps);
    }
    Context { chain_id, run_id, tenant: &chain.tenant, steps }
}
