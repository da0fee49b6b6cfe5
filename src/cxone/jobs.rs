//! Jobs: submitted once, then asked after. How a platform speaks of them is in `presets`.
//!
//! Invariant: what was submitted and answered with a 2xx is never called a success before the platform says that it is completed,
//! and a state that is not known counts as running.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Request, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout_at;

use super::body::{self, Content, End, Reading};
use super::calls::{self, Exchange};
use super::cover::Cover;
use super::presets::{JobShape, State};
use super::settings::ActionSettings;
use super::tenants::Tenant;
use super::{error_text, request, state_search};
use crate::chain::{ErrorClass, JobEnd, JobId, JobOptions, JobProgress, Retryable, Verdict};
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

/// What a 2xx to a submission means: the job is known, or the call was made and its answer is lost.
pub(super) fn submitted(shape: &JobShape, answer: Answer) -> Answer {
    let Verdict::Success { .. } = answer.verdict else { return answer };
    match answer.data.as_ref().and_then(|data| shape.id(data)).and_then(|id| JobId::parse(&id).ok()) {
        Some(id) => {
            let job = Some(SubmittedJob { id, progress: progress(shape, answer.data.as_ref()) });
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
fn progress(shape: &JobShape, answer: Option<&Value>) -> JobProgress {
    match answer.and_then(|answer| shape.state_in(answer)) {
        None | Some(State::Pending(JobProgress::Queued)) => JobProgress::Queued,
        Some(State::Pending(JobProgress::Running) | State::Over(_)) => JobProgress::Running,
    }
}

/// Asks once. The exchange is over at `poll.deadline`, and holds no more than `limit` bytes of its answer.
pub(super) async fn poll(tenant: &Tenant, limit: usize, poll: &Poll, credential: &Credential) -> Polled {
    let nothing = |seen| Polled { seen, http_status: None };
    let fallback = if poll.fallback { ":fallback" } else { "" };
    let exchange = Exchange { run_id: &poll.run_id, step_id: &poll.step_id, attempt: poll.attempt, fallback };
    let usual = ActionSettings::default();
    let settings = tenant.actions.get(&poll.action).unwrap_or(&usual);
    let Some(headers) = exchange.headers(settings, credential) else { return nothing(Seen::Unread) };
    let url = request::poll_target(tenant, &poll.action, &poll.job).and_then(|target| tenant.at(&target));
    let Some(url) = url else { return nothing(Seen::Unread) };
    let redaction = poll.redaction.and(&settings.redaction);
    let secret_headers = &settings.secret_headers;
    let cover = Cover { credential, secret_headers, redaction: &redaction, hidden: &poll.hidden };
    let mut request = Request::new(reqwest::Method::GET, url);
    *request.headers_mut() = headers;

    let Ok(Ok(response)) = timeout_at(poll.deadline, tenant.http.execute(request)).await else {
        return nothing(Seen::Trouble);
    };
    let http_status = Some(response.status().as_u16());
    if response.status().is_success() {
        return Polled { seen: read(tenant.preset.jobs(), limit, poll, &cover, response).await, http_status };
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

async fn read(shape: &'static JobShape, limit: usize, poll: &Poll, cover: &Cover<'_>, mut response: Response) -> Seen {
    let headers = response.headers().clone();
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let Reading { bytes, end, beyond } = body::read(&mut response, limit, poll.deadline).await;
    match end {
        End::TimedOut | End::Cut => Seen::Trouble,
        End::Oversized => {
            let name = state_search::in_stream(shape.state, [bytes, beyond], &mut response, limit, poll.deadline).await;
            match name.map(|name| shape.state_called(&name)) {
                Some(State::Over(JobEnd::Completed)) => finished(JobEnd::TooLarge, None, None, None),
                // Its text is somewhere among what is not kept.
                Some(State::Over(end)) => finished(end, None, None, None),
                Some(State::Pending(progress)) => Seen::Pending(progress),
                None => Seen::Unread,
            }
        }
        End::Whole => whole(shape, &headers, content_type, bytes, cover),
    }
}

fn whole(shape: &JobShape, headers: &HeaderMap, content_type: Option<&str>, bytes: Bytes, cover: &Cover<'_>) -> Seen {
    let Content::Json(mut answer) = body::enveloped(content_type, &bytes) else {
        return match state_search::in_document(shape.state, &bytes).map(|name| shape.state_called(&name)) {
            Some(State::Over(JobEnd::Completed)) => {
                let why = "the job was completed, and its output is nothing that can be kept".to_owned();
                finished(JobEnd::Unusable, None, Some(why), Some(bytes))
            }
            Some(State::Over(end)) => finished(end, None, None, Some(bytes)),
            Some(State::Pending(progress)) => Seen::Pending(progress),
            None => Seen::Unread,
        };
    };
    let Some(state) = shape.state_in(&answer) else { return Seen::Unread };
    match state {
        State::Pending(progress) => Seen::Pending(progress),
        State::Over(JobEnd::Completed) => {
            finished(JobEnd::Completed, shape.take_output(&mut answer), None, Some(bytes))
        }
        State::Over(end) => {
            let message = message(shape, headers, &bytes, &answer, cover);
            finished(end, None, Some(message), Some(bytes))
        }
    }
}

fn finished(end: JobEnd, data: Option<Value>, message: Option<String>, body: Option<Bytes>) -> Seen {
    Seen::Over(Box::new(Finished { end, data, message, body }))
}

/// What the platform says of a job that did not complete: in its place for that, else where other errors have their text.
fn message(shape: &JobShape, headers: &HeaderMap, bytes: &[u8], answer: &Value, cover: &Cover<'_>) -> String {
    let detail = match shape.error(answer) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(cover.line(text, Some(answer))),
        Some(detail @ Value::Object(_)) => cover.error_text(headers, detail.to_string().as_bytes()),
        _ => None,
    };
    let line = detail.or_else(|| cover.error_text(headers, bytes)).unwrap_or_default();
    if line.is_empty() { line } else { error_text::with_correlation(headers, line) }
}
