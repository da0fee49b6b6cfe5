//! What goes wrong, in each platform's own words; what is made again on each; and how much each is asked at most.

use cxchain::simulator::{Api, SimulatorSettings};
use serde_json::{Value, json};

use super::support::SOON;
use super::{CXONE, GENESYS, another, channel, ended_silently, playing, result, stage, steps, worker};

/// What the only step of a run says of itself.
fn said(result: &Value) -> &str {
    result["aggregated_responses"][0]["error_message"].as_str().unwrap()
}

#[tokio::test]
async fn what_went_wrong_is_found_where_the_platform_says_it() {
    let stage = stage(playing(Api::Cxone, &[])).await;
    let worker = worker(&stage, CXONE).await;
    let (_connection, channel) = channel(&stage).await;
    let start = json!([{"action_id": "scripts.start", "payload": {"skillId": 1, "scriptPath": "x"}}]);
    for (run, body, text) in [
        ("acd", r#"{"error":"InvalidSkill","errorDescription":"no such skill"}"#, "no such skill"),
        ("short", r#"{"error":"InvalidSkill"}"#, "InvalidSkill"),
        ("digital", r#"{"errors":[{"field":"a","message":"no such channel","errorCode":"7"}]}"#, "no such channel"),
        ("reporting", r#"{"Message":"no such report"}"#, "no such report"),
    ] {
        stage.simulator.clear_faults();
        stage.simulator.add_fault(format!("scripts.start=status:400,body:{body}").parse().unwrap());
        let result = result(&stage, &channel, run, "default", &start).await;
        assert_eq!((steps(&result), said(&result)), (vec!["step_0 failed 400 VALIDATION".to_owned()], text));
    }
    // Here it is in a header alone.
    let signal = json!([{"action_id": "interactions.signal", "payload": {"contactId": 1}}]);
    let result = result(&stage, &channel, "header", "default", &signal).await;
    assert_eq!(steps(&result), ["step_0 failed 404 NOT_FOUND"], "{result:#}");
    assert_eq!(said(&result), "there is no such contact");
    ended_silently(worker).await;
}

#[tokio::test]
async fn genesys_has_a_name_for_a_failed_exchange_and_the_result_has_it() {
    let fault = r#"custom-1=status:400,body:{"message":"no such row","code":"not.found","status":400}"#;
    let stage = stage(playing(Api::Genesys, &[fault])).await;
    let worker = worker(&stage, GENESYS).await;
    let (_connection, channel) = channel(&stage).await;
    let result = result(&stage, &channel, "run-1", "default", &json!([{"action_id": "custom-1"}])).await;
    assert_eq!(steps(&result), ["step_0 failed 400 VALIDATION"], "{result:#}");
    assert!(said(&result).starts_with("no such row (ININ-Correlation-Id simulated-"), "{}", said(&result));
    ended_silently(worker).await;
}

/// 503 says that nothing was done. What 502 and 504 leave unknown is made again where that is harmless, and 500 nowhere.
#[tokio::test]
async fn what_is_made_again_goes_by_the_status_on_every_platform() {
    for (api, file, action, payload) in [
        (Api::Cxone, CXONE, "scripts.start", json!({"skillId": 1, "scriptPath": "x"})),
        (Api::Genesys, GENESYS, "custom-1", json!({})),
    ] {
        let stage = stage(playing(api, &[])).await;
        let worker = worker(&stage, file).await;
        let (_connection, channel) = channel(&stage).await;
        for (status, repeatable, once) in [
            (503, "success NONE 2", "success NONE 2"),
            (502, "success NONE 2", "unknown NETWORK 1"),
            (504, "success NONE 2", "unknown TIMEOUT 1"),
            (500, "failed COMPUTE_FAILURE 1", "failed COMPUTE_FAILURE 1"),
        ] {
            for (idempotent, expected) in [(true, repeatable), (false, once)] {
                stage.simulator.clear_faults();
                stage.simulator.add_fault(format!("{action}=status:{status},times:1").parse().unwrap());
                let run = format!("{status}-{idempotent}");
                let step = json!([{"action_id": action, "payload": payload, "idempotent": idempotent}]);
                let result = result(&stage, &channel, &run, "default", &step).await;
                let told = &result["aggregated_responses"][0];
                let text = |name: &str| told[name].as_str().unwrap_or_default();
                let came = format!("{} {} {}", text("status"), text("error_classification"), told["attempts"]);
                assert_eq!(came, expected, "{api} {run}: {result:#}");
                assert_eq!(stage.simulator.calls().step(&run, "step_0").calls, told["attempts"].as_u64().unwrap());
            }
        }
        ended_silently(worker).await;
    }
}

/// The quotas are the platforms'. Genesys Cloud's window of a minute is too long to be filled here: what is seen of it is that no more
/// than its burst comes at once.
#[tokio::test]
async fn a_tenant_that_is_configured_no_limits_keeps_to_its_platforms() {
    let limited =
        |api, limit: &str| another(SimulatorSettings { limits: vec![limit.parse().unwrap()], ..playing(api, &[]) });
    let tenants = [
        ("data-actions", limited(Api::DataActions, "10/1s"), "da-x", 12),
        ("cxone", limited(Api::Cxone, "5/1s"), "ping", 8),
        ("genesys", limited(Api::Genesys, "15/1s"), "custom-1", 18),
    ];
    let mut stage = stage(playing(Api::DataActions, &[])).await;
    for (name, simulator, ..) in &tenants {
        let own = match *name {
            "cxone" => [("auth.issuer", simulator.url()), ("auth.access_key_id", "simulator-key".into())],
            _ => [("base_url", simulator.url()), ("auth.token_url", simulator.token_url())],
        };
        let client = [("api", (*name).to_owned()), ("auth.client_id", "simulator-client".into())];
        for (key, value) in own.into_iter().chain(client) {
            stage.set(&format!("tenants.{name}.{key}"), &value);
        }
        stage.set(&format!("tenants.{name}.auth.client_secret"), "simulator-secret");
    }
    stage.set("tenants.cxone.auth.access_key_secret", "simulator-key-secret");
    let ping = "{path = \"/incontactapi/services/v31.0/agents\", method = \"GET\"}";
    stage.set("tenants.cxone.actions.ping", ping);
    let worker = stage.worker().await;
    let (_connection, channel) = channel(&stage).await;
    for (name, _, action, calls) in &tenants {
        let steps: Vec<Value> = (0..*calls).map(|_| json!({"action_id": action})).collect();
        let definition = json!({
            "chain_id": "many", "run_id": name, "tenant": name, "allow_repeated_actions": true,
            "max_depth": 25, "steps": steps
        });
        stage.submit(&channel, definition.to_string().as_bytes(), None).await;
    }
    let results = stage.distinct_results(&channel, tenants.len(), SOON).await;
    for (name, simulator, _, calls) in &tenants {
        assert_eq!(results[*name]["final_status"], "completed", "{name}: {:#}", results[*name]);
        let seen = simulator.calls();
        assert_eq!((seen.quota.accepted, seen.quota.throttled), (*calls, 0), "{name}");
    }
    ended_silently(worker).await;
}
