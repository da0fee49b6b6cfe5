//! What goes out for an action that the configuration maps onto an operation.

use serde_json::json;

use super::server::Platform;
use super::{nothing_shows, run, stage};
use crate::support::amqp;

const ACTIONS: &str = r#"{
    acd-start-script = {path = "/incontactapi/services/v31.0/scripts/start", query = ["skillId", "scriptPath", "Parameters"],
        required_params = ["skillId"], headers = {X-Api-Version = "31"}},
    acd-signal = {path = "/incontactapi/services/v31.0/interactions/{contactId}/signal", query = ["*"]},
    acd-disposition = {method = "PUT", path = "/incontactapi/services/v31.0/contacts/{contactId}/disposition"},
    get-contact = {method = "GET", path = "/incontactapi/services/v31.0/contacts/{contactId}"},
    drop-contact = {method = "DELETE", path = "/contacts/{contactId}"},
    export = {path = "/data-export/{entity}", poll_path = "/data-export/jobs/{jobId}", mode = "job"}}"#;

#[tokio::test]
async fn a_chain_calls_any_operation_from_the_configuration_alone() {
    let platform = Platform::answering(|request| {
        let line = request.line.as_str();
        match line.split('?').next().unwrap() {
            path if path.ends_with("/scripts/start") => (202, Some(json!({"contactId": 4711}))),
            path if path.ends_with("/signal") => (202, None),
            path if path.ends_with("/disposition") => (204, None),
            path if path.ends_with("/data-export/agents") => (202, Some(json!({"jobId": "j-1", "status": "QUEUED"}))),
            path if path.ends_with("/jobs/j-1") => (200, Some(json!({"status": "COMPLETED", "output": {"rows": 3}}))),
            _ => (200, Some(json!({"state": "closed"}))),
        }
    })
    .await;
    let mut stage = stage(&platform, &ACTIONS.replace('\n', " ")).await;
    stage.set("tenants.default.jobs.poll", "100ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let contact = "${{ steps.start.output.contactId }}";
    let steps = json!([
        {"id": "start", "action_id": "acd-start-script",
         "payload": {"skillId": 7, "scriptPath": "Prod\\Greeting", "Parameters": ["a b", "c&d"], "note": "kept"}},
        {"action_id": "acd-signal", "payload": {"contactId": contact, "p1": "sold", "p2": null, "p3": true}},
        {"action_id": "acd-disposition", "payload": {"contactId": contact, "primaryDispositionId": 1, "notes": "ä"}},
        {"action_id": "get-contact", "payload": {"contactId": contact, "fields": ["state", "agent"]}},
        {"action_id": "drop-contact", "payload": {"contactId": contact}},
        {"action_id": "export", "payload": {"entity": "agents", "from": "2026-11-01"}},
        {"action_id": "da-plain", "payload": {"x": 1}},
    ]);
    let result = run(&stage, &channel, steps).await;
    assert_eq!(result["final_status"], "completed", "{result}\n{}", worker.log());
    assert_eq!(result["aggregated_responses"][5]["response_data"], json!({"rows": 3}));
    assert_eq!(
        platform.lines(),
        [
            "POST /base/incontactapi/services/v31.0/scripts/start?Parameters=a%20b&Parameters=c%26d&scriptPath=Prod%5CGreeting&skillId=7",
            "POST /base/incontactapi/services/v31.0/interactions/4711/signal?p1=sold&p3=true",
            "PUT /base/incontactapi/services/v31.0/contacts/4711/disposition",
            "GET /base/incontactapi/services/v31.0/contacts/4711?fields=state&fields=agent",
            "DELETE /base/contacts/4711",
            "POST /base/data-export/agents",
            "GET /base/data-export/jobs/j-1",
            "POST /base/api/v2/integration/data-actions/da-plain/execute",
        ]
    );
    let seen = platform.seen();
    let bodies: Vec<&str> = seen.iter().map(|request| request.body.as_str()).collect();
    let export = r#"{"environmentContext":{},"executionTimeoutMs":30000,"inputParameters":{"from":"2026-11-01"}}"#;
    let disposition = r#"{"notes":"ä","primaryDispositionId":1}"#;
    assert_eq!(bodies, [r#"{"note":"kept"}"#, "", disposition, "", "", export, "", r#"{"x":1}"#]);
    assert_eq!(seen[0].headers["x-api-version"], "31");
    assert_eq!(seen[1].headers["content-length"], "0");
    assert!(seen[1..].iter().all(|request| !request.headers.contains_key("x-api-version")));
    nothing_shows(&stage, &channel, worker, &["Greeting", "4711"]).await;
}
