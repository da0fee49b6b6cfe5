//! What a preset changes on the wire without a catalogue.

use std::time::Duration;

use cxchain::chain::{ErrorClass, Retryable, Verdict};
use cxchain::cxone::{Cxone, Preset, TenantSettings};
use cxchain::ports::{Actions, Answer, Call};

use super::server::{Server, json, response};
use super::{call_within, credential, platform_of, settings};

fn speaking(preset: Preset, url: &str) -> Cxone {
    platform_of(TenantSettings { preset, ..settings(url) })
}

async fn sent(preset: Preset, server: &Server, job: bool) -> Answer {
    let call = Call { job, ..call_within(Duration::from_secs(5)) };
    speaking(preset, &server.url).send(&call, &credential()).await
}

#[tokio::test]
async fn genesys_executes_a_data_action_and_nothing_in_the_answer_is_flattened() {
    let server = Server::saying(json(200, r#"{"a":{"b":1}}"#)).await;
    let answer = sent(Preset::Genesys, &server, false).await;
    assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None });
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /api/v2/integrations/actions/da-fetch.v1/execute?flatten=false HTTP/1.1");
    assert_eq!(request.body, r#"{"customerId":"CUST-8842"}"#);
    assert_eq!(request.headers["accept"], "application/json");
}

#[tokio::test]
async fn an_accepted_call_without_a_body_is_a_success_without_data() {
    for reply in [response(202, "", ""), response(204, "", ""), response(200, "", ""), json(202, "null")] {
        let server = Server::saying(reply).await;
        let answer = sent(Preset::Genesys, &server, false).await;
        assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None });
        assert!(answer.data.is_none_or(|data| data.is_null()));
    }
}

#[tokio::test]
async fn what_a_platform_has_no_operation_for_is_not_sent() {
    let server = Server::saying(json(200, "{}")).await;
    for (preset, job) in [(Preset::Cxone, false), (Preset::Cxone, true), (Preset::Genesys, true)] {
        let answer = sent(preset, &server, job).await;
        assert_eq!(
            answer.verdict,
            Verdict::Failed { class: ErrorClass::System, retry: Retryable::No },
            "{preset:?} {job}"
        );
    }
    assert_eq!(server.connections(), 0);
}
