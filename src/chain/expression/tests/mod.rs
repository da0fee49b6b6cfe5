//! What expressions mean, what is said of those that mean nothing, and what hostile ones may cost.

mod extracts;
mod hostile;
mod page;
mod suite;
mod templates;
mod values;

use serde_json::{Map, Value, json};

use super::compiled::Expression;
use super::context::{Context, Seen};
use super::fault::Fault;
use super::item::Item;
use super::meter::{Meter, Trouble};
use super::scope::Scope;
use super::template::EvaluationError;
use crate::chain::check::{Catalogue, Submission, check};
use crate::chain::definition::{Chain, Fallback};
use crate::chain::ids::{ChainId, RunId, TenantName};
use crate::chain::outcome::StepStatus;

/// A path over the output of a step that nothing is known of.
fn compile_path(path: &str) -> Result<Expression, Vec<Fault<'static>>> {
    Expression::compile_path(path, &Scope::new(None, &[], 0))
}

/// The value of a path over `data`.
fn value_of(path: &str, data: &Value) -> Result<Value, Trouble> {
    let expression = compile_path(path).unwrap_or_else(|faults| panic!("{path}: {faults:?}"));
    let mut meter = Meter::new();
    expression.evaluate(&Item::from(data), &mut meter)?.to_value(0, &mut meter)
}

/// What a run knows when the step `use` is reached: the step `fetch` left `output`, the step `other` was skipped.
struct Known {
    ids: (ChainId, RunId, TenantName),
    output: Value,
    extracted: Map<String, Value>,
    nothing: Map<String, Value>,
}

impl Known {
    fn of(output: Value) -> Self {
        let ids = (ChainId::parse("c").unwrap(), RunId::parse("r-1").unwrap(), TenantName::parse("default").unwrap());
        let extracted = json!({"id": 7, "name": "Ada"}).as_object().unwrap().clone();
        Self { ids, output, extracted, nothing: Map::new() }
    }

    fn context(&self) -> Context<'_> {
        let fetch = Seen {
            id: "fetch",
            status: StepStatus::Success,
            output: Some(&self.output),
            extracted: &self.extracted,
            http_status: Some(200),
        };
        let other = Seen {
            id: "other",
            status: StepStatus::Skipped,
            output: None,
            extracted: &self.nothing,
            http_status: None,
        };
        Context { chain_id: &self.ids.0, run_id: &self.ids.1, tenant: &self.ids.2, steps: vec![fetch, other] }
    }

    /// `value` as the output of a fallback, rendered.
    fn rendered(&self, value: &Value) -> Result<Value, EvaluationError> {
        let fallback = json!({"output": value});
        let chain = chain(&json!({"id": "use", "action_id": "u", "on_failure": "fallback", "fallback": fallback}));
        let Some(Fallback::Output(template)) = &chain.steps[2].fallback else { panic!("an output") };
        template.render(&self.context())
    }

    /// Whether the condition `when` is met.
    fn is_met(&self, when: &str) -> Result<bool, EvaluationError> {
        let chain = chain(&json!({"id": "use", "action_id": "u", "when": when}));
        chain.steps[2].when.as_ref().unwrap().is_met(&self.context())
    }
}

/// A chain of `fetch`, `other` and `step`.
fn chain(step: &Value) -> Chain {
    let body = json!({"chain_id": "c", "steps": [
        {"id": "fetch", "action_id": "f", "extract": {"id": "id", "name": "name"}},
        {"id": "other", "action_id": "o"},
        step,
    ]});
    let submission = Submission {
        body: &serde_json::to_vec(&body).unwrap(),
        message_id: None,
        queue_tenant: &TenantName::parse("default").unwrap(),
    };
    check(&submission, &Catalogue::any()).unwrap_or_else(|rejection| panic!("{rejection}"))
}
