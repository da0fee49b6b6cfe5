//! The chains of the examples, run from configuration alone.

use cxchain::simulator::Api;
use serde_json::{Value, json};

use super::{CXONE, GENESYS, channel, ended_silently, playing, stage, steps, worker};

fn example(text: &str, run: &str) -> String {
    let mut definition: Value = serde_json::from_str(text).unwrap();
    definition["run_id"] = run.into();
    definition.to_string()
}

#[tokio::test]
async fn a_cxone_chain_starts_a_script_signals_it_and_disposes_of_the_contact() {
    let stage = stage(playing(Api::Cxone, &[])).await;
    let worker = worker(&stage, CXONE).await;
    let (_connection, channel) = channel(&stage).await;
    let definition = example(include_str!("../../examples/cxone/follow-up.json"), "run-1");
    stage.submit(&channel, definition.as_bytes(), None).await;
    let result = stage.result(&channel).await;

    assert_eq!(result["final_status"], "completed", "{result:#}");
    assert_eq!(steps(&result), ["start success 202 NONE", "signal success 202 NONE", "dispose success 204 NONE"]);
    let responses: Vec<_> = (0..3).map(|step| &result["aggregated_responses"][step]["response_data"]).collect();
    let started = json!({"contactId": 500_000_001, "parameters": ["CUST-8842", "premium"]});
    assert_eq!(responses, [&started, &Value::Null, &Value::Null]);
    assert_eq!(result["outputs"]["start"], json!({"contact": 500_000_001}));

    let calls = stage.simulator.calls();
    for step in ["start", "signal"] {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(calls.step("run-1", step).payload_hashes, [nothing], "{step}: all of it is in the query");
    }
    let ran: Vec<_> = calls.actions.iter().map(|(action, tally)| (action.as_str(), tally.calls, tally.ran)).collect();
    assert_eq!(ran, [("interactions.disposition", 1, 1), ("interactions.signal", 1, 1), ("scripts.start", 1, 1)]);
    assert_eq!((calls.discovery.calls, calls.tokens.calls, calls.tokens.issued), (2, 1, 1));
    assert_eq!((calls.not_found, calls.wrong_method, calls.unidentified), (0, 0, 0));
    ended_silently(worker).await;
}

#[tokio::test]
async fn a_genesys_chain_executes_data_actions_reads_a_user_and_asks_a_query() {
    let stage = stage(playing(Api::Genesys, &[])).await;
    let worker = worker(&stage, GENESYS).await;
    let (_connection, channel) = channel(&stage).await;
    let definition = example(include_str!("../../examples/genesys/address-change.json"), "run-1");
    stage.submit(&channel, definition.as_bytes(), None).await;
    let result = stage.result(&channel).await;

    assert_eq!(result["final_status"], "completed", "{result:#}");
    assert_eq!(
        steps(&result),
        ["find success 200 NONE", "owner success 200 NONE", "change success 200 NONE", "history success 200 NONE"]
    );
    let data = |step: usize| &result["aggregated_responses"][step]["response_data"];
    assert_eq!((&data(1)["method"], &data(1)["path"]), (&json!("GET"), &json!("users/17")));
    assert_eq!(data(1)["query"], json!({"expand": "skills"}));
    let changed = json!({"city": "Hamburg", "customer": {"customerId": "CUST-8842", "ownerId": 17}});
    assert_eq!((&data(2)["action"], &data(2)["echo"]), (&json!("custom_-_change-address"), &changed));
    assert_eq!(data(3), &json!({"state": "FULFILLED"}));

    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.totals.ran, calls.tokens.issued, calls.jobs.submitted), (4, 4, 1, 1));
    assert_eq!((calls.not_found, calls.wrong_method, calls.unidentified), (0, 0, 0));
    ended_silently(worker).await;
}
