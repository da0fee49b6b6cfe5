//! Broken messages among good ones: the good ones run, and of each broken one everything is said and nothing is done.

use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use lapin::BasicProperties;
use serde_json::{Value, json};

use super::broken::{Broken, CANARY, fifty};
use super::support::{Broker, Caught, SOON, Stage, amqp};
use super::{good, header, left_over, name_of, pointers, problems, text};

#[tokio::test]
async fn fifty_broken_messages_among_fifty_good_ones() {
    let broker = Broker::shared().await;
    let settings = SimulatorSettings { latency: Duration::from_millis(5), ..SimulatorSettings::default() };
    let mut stage = Stage::new(broker, settings).await;
    stage.set("telemetry.log", "trace");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let broken = fifty();
    for (index, broken) in broken.iter().enumerate() {
        let good_id = format!("good-{index}");
        stage.submit(&channel, &good(), (index % 2 == 0).then_some(good_id.as_str())).await;
        stage.submit_with(&channel, &broken.body, properties_of(broken)).await;
    }

    let mut worker = stage.worker().await;
    let results = stage.results(&channel, 100, SOON * 2).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(left_over(&stage, &channel).await, 0, "everything was acknowledged");

    let (rejected, completed): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|result| result.body["final_status"] == "rejected");
    assert_eq!((completed.len(), rejected.len()), (50, 50));
    assert!(completed.iter().all(|result| result.body["final_status"] == "completed"));
    let mut events = stage.events(&channel).await;
    events.retain(|event| event.body["event"] == "run.rejected");
    assert_eq!(events.len(), 50);
    assert_eq!(stage.dead_depth(&channel).await, 50);
    let dead = stage.dead(&channel, 50).await;

    let calls = stage.simulator.calls();
    assert_eq!(calls.actions.keys().collect::<Vec<_>>(), ["da-good"]);
    assert_eq!((calls.totals.calls, calls.unidentified, calls.not_found), (50, 0, 0));
    for broken in &broken {
        of_dead(broken, &dead, &stage.queue);
        of_event(broken, &events);
        of_result(broken, &rejected);
    }
    assert!(!worker.log().contains(CANARY), "{}", worker.log());
}

fn properties_of(broken: &Broken) -> BasicProperties {
    let properties =
        BasicProperties::default().with_content_type("application/json".into()).with_app_id("upstream".into());
    match &broken.message_id {
        Some(id) => properties.with_message_id(id.as_str().into()),
        None => properties,
    }
}

/// The one message of `all` that is about `broken`.
fn one<'a>(broken: &Broken, all: &'a [Caught], about: impl Fn(&Caught) -> bool) -> &'a Caught {
    let found: Vec<_> = all.iter().filter(|message| about(message)).collect();
    assert_eq!(found.len(), 1, "{}", broken.what);
    found[0]
}

fn name(broken: &Broken) -> String {
    let body: Value = serde_json::from_slice(&broken.body).unwrap_or_default();
    let valid =
        |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let id = body["run_id"].as_str().filter(valid).or(broken.message_id.as_deref().filter(valid));
    name_of(&broken.body, id)
}

fn of_dead(broken: &Broken, dead: &[Caught], queue: &str) {
    let what = broken.what;
    let copy = one(broken, dead, |copy| copy.raw == broken.body && message_id(copy) == broken.message_id.as_deref());
    assert_eq!(header(copy, "x-cxchain-reason").as_deref(), Some(broken.reason), "{what}");
    assert_eq!(header(copy, "x-cxchain-queue").as_deref(), Some(queue), "{what}");
    let said = problems(copy);
    assert_eq!(pointers(&said), broken.pointers, "{what}: {said:?}");
    assert!(!format!("{said:?}").contains(CANARY), "{what}: {said:?}");

    let mut plain = copy.properties.clone().with_delivery_mode(2);
    plain = plain.with_headers(Default::default());
    let received = properties_of(broken).with_delivery_mode(2).with_headers(Default::default());
    assert_eq!(plain, received, "{what}");
}

fn message_id(message: &Caught) -> Option<&str> {
    message.properties.message_id().as_ref().map(lapin::types::ShortString::as_str)
}

fn of_event(broken: &Broken, events: &[Caught]) {
    let (what, id) = (broken.what, format!("{}:0", name_of(&broken.body, None)));
    let event = one(broken, events, |event| message_id(event) == Some(&id));
    let body = &event.body;
    assert_eq!(event.routing_key, "default.run.rejected", "{what}");
    assert_eq!(text(event.properties.kind().as_ref()), "cxchain.run.rejected.v1", "{what}");
    assert_eq!((&body["event_id"], &body["seq"], &body["prev_hash"]), (&json!(id), &json!(0), &json!(null)), "{what}");
    let said = body["problems"].as_array().expect("problems");
    assert_eq!(pointers(said), broken.pointers, "{what}");
    assert!(!body.to_string().contains(CANARY), "{what}: {body}");
    assert_eq!(body["hash"].as_str().map(str::len), Some(64), "{what}");
}

fn of_result(broken: &Broken, results: &[Caught]) {
    let (what, name) = (broken.what, name(broken));
    let id = format!("{name}:rejected");
    let result = one(broken, results, |result| message_id(result) == Some(&id));
    let body = &result.body;
    assert_eq!(result.routing_key, "default.rejected", "{what}");
    assert_eq!(body["reason"]["code"], "invalid", "{what}");
    assert_eq!((&body["steps_total"], &body["steps_executed"]), (&json!(0), &json!(0)), "{what}");
    assert_eq!((&body["aggregated_responses"], &body["audit_log"]), (&json!([]), &json!([])), "{what}");
    let run_id = body["run_id"].as_str();
    assert_eq!(run_id.is_some(), name.len() != 64, "{what}: {run_id:?}");
    assert!(!body.to_string().contains(CANARY), "{what}: {body}");
    let message = body["reason"]["message"].as_str().expect("the result says why");
    for pointer in &broken.pointers {
        let place = if pointer.is_empty() { "the message" } else { pointer };
        assert!(message.contains(place), "{what}: {message}");
    }
}
