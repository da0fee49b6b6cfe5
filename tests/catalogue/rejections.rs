//! What the configuration does not allow is not sent: rejected where it can be told from the message, else failed VALIDATION.

use std::io::Write;

use serde_json::{Value, json};

use super::server::Platform;
use super::{run, stage};
use crate::support::amqp;

#[tokio::test]
async fn a_payload_that_does_not_fit_is_never_sent() {
    let platform = Platform::answering(|_| (200, Some(json!({"skill": "seven", "number": 7})))).await;
    let mut schema = tempfile::NamedTempFile::new().unwrap();
    let text =
        json!({"properties": {"skillId": {"type": "integer", "minimum": 1}, "list": {"items": {"type": "string"}}}});
    schema.write_all(text.to_string().as_bytes()).unwrap();
    let actions = format!(
        "{{start = {{path = \"/start/{{script}}\", schema_file = \"{}\", required_params = [\"skillId\"]}}}}",
        schema.path().display()
    );
    let stage = stage(&platform, &actions).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;

    // Literal: told at once, each at its place, nothing quoted, no call.
    let steps = json!([
        {"action_id": "a"},
        {"action_id": "start", "payload": {"skillId": "CANARY", "list": ["x", 815], "script": ["CANARY"]}},
        {"action_id": "start", "payload": {"script": "../CANARY"}},
    ]);
    let result = run(&stage, &channel, steps).await;
    assert_eq!(result["final_status"], "rejected");
    let dead = stage.dead(&channel, 1).await.remove(0);
    let headers = dead.properties.headers().clone().unwrap();
    let problems = headers.inner()["x-cxchain-problems"].as_long_string().unwrap().to_string();
    assert!(!problems.contains("CANARY") && !problems.contains("815"), "{problems}");
    let problems: Vec<Value> = serde_json::from_str(&problems).unwrap();
    let pointers: Vec<&str> = problems.iter().map(|problem| problem["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        pointers,
        [
            "/steps/1/payload/list/1",
            "/steps/1/payload/script",
            "/steps/1/payload/skillId",
            "/steps/2/payload",
            "/steps/2/payload/script",
        ]
    );
    assert!(platform.lines().is_empty());

    // What is known only when the step's turn has come.
    let steps = json!([
        {"id": "a", "action_id": "a"},
        {"action_id": "start", "payload": {"skillId": "${{ steps.a.output.skill }}", "script": "s"}, "on_failure": "continue"},
        {"action_id": "start", "payload": {"skillId": "${{ steps.a.output.none }}", "script": "s"}, "on_failure": "continue"},
        {"action_id": "start", "payload": {"skillId": 1, "script": "${{ steps.a.output }}"}, "on_failure": "continue"},
        {"action_id": "start", "payload": {"skillId": "${{ steps.a.output.number }}", "script": "s"}},
    ]);
    let result = run(&stage, &channel, steps).await;
    let told = |index: usize, field: &str| result["aggregated_responses"][index][field].clone();
    for (index, message) in [
        (1, "the payload does not fit the action's schema: /skillId is of another type (allowed: integer)"),
        (2, "the required parameter skillId is null"),
        (3, "script is neither a string nor a number nor a boolean: script goes into the path"),
    ] {
        assert_eq!((told(index, "error_classification"), told(index, "attempts")), (json!("VALIDATION"), json!(0)));
        assert_eq!(told(index, "error_message"), message);
    }
    assert_eq!(platform.lines(), ["POST /base/api/v2/integration/data-actions/a/execute", "POST /base/start/s"]);
    drop(worker);
}
