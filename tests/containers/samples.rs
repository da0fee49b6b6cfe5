//! What somebody sees who tries the stack out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::docker::{inspect, root, run};
use super::stack::Stack;

#[tokio::test]
async fn every_container_is_healthy() {
    let stack = Stack::shared().await;
    for service in ["rabbitmq", "simulator", "worker-1", "worker-2"] {
        let state = &inspect(&stack.container(service).await).await["State"];
        assert_eq!(state["Health"]["Status"], "healthy", "{service}: {state}");
    }
}

#[tokio::test]
async fn the_sample_chains_complete() {
    let stack = Stack::shared().await;
    let said = run(stack.script().args(["samples", "--json"])).await;
    let ends: BTreeMap<String, String> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .map(|result| (text(&result["chain_id"]), text(&result["final_status"])))
        .collect();
    let completed = samples().into_iter().map(|chain| (chain, "completed".to_owned())).collect();
    assert_eq!(ends, completed);
}

/// The chain ids of examples/.
fn samples() -> Vec<String> {
    let files = std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let chains = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    chains.map(|file| text(&parsed(&std::fs::read_to_string(file).unwrap())["chain_id"])).collect()
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
