//! Jobs in each platform's own words, and answers that say nothing.

use cxchain::simulator::Api;
use lapin::types::AMQPValue;
use serde_json::{Value, json};

use super::{CXONE, GENESYS, channel, ended_silently, playing, result, stage, steps, worker};

#[tokio::test]
async fn data_extraction_is_submitted_once_and_asked_after_until_it_is_over() {
    let output = json!({"url": "https://simulated.invalid/simulated-job-1"});
    every_end(Api::Cxone, CXONE, ["data-extraction", "data-extraction.jobs"], &output).await;
}

#[tokio::test]
async fn a_query_of_genesys_is_submitted_once_and_asked_after_until_it_is_over() {
    let names = ["conversations.details", "analytics.conversations.details.jobs"];
    every_end(Api::Genesys, GENESYS, names, &json!({"state": "FULFILLED"})).await;
}

/// `action` of the configuration, which the simulator calls `target`.
async fn every_end(api: Api, file: &str, [action, target]: [&str; 2], output: &Value) {
    let mut stage = stage(playing(api, &[])).await;
    if api == Api::Cxone {
        // The example's is one in 30 seconds.
        let ample = "{limits = [{limit = 1000, per = \"1s\", burst = 100}]}";
        stage.set("tenants.default.actions.data-extraction", ample);
    }
    let worker = worker(&stage, file).await;
    let (_connection, channel) = channel(&stage).await;
    let step =
        json!({"action_id": action, "payload": {"entityName": "x"}, "timeout_seconds": 5, "on_failure": "continue"});
    let done = result(&stage, &channel, "well", "default", &json!([step])).await;
    assert_eq!(steps(&done), ["step_0 success 200 NONE"], "{done:#}");
    assert_eq!(&done["aggregated_responses"][0]["response_data"], output);
    for (run, rule, expected) in [
        ("fails", "job-fails:no rows", "step_0 failed 200 COMPUTE_FAILURE"),
        ("expires", "job-times-out", "step_0 failed 200 TIMEOUT"),
        ("runs", "job-runs,job-state:NEW_STATE", "step_0 unknown 200 TIMEOUT"),
    ] {
        stage.simulator.clear_faults();
        stage.simulator.add_fault(format!("{target}={rule}").parse().unwrap());
        let ended = result(&stage, &channel, run, "default", &json!([step])).await;
        assert_eq!(steps(&ended), [expected], "{ended:#}");
        if run == "fails" {
            let told = ended["aggregated_responses"][0]["error_message"].as_str().unwrap();
            // Genesys Cloud has a name for the exchange.
            let (what, name) = told.split_once(" (ININ-Correlation-Id simulated-").unwrap_or((told, ""));
            assert_eq!((what, name.ends_with(')')), ("no rows", api == Api::Genesys), "{told}");
        }
        assert_eq!(stage.simulator.calls().step(run, "step_0").calls, 1, "{run}: submitted once");
    }
    ended_silently(worker).await;
}

#[tokio::test]
async fn answers_without_a_body_are_successes_without_data() {
    for (api, file, action, payload) in [
        (Api::Cxone, CXONE, "scripts.start", json!({"skillId": 1, "scriptPath": "x"})),
        (Api::Genesys, GENESYS, "custom-1", json!({})),
    ] {
        let mut stage = stage(playing(api, &[])).await;
        stage.set("tenants.default.retry.max_attempts", "1");
        let worker = worker(&stage, file).await;
        let (_connection, channel) = channel(&stage).await;
        for (run, rule) in [("nothing", "empty"), ("accepted", "status:202,body:"), ("empty", "status:200,body:")] {
            stage.simulator.clear_faults();
            stage.simulator.add_fault(format!("*={rule}").parse().unwrap());
            let step = json!([{"action_id": action, "payload": payload}]);
            let result = result(&stage, &channel, run, "default", &step).await;
            assert_eq!(result["final_status"], "completed", "{result:#}");
            let answered = &result["aggregated_responses"][0];
            assert_eq!((&answered["status"], &answered["response_data"]), (&json!("success"), &Value::Null), "{run}");
        }
        ended_silently(worker).await;
    }
}

#[tokio::test]
async fn an_action_that_cxone_has_no_place_for_is_a_problem_and_nothing_is_called() {
    let stage = stage(playing(Api::Cxone, &[])).await;
    let worker = worker(&stage, CXONE).await;
    let (_connection, channel) = channel(&stage).await;
    let definition = json!({"chain_id": "c", "run_id": "run-1", "steps": [{"action_id": "scripts.strat"}]});
    stage.submit(&channel, definition.to_string().as_bytes(), None).await;
    let result = stage.result(&channel).await;
    assert_eq!(result["final_status"], "rejected", "{result:#}");
    let dead = stage.dead(&channel, 1).await.remove(0);
    let headers = dead.properties.headers().clone().unwrap();
    let Some(AMQPValue::LongString(problems)) = headers.inner().get("x-cxchain-problems") else {
        panic!("{headers:?}")
    };
    assert!(problems.to_string().contains("did you mean scripts.start?"), "{problems}");
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.tokens.calls, calls.discovery.calls), (0, 0, 0));
    ended_silently(worker).await;
}
