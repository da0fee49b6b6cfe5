//! A message that comes again, and two definitions under one run id.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

use crate::audit;
use crate::support::{Broker, Caught, SOON, Stage, Worker, amqp, eventually};
use crate::{chain, nothing_is_left, simulator, step, submit, with};

#[tokio::test]
async fn a_message_that_comes_again_after_its_run_makes_no_call_and_gets_the_same_result_again() {
    let stage = Stage::new(Broker::shared().await, simulator(&["da-y=status:500"])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = chain(&[step("da-x"), step("da-y")]);

    submit(&stage, &channel, &definition, "twice").await;
    let first = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!(first.body["final_status"], "terminated_early");
    audit::linked(&definition, "twice", "twice", &stage.events(&channel).await);

    // Other bytes, the same definition: what counts is the canonical form.
    let spaced = serde_json::to_vec_pretty(&definition).unwrap();
    for body in [definition.to_string().as_bytes(), &spaced] {
        worker.at_rest().await;
        stage.submit(&channel, body, Some("twice")).await;
        let again = stage.results(&channel, 1, SOON).await.remove(0);
        assert_eq!((&again.raw, &again.routing_key), (&first.raw, &first.routing_key));
        assert_eq!(again.properties, first.properties, "the same message id, time and correlation");
    }
    nothing_is_left(&stage, &channel, worker).await;
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.step("twice", "step_1").calls), (2, 1));
}

#[tokio::test]
async fn a_message_that_comes_again_during_its_run_joins_it() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&["da-x=hang"])).await;
    stage.set("telemetry.log", "debug");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = chain(&[step("da-x"), step("da-y")]);

    for _ in 0..3 {
        submit(&stage, &channel, &definition, "thrice").await;
    }
    said(&worker, "one more delivery of a run that is alive here", 2).await;
    stage.simulator.clear_faults();
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    audit::linked(&definition, "thrice", "thrice", &stage.events(&channel).await);
    // All three are acknowledged, by one result.
    nothing_is_left(&stage, &channel, worker).await;
    assert_eq!(stage.simulator.calls().totals.calls, 2);
}

#[tokio::test]
async fn another_definition_under_the_id_of_a_run_goes_to_dead_and_changes_nothing() {
    let stage = Stage::new(Broker::shared().await, simulator(&["da-held=hang"])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = chain(&[step("da-held")]);
    // Another payload, another name, a default that is spelled out: each is another definition.
    let others = [
        chain(&[with(step("da-held"), &json!({"payload": {"n": 1}}))]),
        with(definition.clone(), &json!({"chain_id": "another"})),
        with(definition.clone(), &json!({"version": 1})),
    ];

    submit(&stage, &channel, &definition, "taken").await;
    stage.simulator.wait_until(|calls| calls.action("da-held").ran == 1).await;
    let during = conflict(&stage, &channel, &others[0]).await;
    stage.simulator.clear_faults();
    let result = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!(result.body["final_status"], "completed");
    let mut dead = vec![during];
    for other in &others {
        dead.push(conflict(&stage, &channel, other).await);
    }
    audit::linked(&definition, "taken", "taken", &stage.events(&channel).await);

    // The run is still known by its own definition.
    worker.at_rest().await;
    submit(&stage, &channel, &definition, "taken").await;
    assert_eq!(stage.results(&channel, 1, SOON).await.remove(0).raw, result.raw);
    nothing_is_left(&stage, &channel, worker).await;
    assert_eq!(stage.dead_depth(&channel).await, 0);
    assert_eq!(stage.simulator.calls().totals.calls, 1);
    for letter in dead {
        let problems: Value = serde_json::from_str(&header(&letter, "x-cxchain-problems")).unwrap();
        assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems}");
        assert_eq!(header(&letter, "x-cxchain-reason"), "conflict");
        assert_eq!(header(&letter, "x-cxchain-queue"), stage.queue);
        assert_eq!(header(&letter, "x-upstream"), "kept");
    }
}

/// What its tenant makes of it is not asked before it is known whose run it is.
#[tokio::test]
async fn a_definition_that_could_not_be_of_the_runs_tenant_goes_to_dead_like_any_other() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let url = stage.simulator.url();
    for (key, value) in
        [("base_url", url.as_str()), ("auth.client_id", "simulator-client"), ("auth.client_secret", "simulator-secret")]
    {
        stage.set(&format!("tenants.other.{key}"), value);
    }
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = with(chain(&[step("da-x")]), &json!({"tenant": "other"}));
    let nested = json!({"chain_id": "nested", "tenant": "default", "steps": [step("da-x")]});

    submit(&stage, &channel, &definition, "taken").await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    let letter = conflict(&stage, &channel, &chain(&[json!({"chain": nested})])).await;
    assert_eq!(header(&letter, "x-cxchain-reason"), "conflict");
    assert_eq!(stage.events(&channel).await.len(), 3, "those of the run that there is");
    nothing_is_left(&stage, &channel, worker).await;
    assert_eq!(stage.simulator.calls().totals.calls, 1);
}

/// Submits `definition` as run `taken` and answers with its dead letter: the message as it was, but for the headers.
async fn conflict(stage: &Stage, channel: &lapin::Channel, definition: &Value) -> Caught {
    let mut headers = FieldTable::default();
    headers.insert("x-upstream".into(), AMQPValue::LongString("kept".into()));
    let sent = BasicProperties::default()
        .with_message_id("taken".into())
        .with_content_type("application/json".into())
        .with_correlation_id("order-1".into())
        .with_type("upstream.chain".into())
        .with_app_id("upstream".into())
        .with_timestamp(1_700_000_000)
        .with_priority(3)
        .with_headers(headers)
        .with_delivery_mode(2);
    let body = serde_json::to_vec_pretty(definition).unwrap();
    stage.submit_with(channel, &body, sent.clone()).await;
    let letter = stage.dead(channel, 1).await.remove(0);
    assert_eq!(letter.raw, body);
    let bare = |properties: &BasicProperties| properties.clone().with_headers(FieldTable::default());
    assert_eq!(bare(&letter.properties), bare(&sent));
    letter
}

fn header(caught: &Caught, name: &str) -> String {
    let headers = caught.properties.headers().as_ref().unwrap();
    match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

async fn said(worker: &Worker, what: &str, times: usize) {
    eventually(what, SOON, async || (worker.log().matches(what).count() >= times).then_some(())).await;
}
