//! One exchange: a request as `request` prepared it, and what was answered. What is different for a job is in `jobs`.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client, Request, Response};
use tokio::time::{Instant, timeout_at};

use super::body::{self, Content, End, Reading};
use super::classify::{self, Seen, verdict};
use super::cover::Cover;
use super::outgoing::{Outgoing, Witness};
use super::retry_after::retry_after;
use super::settings::ActionSettings;
use super::tenants::Tenant;
use super::{error_text, jobs, secrets, transport};
use crate::chain::RunId;
use crate::chain::action::Method;
use crate::ports::{Answer, Call, Clock, Credential, SystemClock};

/// As much of an error's body as is looked at, for a text of 300 characters.
const MOST_ERROR_BYTES: usize = 64 * 1024;
/// As long as an error's body is waited for: its status says what happened, and a 429 must not wait for a slow text.
const MOST_ERROR_WAIT: Duration = Duration::from_secs(2);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Makes the exchange. It is over at `call.deadline`, and holds no more than `limit` bytes of its answer.
pub(super) async fn send(tenant: &Tenant, limit: usize, call: &Call, credential: &Credential) -> Answer {
    if Instant::now() >= call.deadline {
        return unanswered(Seen::TooLate, "the time was over before the call was made");
    }
    let usual = ActionSettings::default();
    let settings = tenant.actions.get(&call.action).unwrap_or(&usual);
    let Some((request, witness)) = request(tenant, settings, call, credential) else {
        return unsendable("the call cannot be put into an HTTP request");
    };
    let ActionSettings { secret_headers, redaction, .. } = settings;
    let cover = Cover { credential, secret_headers, redaction, hidden: &call.request.hidden };
    match head(&tenant.http, request, &witness, call.deadline).await {
        Err(unanswered) => unanswered,
        Ok(response) if response.status().is_success() => {
            let answer = success(tenant, limit, call.deadline, response).await;
            if call.job { jobs::submitted(tenant.preset.jobs(), answer) } else { answer }
        }
        Ok(response) => error(tenant, call.deadline, &cover, response).await,
    }
}

/// The answer to a call that cannot even be made.
pub(super) fn unsendable(why: &str) -> Answer {
    unanswered(Seen::Unsendable, why)
}

fn request(
    tenant: &Tenant,
    settings: &ActionSettings,
    call: &Call,
    credential: &Credential,
) -> Option<(Request, Witness)> {
    let url = tenant.at(&call.request.target)?;
    let (body, witness) = Outgoing::new(call.request.body.clone());
    let exchange = Exchange {
        run_id: &call.run_id,
        step_id: &call.step_id,
        attempt: call.attempt,
        fallback: if call.fallback { ":fallback" } else { "" },
    };
    let mut request = Request::new(method(call.request.method), url);
    *request.headers_mut() = exchange.headers(settings, credential)?;
    if !call.request.body.is_empty() {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    } else if call.request.method.has_body() {
        // RFC 9110 section 8.6: it says that there is none, and some servers answer 411 to a request that does not.
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    *request.body_mut() = Some(Body::wrap(body));
    Some((request, witness))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// What an exchange is for, as its headers say it.
pub(super) struct Exchange<'a> {
    pub(super) run_id: &'a RunId,
    pub(super) step_id: &'a str,
    pub(super) attempt: u32,
    pub(super) fallback: &'static str,
}

impl Exchange<'_> {
    /// The headers that every exchange has, and before them those of the action: ours are put over them. `None`: something in
    /// them cannot be in a header.
    pub(super) fn headers(&self, settings: &ActionSettings, credential: &Credential) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value.try_into().ok()?);
        }
        for (name, value) in &settings.secret_headers {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, secrets::header(value)?);
        }
        headers.insert(AUTHORIZATION, secrets::authorization(credential)?);
        let request_id = format!("{}.{}.{}", self.run_id, self.step_id, self.attempt);
        headers.insert(REQUEST_ID, request_id.try_into().ok()?);
        let idempotency_key = format!("{}:{}{}", self.run_id, self.step_id, self.fallback);
        headers.insert(IDEMPOTENCY_KEY, idempotency_key.try_into().ok()?);
        Some(headers)
    }
}

/// The head of the response, or the answer that there is none.
async fn head(http: &Client, request: Request, witness: &Witness, deadline: Instant) -> Result<Response, Answer> {
    match timeout_at(deadline, http.execute(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            let may_be_sent = witness.may_be_sent();
            Err(unanswered(transport::seen(&error, may_be_sent), transport::message(&error, may_be_sent)))
        }
        Err(_) if witness.may_be_sent() => Err(unanswered(Seen::TimedOut, "no answer in time")),
        Err(_) => Err(unanswered(Seen::NotSent, "could not connect in time")),
    }
}

async fn success(tenant: &Tenant, limit: usize, deadline: Instant, mut response: Response) -> Answer {
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let reading = if body::announces_more(&response, limit) {
        Reading { bytes: Bytes::new(), end: End::Oversized, beyond: Bytes::new() }
    } else {
        body::read(&mut response, limit, deadline).await
    };

    let (body, data, message) = match reading.end {
        End::Oversized => (classify::Body::Oversized, None, None),
        End::TimedOut => (classify::Body::TimedOut, None, Some("the answer was not complete in time")),
        End::Cut => {
            (classify::Body::Cut, None, Some("the answer was cut short, or is not the gzip that it claims to be"))
        }
        End::Whole => match body::content(content_type.as_deref(), &reading.bytes) {
            Content::Empty => (classify::Body::Good, None, None),
            Content::Json(json) => (classify::Body::Good, Some(json), None),
            Content::Text(text) => (classify::Body::Good, Some(text.into()), None),
            Content::NotAsClaimed => {
                (classify::Body::NotAsClaimed, None, Some("the answer is not the JSON that it claims to be"))
            }
        },
    };
    Answer {
        verdict: verdict(Seen::Answered { status, body }, &tenant.retry_statuses),
        http_status: Some(status),
        data,
        message: message.map(str::to_owned),
        body: (reading.end == End::Whole).then_some(reading.bytes),
        retry_after: None,
        job: None,
    }
}

/// Any status but 2xx. The body is read for its text only; a failure to read it changes nothing.
pub(super) async fn error(tenant: &Tenant, deadline: Instant, cover: &Cover<'_>, mut response: Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let retry_after = retry_after(&headers, SystemClock.now());
    let reading = body::read(&mut response, MOST_ERROR_BYTES, deadline.min(Instant::now() + MOST_ERROR_WAIT)).await;

    let text = cover.error_text(&headers, &reading.bytes).unwrap_or_else(|| format!("HTTP {status}"));
    let text = error_text::with_correlation(&headers, text);
    Answer {
        // The status alone decides.
        verdict: verdict(Seen::Answered { status, body: classify::Body::Good }, &tenant.retry_statuses),
        http_status: Some(status),
        data: None,
        message: Some(text),
        body: (reading.end == End::Whole).then_some(reading.bytes),
        retry_after,
        job: None,
    }
}

fn unanswered(seen: Seen, message: &str) -> Answer {
    Answer {
        // Without an answer no status matters.
        verdict: verdict(seen, &[]),
        http_status: None,
        data: None,
        message: Some(message.to_owned()),
        body: None,
        retry_after: None,
        job: None,
    }
}
