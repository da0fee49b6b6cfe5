//! What a result says of one step, and of a chain that is nested in one.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::cloak::Cloak;
use super::{ChainData, Content, Data, StepResponse};
use crate::chain::outcome::StepStatus;
use crate::chain::run::{Child, FinishedStep};

/// One entry of `aggregated_responses`. With a cloak it is what leaves the worker: without it, what later steps see.
pub(super) fn response(step: &FinishedStep, cloak: Option<&Cloak<'_>>) -> StepResponse {
    let event = &step.event;
    let message = || step.message.clone().unwrap_or_default();
    let child = || step.child.as_ref().map(|child| Data::Chain(Arc::new(nested(child, None))));
    let real = || child().or_else(|| step.data.clone().map(Data::Value));
    let data = cloak.map_or_else(real, |cloak| cloak.data(step));
    let well = matches!(event.status, StepStatus::Success | StepStatus::Skipped);
    let content = match (well, data) {
        (true, data) => Content::Data { response_data: data.unwrap_or_default() },
        (false, Some(response_data)) if step.child.is_some() => {
            Content::Both { response_data, error_message: message() }
        }
        (false, _) => Content::Error { error_message: message() },
    };
    StepResponse {
        step_index: event.step_index,
        step_id: event.step_id.clone(),
        action_id: event.action_id.clone(),
        status: event.status,
        http_status: event.http_status,
        content,
        error_classification: event.error_classification,
        latency_ms: event.latency_ms,
        gate_wait_ms: event.gate_wait_ms,
        attempts: event.attempts,
        job_id: event.job_id.clone(),
        extracted: extracted(step, cloak),
        directive: event.directive,
        fallback_used: event.fallback_used,
        response_hash: event.response_hash.clone(),
        response_omitted: step.omitted,
        timestamp: step.at,
    }
}

/// `{step_id: extracted}`, each step by its id within its own chain; steps that extracted nothing are left out.
pub(super) fn outputs(steps: &[Arc<FinishedStep>], cloak: Option<&Cloak<'_>>) -> Map<String, Value> {
    let with = steps.iter().filter(|step| !step.extracted.is_empty());
    with.map(|step| (own_id(&step.event.step_id).to_owned(), extracted(step, cloak).into())).collect()
}

fn extracted(step: &FinishedStep, cloak: Option<&Cloak<'_>>) -> Map<String, Value> {
    cloak.map_or_else(|| step.extracted.clone(), |cloak| cloak.extracted(step))
}

/// `child` of `parent.child`.
pub(super) fn own_id(step_id: &str) -> &str {
    step_id.rsplit_once('.').map_or(step_id, |(_, own)| own)
}

/// What a step with a nested chain leaves: how that ended, what its steps answered, and what they extracted. The values are the
/// real ones, for later steps.
#[must_use]
pub fn child_output(child: &Child) -> Value {
    serde_json::to_value(nested(child, None)).unwrap_or_else(|error| unreachable!("a response is plain data: {error}"))
}

pub(super) fn nested(child: &Child, cloak: Option<&Cloak<'_>>) -> ChainData {
    ChainData {
        final_status: child.final_status,
        aggregated_responses: child.steps.iter().map(|step| response(step, cloak)).collect(),
        outputs: outputs(&child.steps, cloak),
    }
}
