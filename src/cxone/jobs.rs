//! Jobs of the preset `data-actions`: submitted with `POST /api/v2/dataactions/{action_id}/execute`, asked after with
//! `GET /api/v2/dataactions/{action_id}/jobs/{job_id}`.
//!
//! Invariant: what was submitted and answered with a 2xx is never called a success before the platform says `COMPLETED`, and a
//! state that is not known counts as running.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Request, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout_at;

use super::body::{self, Content, End, Reading};
use super::calls::{self, Exchange};
use super::cover::Cover;
use super::tenants::{ActionSettings, Tenant};
use super::{request, state_search};
use crate::chain::{ActionId, ErrorClass, JobEnd, JobId, JobOptions, JobProgress, Retryable, Verdict};
use crate::ports::{Answer, Credential, Finished, Poll, Polled, Seen, SubmittedJob};

/// The body of a submission. Its fields are in the order of their names, as all that is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Submission<'a> {
    environment_context: &'a std::collections::BTreeMap<String, String>,
    execution_timeout_ms: u64,
    input_parameters: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
}

/// The body that submits `payload` as a job.
pub(super) fn body(options: &JobOptions, payload: &Map<String, Value>) -> Bytes {
    let submission = Submission {
        environment_context: &options.environment_context,
        execution_timeout_ms: u64::try_from(options.execution_timeout.as_millis()).unwrap_or(u64::MAX),
        input_parameters: payload,
        version_id: options.version_id.as_deref(),
    };
    // Plain data cannot fail to serialise.
    serde_json::to_vec(&submission).unwrap_or_default().into()
}

/// Where the API takes the jobs of every action.
pub(super) fn usual_path(action: &ActionId) -> String {
    format!("/api/v2/dataactions/{action}/execute")
}

/// Where the API is asked after the jobs of every action.
pub(super) fn usual_poll_path(action: &ActionId, job: &JobId) -> String {
    format!("/api/v2/dataactions/{action}/jobs/{job}")
}

/// What a 2xx to a submission means: the job is known, or the call was made and its answer is lost.
pub(super) fn submitted(answer: Answer) -> Answer {
    let Verdict::Success { .. } = answer.verdict else { return answer };
    match answer.data.as_ref().and_then(job_id) {
        Some(id) => {
            let job = Some(SubmittedJob { id, progress: progress(answer.data.as_ref()) });
            Answer { verdict: Verdict::Submitted, data: None, job, ..answer }
        }
        None => Answer {
            verdict: Verdict::Failed { class: ErrorClass::ResponseInvalid, retry: Retryable::IfIdempotent },
            data: None,
            message: Some("the answer to the submission names no job".into()),
            ..answer
        },
    }
}

/// How far the answer to a submission says that the job is. One that is over already is found to be by its first poll.
fn progress(answer: Option<&Value>) -> JobProgress {
    let status = answer.and_then(|answer| answer.get("status")).and_then(Value::as_str);
    match status.map(state) {
        None | Some(State::Pending(JobProgress::Queued)) => JobProgress::Queued,
        Some(State::Pending(JobProgress::Running) | State::Over(_)) => JobProgress::Running,
    }
}

/// `jobId`, a string or a number.
fn job_id(answer: &Value) -> Option<JobId> {
    match answer.get("jobId")? {
        Value::String(text) => JobId::parse(text).ok(),
        Value::Number(number) if !number.is_f64() => JobId::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// Asks once. The exchange is over at `poll.deadline`, and holds no more than `limit` bytes of its answer.
pub(super) async fn poll(tenant: &Tenant, limit: usize, poll: &Poll, credential: &Credential) -> Polled {
    let nothing = |seen| Polled { seen, http_status: None };
    let exchange = Exchange { run_id: &poll.run_id, step_id: &poll.step_id, attempt: poll.attempt, fallback: "" };
    let usual = ActionSettings::default();
    let settings = tenant.actions.get(&poll.action).unwrap_or(&usual);
    let Some(headers) = exchange.headers(settings, credential) else { return nothing(Seen::Unread) };
    let url = request::poll_target(tenant, &poll.action, &poll.job).and_then(|target| tenant.at(&target));
    let Some(url) = url else { return nothing(Seen::Unread) };
    let cover = Cover { credential, redaction: &settings.redaction, hidden: &poll.hidden };
    let mut request = Request::new(reqwest::Method::GET, url);
    *request.headers_mut() = headers;

    let Ok(Ok(response)) = timeout_at(poll.deadline, tenant.http.execute(request)).await else {
        return nothing(Seen::Trouble);
    };
    let http_status = Some(response.status().as_u16());
    if response.status().is_success() {
        return Polled { seen: read(limit, poll, &cover, response).await, http_status };
    }
    let answer = calls::error(tenant, poll.deadline, &cover, response).await;
    let seen = match answer.verdict {
        Verdict::Throttled => Seen::Throttled(answer.retry_after),
        Verdict::Unauthorized => Seen::Unauthorized,
        Verdict::Failed { class: ErrorClass::ComputeClusterUnavailable, .. } | Verdict::Unknown { .. } => Seen::Trouble,
        Verdict::Failed { .. } | Verdict::Success { .. } | Verdict::Submitted => Seen::Unread,
    };
    Polled { seen, http_status }
}

async fn read(limit: usize, poll: &Poll, cover: &Cover<'_>, mut response: Response) -> Seen {
    let headers = response.headers().clone();
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Reading { bytes, end, beyond } = body::read(&mut response, limit, poll.deadline).await;
    match end {
        End::TimedOut | End::Cut => Seen::Trouble,
        End::Oversized => {
            let status = state_search::in_stream([bytes, beyond], &mut response, limit, poll.deadline).await;
            match status.as_deref().map(state) {
                Some(State::Over(JobEnd::Completed)) => finished(JobEnd::TooLarge, None, None, None),
                // Its text is somewhere among what is not kept.
                Some(State::Over(end)) => finished(end, None, None, None),
                Some(State::Pending(progress)) => Seen::Pending(progress),
                None => Seen::Unread,
            }
        }
        End::Whole => whole(&headers, content_type, bytes, cover),
    }
}

fn whole(headers: &HeaderMap, content_type: Option<&str>, bytes: Bytes, cover: &Cover<'_>) -> Seen {
    let Content::Json(mut answer) = body::enveloped(content_type, &bytes) else {
        return match state_search::in_document(&bytes).as_deref().map(state) {
            Some(State::Over(JobEnd::Completed)) => {
                let why = "the job was completed, and its output is nothing that can be kept".to_owned();
                finished(JobEnd::Unusable, None, Some(why), Some(bytes))
            }
            Some(State::Over(end)) => finished(end, None, None, Some(bytes)),
            Some(State::Pending(progress)) => Seen::Pending(progress),
            None => Seen::Unread,
        };
    };
    let Some(status) = answer.get("status").and_then(Value::as_str) else { return Seen::Unread };
    match state(status) {
        State::Pending(progress) => Seen::Pending(progress),
        State::Over(JobEnd::Completed) => {
            let output = answer.get_mut("output").map(Value::take).filter(|output| !output.is_null());
            finished(JobEnd::Completed, output, None, Some(bytes))
        }
        State::Over(end) => {
            let message = message(headers, &bytes, &answer, cover);
            finished(end, None, Some(message), Some(bytes))
        }
    }
}

fn finished(end: JobEnd, data: Option<Value>, message: Option<String>, body: Option<Bytes>) -> Seen {
    Seen::Over(Box::new(Finished { end, data, message, body }))
}

/// What the platform says of a job that did not complete: `errorDetail`, else where other errors have their text.
fn message(headers: &HeaderMap, bytes: &[u8], answer: &Value, cover: &Cover<'_>) -> String {
    let detail = match answer.get("errorDetail") {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(cover.line(text, Some(answer))),
        Some(detail @ Value::Object(_)) => cover.error_text(headers, detail.to_string().as_bytes()),
        _ => None,
    };
    detail.or_else(|| cover.error_text(headers, bytes)).unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending(JobProgress),
    Over(JobEnd),
}

/// State names are compared without case.
fn state(name: &str) -> State {
    match name.to_ascii_uppercase().as_str() {
        "QUEUED" => State::Pending(JobProgress::Queued),
        "COMPLETED" => State::Over(JobEnd::Completed),
        "FAILED" => State::Over(JobEnd::Failed),
        "TIMED_OUT" => State::Over(JobEnd::TimedOut),
        _ => State::Pending(JobProgress::Running),
    }
}
