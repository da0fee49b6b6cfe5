//! An issuer is believed within bounds, and waited for in trouble.

use cxchain::simulator::{Api, Simulator};
use serde_json::{Value, json};

use super::{CXONE, another, channel, ended_silently, playing, result, stage, steps, worker};

fn start() -> Value {
    json!([{"action_id": "scripts.start", "payload": {"skillId": 1, "scriptPath": "x"}}])
}

/// Every request that ever came there.
fn visits(simulator: &Simulator) -> u64 {
    let calls = simulator.calls();
    calls.totals.calls
        + calls.polls.calls
        + calls.tokens.calls
        + calls.discovery.calls
        + calls.not_found
        + calls.wrong_method
}

/// The documents are the one thing of a platform's that says where our secrets go next.
#[tokio::test]
async fn a_document_that_points_elsewhere_is_refused_and_no_secret_arrives_there() {
    let thief = another(playing(Api::Cxone, &[]));
    let body = |token: &str, api: &str| {
        format!(r#"@discovery=status:200,body:{{"token_endpoint":"{token}","api_endpoint":"{api}"}}"#)
    };
    for leads in ["token", "api"] {
        let stage = stage(playing(Api::Cxone, &[])).await;
        let (own, elsewhere) = (stage.simulator.url(), thief.url());
        let rule = match leads {
            "token" => body(&thief.token_url(), &own),
            _ => body(&stage.simulator.token_url(), &elsewhere),
        };
        stage.simulator.add_fault(rule.parse().unwrap());
        let worker = worker(&stage, CXONE).await;
        let (_connection, channel) = channel(&stage).await;
        let result = result(&stage, &channel, "run-1", "default", &start()).await;
        assert_eq!(steps(&result), ["step_0 failed null RESPONSE_INVALID"], "{leads}: {result:#}");
        let said = result["aggregated_responses"][0]["error_message"].as_str().unwrap();
        assert!(said.contains("auth.trusted_domains"), "{said}");
        let calls = stage.simulator.calls();
        assert_eq!((calls.totals.calls, calls.tokens.calls), (0, u64::from(leads == "api")), "{leads}");
        ended_silently(worker).await;
    }
    assert_eq!(visits(&thief), 0);
}

#[tokio::test]
async fn an_issuer_in_trouble_is_asked_again() {
    for faults in
        [&["@discovery=status:503,times:2"][..], &["@discovery=reset-after,times:1", "@discovery=drip:1ms,times:1"]]
    {
        let stage = stage(playing(Api::Cxone, faults)).await;
        let worker = worker(&stage, CXONE).await;
        let (_connection, channel) = channel(&stage).await;
        let result = result(&stage, &channel, "run-1", "default", &start()).await;
        assert_eq!(steps(&result), ["step_0 success 202 NONE"], "{faults:?}: {result:#}");
        assert_eq!(stage.simulator.calls().tokens.calls, 1);
        ended_silently(worker).await;
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_know_the_tenant_is_told() {
    let mut stage = stage(playing(Api::Cxone, &[])).await;
    stage.set("tenants.default.auth.tenant_id", "somebody-else");
    let worker = worker(&stage, CXONE).await;
    let (_connection, channel) = channel(&stage).await;
    let result = result(&stage, &channel, "run-1", "default", &start()).await;
    assert_eq!(steps(&result), ["step_0 failed null NOT_FOUND"], "{result:#}");
    let said = result["aggregated_responses"][0]["error_message"].as_str().unwrap();
    assert_eq!(said, "the issuer has no cxone-configuration for this tenant (404)");
    ended_silently(worker).await;
}
