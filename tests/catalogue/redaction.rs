//! What `redact` names is real for the run, and masked wherever somebody looks.

use serde_json::json;

use super::server::Platform;
use super::{nothing_shows, run, stage};
use crate::support::amqp;

const PHONE: &str = "+49-canary-4711";

#[tokio::test]
async fn what_is_redacted_reaches_later_steps_and_nobody_else() {
    let platform = Platform::answering(|request| {
        if request.line.contains("/profile") {
            (200, Some(json!({"name": "Ada", "phones": [{"kind": "home", "number": PHONE}]})))
        } else if request.line.contains("/fails") {
            (422, Some(json!({"message": format!("{PHONE} is no number"), "debug": "canary-debug"})))
        } else {
            (200, Some(json!({"called": true})))
        }
    })
    .await;
    let actions = r#"{
        profile = {method = "GET", path = "/profile/{id}", redact = ["/phones/*/number"]},
        dial = {path = "/dial"},
        fails = {path = "/fails", redact = ["/number", "/debug"]}}"#;
    let stage = stage(&platform, &actions.replace('\n', " ")).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let nested = json!({"chain_id": "inner", "steps": [
        {"id": "p", "action_id": "profile", "payload": {"id": 1}, "extract": {"number": "phones[0].number", "name": "name"}},
    ]});
    let steps = json!([
        {"id": "n", "chain": nested, "extract": {"number": "outputs.p.number", "name": "outputs.p.name"}},
        {"action_id": "dial", "payload": {"number": "${{ steps.n.extracted.number }}"}},
        {"action_id": "fails", "payload": {"number": "${{ steps.n.extracted.number }}"}, "on_failure": "fallback",
         "fallback": {"output": {"text": "could not call ${{ steps.n.extracted.number }}"}}},
        {"id": "last", "action_id": "fails", "payload": {"number": "${{ steps.n.extracted.number }}"}},
    ]);
    let result = run(&stage, &channel, steps).await;
    let run_id = result["run_id"].as_str().unwrap().to_owned();
    let number = json!({"number": PHONE}).to_string();
    let bodies: Vec<String> = platform.seen().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, ["", &number, &number, &number]);

    let step = |index: usize| &result["aggregated_responses"][index];
    let inner = &step(0)["response_data"]["aggregated_responses"][0];
    assert_eq!(inner["response_data"], json!({"name": "Ada", "phones": [{"kind": "home", "number": "***"}]}));
    assert_eq!(result["outputs"]["n"], json!({"name": "Ada", "number": "***"}));
    assert_eq!(step(2)["response_data"], json!({"text": "***"}));
    assert_eq!(step(3)["error_message"], "*** is no number");
    assert!(!result.to_string().contains("canary"), "{result}");

    let (code, trace, said) = stage.command(&["trace", &run_id]).await;
    assert_eq!(code, 0, "{said}");
    let (code, json, said) = stage.command(&["trace", &run_id, "--json"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(!trace.contains("canary") && !json.contains("canary"), "{trace}\n{json}");
    nothing_shows(&stage, &channel, worker, &["canary"]).await;
}
