//! What `redact` names is in no text about a call, be it in the peer's answer or in our payload.

use std::collections::BTreeMap;
use std::time::Duration;

use cxchain::chain::action::Redaction;
use cxchain::chain::{ActionId, JobId, Mode};
use cxchain::cxone::{ActionSettings, Cxone, TenantSettings};
use cxchain::ports::{Actions, Call, Poll, Seen};
use serde_json::json;
use tokio::time::Instant;

use super::server::{Server, json as says, response};
use super::{LIMIT, call_within, credential, settings, tenant};

fn platform(url: &str, pointers: &[&str]) -> Cxone {
    let redaction = Redaction::new(pointers.iter().copied()).unwrap();
    let action = ActionSettings { redaction, ..ActionSettings::default() };
    let actions = BTreeMap::from([(ActionId::parse("da-fetch.v1").unwrap(), action)]);
    Cxone::new(BTreeMap::from([(tenant(), TenantSettings { actions, ..settings(url) })]), LIMIT).unwrap()
}

const POINTERS: &[&str] = &["/phone", "/error", "/card/*", "/message"];

/// The message of a call with this payload that is answered so.
async fn message(pointers: &[&str], reply: Vec<u8>) -> String {
    let server = Server::saying(reply).await;
    let platform = platform(&server.url, pointers);
    let payload = json!({"phone": "+49 canary 1", "card": {"pan": 47110815, "cvc": "canary"}, "open": "yes"});
    let action = ActionId::parse("da-fetch.v1").unwrap();
    let request = platform.prepare(&tenant(), &action, &Mode::Sync, payload.as_object().unwrap()).unwrap();
    assert!(!format!("{request:?}").contains("canary"));
    let answer = platform.send(&Call { request, ..call_within(Duration::from_secs(5)) }, &credential()).await;
    answer.message.unwrap()
}

#[tokio::test]
async fn an_error_text_has_nothing_of_what_is_masked() {
    let cut = format!(r#"{{"phone": "canary", "text": "{}""#, "x".repeat(80_000));
    for (reply, expected) in [
        (
            says(400, r#"{"description": "+49 canary 1 with card 47110815 is no phone; yes"}"#),
            r#"{"description":"*** with card *** is no phone; yes"}"#,
        ),
        (says(400, r#"{"message": "canary", "errorDescription": "+49 canary 1"}"#), "***"),
        (says(400, r#"{"phone": "canary-2", "errorDescription": "canary-2 is taken"}"#), "*** is taken"),
        (says(400, "\u{feff}{\"phone\": \"canary-2\", \"code\": 1}"), r#"{"code":1,"phone":"***"}"#),
        (response(400, "icstatusdescription: no canary here\r\n", ""), "no *** here"),
        (response(400, "", "canary is no phone"), "*** is no phone"),
        // Nobody can tell where in it the places are.
        (says(500, &cut), "HTTP 500"),
        (says(500, r#"{"phone": "+49 other", "x"}"#), "HTTP 500"),
        // Cut at 300 characters after it was masked, not before.
        (response(400, "", format!("{} +49 canary 1", "x".repeat(295))), &format!("{} ***", "x".repeat(295))),
    ] {
        assert_eq!(message(POINTERS, reply).await, expected);
    }
    assert_eq!(message(&[], says(400, r#"{"message": "+49 canary 1"}"#)).await, "+49 canary 1");
}

#[tokio::test]
async fn a_failed_jobs_text_has_nothing_of_what_is_masked() {
    for (reply, expected) in [
        (r#"{"status": "FAILED", "errorDetail": "canary is no phone"}"#, "*** is no phone"),
        (r#"{"status": "FAILED", "phone": "4711", "errorDetail": "4711 is no phone"}"#, "*** is no phone"),
        (r#"{"status": "FAILED", "errorDetail": {"message": "4711", "text": "x"}}"#, "***"),
        (r#"{"status": "FAILED", "phone": "4711"}"#, r#"{"phone":"***","status":"FAILED"}"#),
    ] {
        let server = Server::saying(says(200, reply)).await;
        let platform = platform(&server.url, POINTERS);
        let action = ActionId::parse("da-fetch.v1").unwrap();
        let payload = json!({"phone": "canary"});
        let request = platform.prepare(&tenant(), &action, &Mode::Sync, payload.as_object().unwrap()).unwrap();
        let Call { run_id, step_id, .. } = call_within(Duration::ZERO);
        let poll = Poll {
            tenant: tenant(),
            run_id,
            step_id,
            action,
            attempt: 1,
            fallback: false,
            job: JobId::parse("1").unwrap(),
            hidden: request.hidden,
            redaction: Redaction::default(),
            deadline: Instant::now() + Duration::from_secs(5),
        };
        let Seen::Over(finished) = platform.poll(&poll, &credential()).await.seen else { panic!("not over") };
        assert_eq!(finished.message.as_deref(), Some(expected));
    }
}
