//! Chains of all kinds, as chance has it: calls and jobs, steps that fail and steps that need a second attempt, every directive,
//! fallbacks, nested chains, messages with an id and without.

use std::collections::BTreeMap;

use cxchain::chain::StepStatus;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};

use crate::support::unique;

/// The chains that were drawn.
#[derive(Default)]
pub(crate) struct Mixture(BTreeMap<String, Drawn>);

struct Drawn {
    message_id: Option<String>,
    steps: Vec<Value>,
}

/// What the log says of a step that is over.
#[derive(Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) status: StepStatus,
    pub(crate) fallback_used: bool,
}

/// By step id, nested ones included.
pub(crate) type Outcomes = BTreeMap<String, Outcome>;

impl Mixture {
    /// The most steps of a chain, nested ones left out.
    const STEPS: usize = 6;
    /// The most steps of a nested chain.
    const NESTED: usize = 3;
    /// The most operations of a chain: each step may have one, and one to fall back on, and so may those of its chain.
    pub(crate) const OPERATIONS: usize = Self::STEPS * (2 + 2 * Self::NESTED);

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One more: its message id, if it has one, and its body.
    pub(crate) fn draw(&mut self, dice: &mut StdRng) -> (Option<String>, String) {
        let chain_id = unique("chain");
        let mut operations = 0;
        let steps = dice.random_range(2..=Self::STEPS);
        let steps: Vec<Value> = (0..steps).map(|n| step(&mut operations, n == 0, dice)).collect();
        let body = json!({"chain_id": chain_id, "global_timeout_seconds": 900, "max_depth": 25, "steps": steps});
        let message_id = dice.random_bool(0.8).then(|| chain_id.replace("chain", "run"));
        self.0.insert(chain_id, Drawn { message_id: message_id.clone(), steps });
        (message_id, body.to_string())
    }

    pub(crate) fn message_id(&self, chain: &str) -> Option<&str> {
        self.0[chain].message_id.as_deref()
    }

    /// Whether what is called under this key (`step_2.step_0`, `step_1:fallback`) may be carried out twice.
    pub(crate) fn is_resent(&self, chain: &str, key: &str) -> bool {
        let (id, fallback) = key.strip_suffix(":fallback").map_or((key, false), |id| (id, true));
        let mut steps = self.0[chain].steps.as_slice();
        let mut found = &Value::Null;
        for id in id.split('.') {
            let index: usize = id.strip_prefix("step_").and_then(|index| index.parse().ok()).expect("a step's id");
            found = &steps[index];
            steps = nested(found);
        }
        (!fallback && found["idempotent"] == true) || found["on_unknown"] == "retry"
    }

    /// How the chain has to end whose steps came to these outcomes.
    ///
    /// # Panics
    /// When they cannot be the outcomes of one run.
    pub(crate) fn end(&self, chain: &str, outcomes: &Outcomes) -> &'static str {
        end(&self.0[chain].steps, "", outcomes)
    }
}

/// The steps of the chain that is nested in a step.
fn nested(step: &Value) -> &[Value] {
    step["chain"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn end(steps: &[Value], around: &str, outcomes: &Outcomes) -> &'static str {
    let mut ended = None;
    for (index, step) in steps.iter().enumerate() {
        let id = format!("{around}step_{index}");
        let Some(Outcome { status, fallback_used }) = outcomes.get(&id).copied() else {
            assert!(ended.is_some(), "{id} was not reached");
            continue;
        };
        assert_eq!(ended, None, "{id} was reached although the chain had ended");
        if step.get("chain").is_some() {
            let of_chain = match end(nested(step), &format!("{id}."), outcomes) {
                "completed" => StepStatus::Success,
                "indeterminate" => StepStatus::Unknown,
                _ => StepStatus::Failed,
            };
            let replaced = fallback_used && of_chain != StepStatus::Success;
            assert!(replaced || status == of_chain, "{id} is {status:?}, and its chain makes it {of_chain:?}");
        }
        let (aborts, stops) = (step["on_failure"] == "abort", step["on_unknown"] == "stop");
        ended = match status {
            StepStatus::Unknown if aborts || stops => Some("indeterminate"),
            StepStatus::Failed if aborts => Some("terminated_early"),
            StepStatus::Success | StepStatus::Skipped | StepStatus::Failed | StepStatus::Unknown => None,
        };
    }
    ended.unwrap_or("completed")
}

/// Every fifth but the first has a chain, whose steps have none.
fn step(operations: &mut usize, first: bool, dice: &mut StdRng) -> Value {
    let mut step = if !first && dice.random_bool(0.2) {
        let steps = dice.random_range(1..=Mixture::NESTED);
        let steps: Vec<Value> = (0..steps).map(|_| call(operations, dice)).collect();
        json!({"chain": {"chain_id": unique("nested"), "steps": steps}})
    } else {
        return call(operations, dice);
    };
    directives(&mut step, operations, dice);
    step
}

fn call(operations: &mut usize, dice: &mut StdRng) -> Value {
    let job = dice.random_bool(0.25);
    let mut step = json!({
        "action_id": action(operations, dice),
        "mode": if job { "job" } else { "sync" },
        "timeout_seconds": 120,
        "idempotent": dice.random_bool(0.2),
        "payload": {"n": *operations}
    });
    directives(&mut step, operations, dice);
    step
}

fn action(operations: &mut usize, dice: &mut StdRng) -> String {
    *operations += 1;
    let kinds = ["ok", "ok", "ok", "busy", "token", "wrong"];
    format!("da-{}-{}", kinds.choose(dice).expect("there are some"), *operations - 1)
}

fn directives(step: &mut Value, operations: &mut usize, dice: &mut StdRng) {
    let unknown = ["as_failure", "as_failure", "retry", "stop"].choose(dice).expect("there are some");
    let failure = ["continue", "continue", "abort", "fallback"].choose(dice).expect("there are some");
    step["on_unknown"] = json!(unknown);
    step["on_failure"] = json!(failure);
    if *failure == "fallback" && dice.random_bool(0.9) {
        step["fallback"] = if dice.random_bool(0.3) {
            json!({"output": {"instead": true}})
        } else {
            json!({"action_id": action(operations, dice), "payload": {"instead": *operations}})
        };
    }
}
