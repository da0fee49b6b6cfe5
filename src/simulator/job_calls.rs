//! Actions as jobs: submitted by one call, polled by others.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::Reply;
use super::api::Api;
use super::exchange::Served;
use super::fault::Fault;
use super::identity::RequestId;
use super::job::Order;
use super::open_call::OpenCall;
use super::state::Shared;
use crate::chain::ActionId;
use crate::ports::{Clock, SystemClock};

/// The body of a submission. What is not used here is checked all the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission<'a> {
    #[serde(rename = "versionId", default)]
    _version_id: Option<String>,
    #[serde(rename = "inputParameters", borrow)]
    input_parameters: &'a RawValue,
    #[serde(rename = "environmentContext", default)]
    _environment_context: BTreeMap<String, String>,
    #[serde(rename = "executionTimeoutMs", default)]
    execution_timeout_ms: Option<NonZeroU64>,
}

/// Begins a job, unless the fault is that the action does not run.
pub(super) fn submit(
    api: Api,
    call: &mut OpenCall,
    action: &ActionId,
    payload: &[u8],
    fault: Option<&Fault>,
) -> Served {
    let (input, execution_timeout) = match read(api, payload) {
        Ok(read) => read,
        Err(why) => return refused(&why),
    };
    if !input.starts_with('{') {
        return refused("what is to be done is not an object");
    }
    if fault.is_some_and(|fault| !fault.behaviour.runs_the_action()) {
        // Nobody will see it.
        return Served::Well(Reply::empty(StatusCode::ACCEPTED));
    }
    call.note_run();
    let order =
        Order { owner: call.request().cloned(), action: action.clone(), input: input.to_owned(), execution_timeout };
    let begun = call.begin_job(order, &fault.map(|fault| fault.job.clone()).unwrap_or_default());
    match api {
        Api::DataActions => {}
        Api::Cxone => return Served::Well(Reply::json(StatusCode::ACCEPTED, json!(begun.id).to_string())),
        Api::Genesys => {
            let receipt = begun.id.map_or_else(|| json!({}), |id| json!({ "jobId": id }));
            return Served::Well(Reply::json(StatusCode::ACCEPTED, receipt.to_string()));
        }
    }
    let created_at = SystemClock.now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let mut receipt = json!({ "status": begun.status, "createdAt": created_at });
    if let Some(id) = begun.id {
        receipt["jobId"] = id;
    }
    Served::Well(Reply::json(StatusCode::ACCEPTED, receipt.to_string()))
}

/// What is to be done, and for how long at most. Only data actions wrap it.
fn read(api: Api, payload: &[u8]) -> Result<(&str, Option<Duration>), String> {
    if api != Api::DataActions {
        let input: &RawValue = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
        return Ok((input.get(), None));
    }
    let submission: Submission<'_> = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let timeout = submission.execution_timeout_ms.map(|ms| Duration::from_millis(ms.get()));
    Ok((submission.input_parameters.get(), timeout))
}

fn refused(why: &str) -> Served {
    Served::Refused(Reply::message(StatusCode::BAD_REQUEST, &format!("the body submits no job: {why}")))
}

/// How the job stands as the poll arrives.
pub(super) fn poll(call: &mut OpenCall, action: &ActionId, job: &str) -> Reply {
    match call.poll_job(action, job) {
        Some(told) => Reply::json(StatusCode::OK, told),
        None => Reply::message(StatusCode::NOT_FOUND, "there is no such job"),
    }
}

/// The step whose job it is, if there is such a job and it is known whose.
pub(super) fn owner(shared: &Shared, action: &ActionId, job: &str) -> Option<RequestId> {
    shared.lock().jobs.find(action, job, Instant::now())?.0.order.owner.clone()
}
