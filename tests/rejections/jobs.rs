//! What is said of a job where none is, or not as a job has it.

use cxchain::simulator::SimulatorSettings;
use serde_json::{Value, json};

use super::support::{Broker, SOON, Stage, amqp};
use super::{good, header, left_over, pointers, problems};

/// A chain whose second step has these fields besides, and what is wrong with it.
struct Broken {
    body: Vec<u8>,
    pointers: Vec<String>,
}

fn broken(fields: &Value, wrong: &[&str]) -> Broken {
    let mut step = json!({"action_id": "da-broken", "payload": {"id": 7}});
    step.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
    let body = json!({"chain_id": "broken-chain", "steps": [{"action_id": "da-good"}, step]});
    Broken {
        body: body.to_string().into_bytes(),
        pointers: wrong.iter().map(|name| format!("/steps/1/{name}")).collect(),
    }
}

fn all() -> Vec<Broken> {
    let of_sync = ["version_id", "environment_context", "execution_timeout_ms"];
    let fields = json!({"environment_context": {}, "execution_timeout_ms": 30_000, "version_id": "v1"});
    let sync = json!({"mode": "sync", "environment_context": {}, "execution_timeout_ms": 30_000, "version_id": "v1"});
    let mut all = vec![broken(&fields, &of_sync), broken(&sync, &of_sync)];
    let one = |fields: Value, wrong: &str| broken(&fields, &[wrong]);
    all.extend([
        one(json!({"mode": "job", "version_id": "2"}), "version_id"),
        one(json!({"mode": "job", "version_id": null}), "version_id"),
        one(json!({"mode": "job", "environment_context": {"n": 1}}), "environment_context/n"),
        one(json!({"mode": "job", "execution_timeout_ms": 999}), "execution_timeout_ms"),
        one(json!({"mode": "job", "execution_timeout_ms": 60_001}), "execution_timeout_ms"),
        one(json!({"mode": "job", "timeout_seconds": 4}), "timeout_seconds"),
        one(json!({"mode": "job", "timeout_seconds": 901}), "timeout_seconds"),
        one(json!({"mode": "sync", "timeout_seconds": 121}), "timeout_seconds"),
        one(json!({"mode": "batch"}), "mode"),
        one(json!({"required_params": ["id", "region"]}), "required_params/1"),
        one(json!({"mode": "job", "required_params": ["region"]}), "required_params/0"),
        one(json!({"required_params": "id"}), "required_params"),
    ]);
    all
}

#[tokio::test]
async fn what_is_wrong_with_a_job_is_named_with_its_place_and_nothing_is_called() {
    let stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let all = all();
    for broken in &all {
        stage.submit(&channel, &broken.body, None).await;
    }
    stage.submit(&channel, &good(), None).await;
    let mut worker = stage.worker().await;
    let results = stage.results(&channel, all.len() + 1, SOON).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(left_over(&stage, &channel).await, 0, "everything was acknowledged");

    let completed = results.iter().filter(|result| result.body["final_status"] == "completed").count();
    assert_eq!(completed, 1, "the good one");
    assert_eq!(stage.dead_depth(&channel).await as usize, all.len());
    let dead = stage.dead(&channel, all.len()).await;
    for broken in &all {
        let text = String::from_utf8_lossy(&broken.body);
        let copy = dead.iter().find(|copy| copy.raw == broken.body).unwrap_or_else(|| panic!("{text} is not dead"));
        assert_eq!(header(copy, "x-cxchain-reason").as_deref(), Some("invalid"));
        let said = problems(copy);
        let mut places = pointers(&said);
        places.sort_unstable();
        let mut wanted: Vec<&str> = broken.pointers.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(places, wanted, "{text}: {said:?}");
    }
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.jobs.submitted, calls.not_found), (1, 0, 0));
}
