//! The customer's chain: every field of every message, and every hash recomputed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::audit::{self, keys, millis, sha256};
use crate::support::{Broker, Caught, SOON, Stage, amqp};
use crate::{nothing_is_left, simulator, streams};

/// The customer's own message, byte for byte.
const CUSTOMER: &[u8] = include_bytes!("../../examples/customer-sync.json");
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The steps as the definition has them: the action and its payload as it goes out, with sorted keys and no spaces.
const STEPS: [(&str, &str); 3] = [
    ("da-fetch-customer-profile", r#"{"customerId":"CUST-8842","fields":["name","email","tier"]}"#),
    ("da-validate-tier-eligibility", r#"{"region":"US-WEST","tier":"premium"}"#),
    ("da-update-external-crm", r#"{"syncMode":"incremental","targetSystem":"salesforce"}"#),
];

/// What the simulator answers to a step.
fn answer(action: &str, payload: &str) -> String {
    format!(r#"{{"action":"{action}","ok":true,"echo":{payload}}}"#)
}

struct Done {
    stage: Stage,
    _connection: Connection,
    channel: Channel,
    result: Caught,
    events: Vec<Caught>,
}

/// Runs the customer's chain as `run-1`, with a correlation id and a trace.
async fn customers_run(configured: &[(&str, &str)]) -> Done {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    stage.set("worker.id", "worker-7");
    for (key, value) in configured {
        stage.set(key, value);
    }
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let mut headers = FieldTable::default();
    headers.insert("traceparent".into(), AMQPValue::LongString(TRACEPARENT.into()));
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_message_id("run-1".into())
        .with_correlation_id("order-4711".into())
        .with_headers(headers);
    stage.submit_with(&channel, CUSTOMER, properties).await;
    let result = stage.results(&channel, 1, SOON).await.remove(0);
    let events = stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;
    Done { stage, _connection: connection, channel, result, events }
}

#[tokio::test]
async fn the_customers_chain_completes_and_its_result_has_every_field() {
    let Done { stage, result: caught, events, .. } = customers_run(&[]).await;
    let result = &caught.body;
    let timestamp = |name: &str| result[name].clone();
    let (started, finished) = (millis(&timestamp("started_at")), millis(&timestamp("finished_at")));

    let responses: Vec<Value> = (0..3)
        .map(|index| {
            let (action, payload) = STEPS[index];
            let answer = answer(action, payload);
            let said = &result["aggregated_responses"][index];
            assert!(said["latency_ms"].is_u64() && said["gate_wait_ms"].is_u64(), "{said}");
            let at = millis(&said["timestamp"]);
            assert!((started..=finished).contains(&at), "{said}");
            json!({
                "step_index": index, "step_id": format!("step_{index}"), "action_id": action,
                "status": "success", "http_status": 200,
                "response_data": serde_json::from_str::<Value>(&answer).unwrap(),
                "error_classification": "NONE",
                "latency_ms": said["latency_ms"], "gate_wait_ms": said["gate_wait_ms"],
                "attempts": 1, "job_id": null, "extracted": {}, "directive": null, "fallback_used": false,
                "response_hash": sha256(answer.as_bytes()), "response_omitted": false,
                "timestamp": said["timestamp"],
            })
        })
        .collect();
    let audit_log: Vec<Value> = (0..3)
        .map(|index| {
            let said = &responses[index];
            json!({
                "chain_id": "cust-data-sync-001", "step_index": index, "action_id": said["action_id"],
                "status": "success", "latency_ms": said["latency_ms"], "timestamp": said["timestamp"],
            })
        })
        .collect();
    let expected = json!({
        "schema": "cxchain.result.v1", "run_id": "run-1", "chain_id": "cust-data-sync-001", "tenant": "default",
        "final_status": "completed", "reason": null,
        "steps_total": 3, "steps_executed": 3, "completion_rate_percent": 100,
        "total_latency_ms": finished - started,
        "aggregated_responses": responses, "outputs": {}, "audit_log": audit_log,
        "audit_head": {"seq": 5, "hash": events[4].body["hash"]},
        "started_at": result["started_at"], "finished_at": result["finished_at"],
        "worker": "worker-7", "metadata": {},
    });
    assert_eq!(*result, expected);

    audit::message(&caught, &"run-1:result".into(), &"cxchain.result.v1".into(), "order-4711", &result["finished_at"]);
    assert_eq!(audit::traceparent(&caught).as_deref(), Some(TRACEPARENT));
    assert_eq!(caught.routing_key, "default.completed");

    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.totals.ran, calls.unidentified), (3, 3, 0));
    assert_eq!((calls.tokens.calls, calls.not_found, calls.wrong_method), (1, 0, 0));
}

#[tokio::test]
async fn the_customers_chain_leaves_events_that_anybody_can_verify() {
    let Done { stage, result, events, .. } = customers_run(&[]).await;
    let definition: Value = serde_json::from_slice(CUSTOMER).unwrap();
    let head = audit::linked(&definition, "run-1", "order-4711", &events);
    assert_eq!(result.body["audit_head"], head);
    assert!(events.iter().all(|event| audit::traceparent(event).as_deref() == Some(TRACEPARENT)));

    let common = |index: usize, event: &str| {
        let said = &events[index].body;
        json!({
            "schema": format!("cxchain.{event}.v1"), "event_id": format!("run-1:{}", index + 1), "event": event,
            "seq": index + 1, "run_id": "run-1", "chain_id": "cust-data-sync-001", "tenant": "default",
            "worker": "worker-7", "timestamp": said["timestamp"], "compliance_tag": "GDPR-CCPA-AUDIT",
            "prev_hash": said["prev_hash"], "hash": said["hash"],
        })
    };
    let accepted = &events[0].body;
    let accepted_fields = json!({
        "definition_hash": audit::canonical_hash(&definition), "steps_total": 3, "deadline": accepted["deadline"],
        "redelivered": false, "run_id_assigned": false, "redrive_of": null,
    });
    assert_eq!(*accepted, crate::with(common(0, "run.accepted"), &accepted_fields));
    assert_eq!(millis(&accepted["deadline"]) - millis(&accepted["timestamp"]), 120_000);
    assert_eq!(accepted["timestamp"], result.body["started_at"]);

    for (index, (action, payload)) in STEPS.into_iter().enumerate() {
        let said = &events[index + 1].body;
        let fields = json!({
            "step_index": index, "step_id": format!("step_{index}"), "action_id": action, "status": "success",
            "http_status": 200, "attempts": 1, "polls": 0,
            "latency_ms": result.body["aggregated_responses"][index]["latency_ms"],
            "gate_wait_ms": result.body["aggregated_responses"][index]["gate_wait_ms"],
            "job_id": null, "payload_hash": sha256(payload.as_bytes()),
            "response_hash": sha256(answer(action, payload).as_bytes()),
            "error_classification": "NONE", "directive": null, "fallback_used": false, "maybe_repeated": false,
        });
        assert_eq!(*said, crate::with(common(index + 1, "step.finished"), &fields));
        assert_eq!(said["timestamp"], result.body["aggregated_responses"][index]["timestamp"]);
        let seen = stage.simulator.calls().step("run-1", &format!("step_{index}"));
        assert_eq!(seen.payload_hashes, [said["payload_hash"].as_str().unwrap()], "the bytes that arrived");
        assert_eq!(seen.idempotency_keys, [format!("run-1:step_{index}")]);
        assert_eq!((seen.attempts.as_slice(), seen.actions.as_slice()), (&[1][..], &[action.to_owned()][..]));
    }

    let finished = json!({
        "final_status": "completed", "reason": null, "steps_executed": 3, "completion_rate_percent": 100,
        "total_latency_ms": result.body["total_latency_ms"],
    });
    assert_eq!(events[4].body, crate::with(common(4, "run.finished"), &finished));
    assert_eq!(events[4].body["timestamp"], result.body["finished_at"]);

    for text in ["CUST-8842", "salesforce", "US-WEST", "echo"] {
        let told = events.iter().any(|event| String::from_utf8_lossy(&event.raw).contains(text));
        assert!(!told, "an event quotes a payload or a response: {text}");
    }
}

#[tokio::test]
async fn the_streams_keep_the_same_events_and_the_same_result() {
    let Done { stage, channel, result, events, .. } = customers_run(&[]).await;
    let kept = streams::kept(&channel, &stage.name("audit.log")).await;
    assert_eq!(kept, events.into_iter().map(|event| (event.routing_key, event.raw)).collect::<Vec<_>>());
    let kept = streams::kept(&channel, &stage.name("results.log")).await;
    assert_eq!(kept, [(result.routing_key, result.raw)]);
}

#[tokio::test]
async fn a_run_without_a_correlation_id_is_correlated_by_its_run_id_and_one_without_a_name_gets_one() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition: Value = serde_json::from_slice(CUSTOMER).unwrap();

    stage.submit(&channel, CUSTOMER, Some("named")).await;
    let named = stage.results(&channel, 1, SOON).await.remove(0);
    audit::linked(&definition, "named", "named", &stage.events(&channel).await);
    assert_eq!((audit::traceparent(&named), &named.body["run_id"]), (None, &json!("named")));

    stage.submit(&channel, CUSTOMER, None).await;
    let unnamed = stage.results(&channel, 1, SOON).await.remove(0);
    let id = unnamed.body["run_id"].as_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    let events = stage.events(&channel).await;
    audit::linked(&definition, &id, &id, &events);
    assert_eq!(events[0].body["run_id_assigned"], true);
    assert_eq!(keys(&unnamed.body), keys(&named.body));
    nothing_is_left(&stage, &channel, worker).await;
}

#[tokio::test]
async fn with_a_key_of_the_operators_bodies_are_hashed_with_it_and_events_say_so() {
    let key = b"sixteen bytes or more";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key).unwrap();
    let configured = [("audit.hash_key_file", file.path().to_str().unwrap()), ("audit.compliance_tag", "EU-1")];
    let Done { result, events, .. } = customers_run(&configured).await;
    let keyed = |bytes: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(bytes.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };

    let definition: Value = serde_json::from_slice(CUSTOMER).unwrap();
    audit::linked(&definition, "run-1", "order-4711", &events);
    assert!(events.iter().all(|event| event.body["compliance_tag"] == "EU-1"));
    for (index, (action, payload)) in STEPS.into_iter().enumerate() {
        let step = &events[index + 1].body;
        assert_eq!(step["hash_alg"], "HMAC-SHA-256");
        assert_eq!(step["payload_hash"], keyed(payload));
        assert_eq!(step["response_hash"], keyed(&answer(action, payload)));
        assert_eq!(result.body["aggregated_responses"][index]["response_hash"], step["response_hash"]);
    }
}
