//! Does what a fault says, to whoever the answer is for.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, BrokenOff, Reply};
use super::fault::{Behaviour, Fault, RetryAfter};
use super::large;
use super::open_call::OpenCall;
use super::wire::Wire;
use crate::ports::{Clock, SystemClock};

/// Where redirects point.
pub(super) const TRAP: &str = "/_sim/trap";

/// Answers `call` after `latency`: with `healthy`, or as the fault has it.
pub(super) async fn carry_out(
    call: OpenCall,
    wire: &Arc<Wire>,
    fault: Option<Fault>,
    latency: Duration,
    healthy: Reply,
) -> Result<Response<Answer>, BrokenOff> {
    let (behaviour, slow) = fault.map_or((Behaviour::Healthy, Duration::ZERO), |fault| (fault.behaviour, fault.slow));
    let wait = latency + slow;
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let reply = match behaviour {
        Behaviour::Healthy => healthy,
        Behaviour::Status { code, retry_after, body } => {
            let reply = status(StatusCode::from_u16(code).unwrap_or(StatusCode::OK), body.as_deref());
            match retry_after {
                Some(at) => reply.with(RETRY_AFTER, retry_after_value(at)),
                None => reply,
            }
        }
        Behaviour::Drip(interval) => healthy.dripping(interval),
        Behaviour::ResetBefore | Behaviour::ResetAfter => return Err(reset(call, wire)),
        Behaviour::Truncate(kept) => healthy.truncated(kept),
        Behaviour::BrokenJson => Reply::json(StatusCode::OK, r#"{"ok":true,"result":{"id":17,"#),
        Behaviour::Text => Reply::new(StatusCode::OK, "text/plain; charset=utf-8", "The action was carried out."),
        Behaviour::Empty => Reply::empty(StatusCode::NO_CONTENT),
        Behaviour::Huge(bytes) => Reply::json(StatusCode::OK, "").made(large::huge(bytes)),
        Behaviour::Bomb(bytes) => Reply::json(StatusCode::OK, "")
            .with(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            .made(large::bomb(bytes)),
        Behaviour::Redirect => {
            Reply::message(StatusCode::FOUND, "it has moved").with(LOCATION, HeaderValue::from_static(TRAP))
        }
        Behaviour::Hang => {
            call.hang().await;
            healthy
        }
        Behaviour::Unauthorized => Reply::message(StatusCode::UNAUTHORIZED, "the token is not valid any more"),
    };
    Ok(reply.to(Some(call), wire))
}

/// Ends the connection with a TCP reset.
pub(super) fn reset(mut call: OpenCall, wire: &Wire) -> BrokenOff {
    call.break_off();
    wire.reset();
    BrokenOff
}

fn status(code: StatusCode, body: Option<&str>) -> Reply {
    match body {
        _ if matches!(code, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => Reply::empty(code),
        None => Reply::message(code, code.canonical_reason().unwrap_or("a fault")),
        Some(json) if serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok() => Reply::json(code, json.to_owned()),
        Some(text) => Reply::new(code, "text/plain; charset=utf-8", text.to_owned()),
    }
}

fn retry_after_value(at: RetryAfter) -> HeaderValue {
    match at {
        RetryAfter::Seconds(seconds) => seconds.into(),
        RetryAfter::Date(seconds) => date(SystemClock.now(), seconds),
    }
}

/// The first whole second that is at least `seconds` away from `now`, as RFC 9110 writes it.
fn date(now: Timestamp, seconds: u64) -> HeaderValue {
    let rounding = i64::from(now.subsec_nanosecond() > 0);
    let ahead = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_add(rounding));
    let at = now.checked_add(ahead).unwrap_or(Timestamp::MAX);
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .ok()
        .and_then(|text| HeaderValue::from_str(&text).ok())
        .unwrap_or(HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_never_earlier_than_the_seconds_asked_for() {
        for (now, expected) in [
            ("2026-03-01T23:59:58Z", "Mon, 02 Mar 2026 00:00:00 GMT"),
            ("2026-03-01T23:59:58.001Z", "Mon, 02 Mar 2026 00:00:01 GMT"),
        ] {
            assert_eq!(date(now.parse().unwrap(), 2), expected);
        }
        assert_eq!(date(Timestamp::UNIX_EPOCH, u64::MAX), date(Timestamp::MAX, 0), "the end of time is not passed");
    }
}
