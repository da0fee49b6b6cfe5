//! Chains of all kinds, as chance has it: calls and jobs, steps that fail and steps that need a second attempt, every directive,
//! messages with an id and without.

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

impl Mixture {
    /// The most steps of a chain.
    pub(crate) const STEPS: usize = 6;

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One more: its message id, if it has one, and its body.
    pub(crate) fn draw(&mut self, dice: &mut StdRng) -> (Option<String>, String) {
        let chain_id = unique("chain");
        let steps: Vec<Value> = (0..dice.random_range(2..=Self::STEPS)).map(|n| step(n, dice)).collect();
        let body = json!({"chain_id": chain_id, "global_timeout_seconds": 900, "steps": steps});
        let message_id = dice.random_bool(0.8).then(|| chain_id.replace("chain", "run"));
        self.0.insert(chain_id, Drawn { message_id: message_id.clone(), steps });
        (message_id, body.to_string())
    }

    pub(crate) fn message_id(&self, chain: &str) -> Option<&str> {
        self.0[chain].message_id.as_deref()
    }

    /// How many steps it has.
    pub(crate) fn steps(&self, chain: &str) -> usize {
        self.0[chain].steps.len()
    }

    /// Whether the step (`step_2`) may be carried out twice.
    pub(crate) fn is_resent(&self, chain: &str, step: &str) -> bool {
        let index: usize = step.strip_prefix("step_").and_then(|index| index.parse().ok()).expect("a step's id");
        let step = &self.0[chain].steps[index];
        step["idempotent"] == true || step["on_unknown"] == "retry"
    }

    /// How the chain ends at a step with this outcome, if it does.
    pub(crate) fn ends(&self, chain: &str, step: usize, status: StepStatus) -> Option<&'static str> {
        let step = &self.0[chain].steps[step];
        let aborts = step["on_failure"] == "abort";
        match status {
            StepStatus::Unknown if aborts || step["on_unknown"] == "stop" => Some("indeterminate"),
            StepStatus::Failed if aborts => Some("terminated_early"),
            StepStatus::Success | StepStatus::Skipped | StepStatus::Failed | StepStatus::Unknown => None,
        }
    }
}

fn step(n: usize, dice: &mut StdRng) -> Value {
    let job = dice.random_bool(0.25);
    let kinds = ["ok", "ok", "ok", "busy", "token", "wrong"];
    let kind = kinds.choose(dice).expect("there are some");
    let unknown = ["as_failure", "as_failure", "retry", "stop"].choose(dice).expect("there are some");
    json!({
        "action_id": format!("da-{kind}-{n}"),
        "mode": if job { "job" } else { "sync" },
        "timeout_seconds": 120,
        "on_failure": if dice.random_bool(0.7) { "continue" } else { "abort" },
        "on_unknown": unknown,
        "idempotent": dice.random_bool(0.2),
        "payload": {"n": n}
    })
}
