//! Events and results, field for field as the contract lists them.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

const COMMON: &str = "schema event_id event seq run_id chain_id tenant worker timestamp compliance_tag prev_hash hash";
const ACCEPTED: &str = "definition_hash steps_total deadline redelivered run_id_assigned redrive_of";
const RETRIED: &str = "step_index step_id action_id attempt payload_hash response_hash error_classification \
                       http_status delay_ms";
const STEP: &str = "step_index step_id action_id status http_status attempts polls latency_ms gate_wait_ms job_id \
                    payload_hash response_hash error_classification directive fallback_used maybe_repeated";
const FINISHED: &str = "final_status reason steps_executed completion_rate_percent total_latency_ms";
const RESULT: &str = "schema run_id chain_id tenant final_status reason steps_total steps_executed \
                      completion_rate_percent total_latency_ms aggregated_responses outputs audit_log audit_head \
                      started_at finished_at worker metadata";
const RESPONSE: &str = "step_index step_id action_id status http_status error_classification latency_ms gate_wait_ms \
                        attempts job_id extracted directive fallback_used response_hash response_omitted timestamp";
const ENTRY: &str = "chain_id step_index action_id status latency_ms timestamp";

fn sorted<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut fields: Vec<&str> = fields.into_iter().collect();
    fields.sort_unstable();
    fields
}

fn assert_fields(value: &Value, lists: &[&str]) {
    let found = sorted(value.as_object().unwrap().keys().map(String::as_str));
    assert_eq!(found, sorted(lists.iter().flat_map(|list| list.split_whitespace())), "{value}");
}

/// A run with a retry, a failed step and an end before its last step.
async fn eventful(world: &World) {
    let busy = failed(100, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    world.actions.reply([busy, good_with(100, json!({"found": "secret-words"}))]);
    world.actions.reply([failed(100, 404, ErrorClass::NotFound, Retryable::No)]);
    let chain = chain(&json!({
        "chain_id": "c", "metadata": {"ticket": "secret-words"},
        "steps": [{"action_id": "a-0", "payload": {"b": "secret-words", "a": 1}}, {"action_id": "a-1"}, {"action_id": "a-2"}],
    }));
    world.drive(&chain).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_has_its_fields_and_no_others() {
    let world = World::new();
    eventful(&world).await;
    let adds = [
        ("run.accepted", ACCEPTED),
        ("step.retried", RETRIED),
        ("step.finished", STEP),
        ("step.finished", STEP),
        ("run.finished", FINISHED),
    ];
    let events = world.events();
    assert_eq!(events.len(), adds.len());
    for (event, (name, fields)) in events.iter().zip(adds) {
        assert_eq!(event["event"], name);
        assert_eq!(event["schema"], format!("cxchain.{name}.v1"));
        assert_fields(event, &[COMMON, fields]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_events_say_what_happened() {
    let world = World::new();
    eventful(&world).await;
    let events = world.events();
    insta::assert_json_snapshot!(events[0], @r#"
    {
      "chain_id": "c",
      "compliance_tag": "TAG",
      "deadline": "2026-01-01T00:05:00.000Z",
      "definition_hash": "73d0cff5360f493ce755d8e70a5a5722d030d493b453a0f5837af85bcee06282",
      "event": "run.accepted",
      "event_id": "r:1",
      "hash": "b669165c1166c3b3f2d76493951b561108425cd48132543370a04ebc0c6dc74b",
      "prev_hash": "73d0cff5360f493ce755d8e70a5a5722d030d493b453a0f5837af85bcee06282",
      "redelivered": false,
      "redrive_of": null,
      "run_id": "r",
      "run_id_assigned": false,
      "schema": "cxchain.run.accepted.v1",
      "seq": 1,
      "steps_total": 3,
      "tenant": "t",
      "timestamp": "2026-01-01T00:00:00.000Z",
      "worker": "w"
    }
    "#);
    insta::assert_json_snapshot!(events[1], @r#"
    {
      "action_id": "a-0",
      "attempt": 1,
      "chain_id": "c",
      "compliance_tag": "TAG",
      "delay_ms": 2000,
      "error_classification": "COMPUTE_CLUSTER_UNAVAILABLE",
      "event": "step.retried",
      "event_id": "r:2",
      "hash": "42bb5707e949def155fc282c8d7d5e246117bdb8122e0168513a907e2e3b4cc9",
      "http_status": 503,
      "payload_hash": "38414a22064b02c2ec490e5c8bda6f4adba10fc5e5540cbaf36b43ae04e377fd",
      "prev_hash": "b669165c1166c3b3f2d76493951b561108425cd48132543370a04ebc0c6dc74b",
      "response_hash": "8637583f3aff212c3f12a21cb71ba24b5956747bcf442404b076968198a544f7",
      "run_id": "r",
      "schema": "cxchain.step.retried.v1",
      "seq": 2,
      "step_id": "step_0",
      "step_index": 0,
      "tenant": "t",
      "timestamp": "2026-01-01T00:00:00.100Z",
      "worker": "w"
    }
    "#);
    insta::assert_json_snapshot!(events[2], @r#"
    {
      "action_id": "a-0",
      "attempts": 2,
      "chain_id": "c",
      "compliance_tag": "TAG",
      "directive": null,
      "error_classification": "NONE",
      "event": "step.finished",
      "event_id": "r:3",
      "fallback_used": false,
      "gate_wait_ms": 0,
      "hash": "a30bbf7eac7296c5d59e0d11ec8d25d7a398248967f2f4842f1ac27e8f44ab00",
      "http_status": 200,
      "job_id": null,
      "latency_ms": 2200,
      "maybe_repeated": false,
      "payload_hash": "38414a22064b02c2ec490e5c8bda6f4adba10fc5e5540cbaf36b43ae04e377fd",
      "polls": 0,
      "prev_hash": "42bb5707e949def155fc282c8d7d5e246117bdb8122e0168513a907e2e3b4cc9",
      "response_hash": "b8b34c35177eaabbbcd5a035fc390f2be083b9282b2ba457e65ffebc2b70ebfc",
      "run_id": "r",
      "schema": "cxchain.step.finished.v1",
      "seq": 3,
      "status": "success",
      "step_id": "step_0",
      "step_index": 0,
      "tenant": "t",
      "timestamp": "2026-01-01T00:00:02.200Z",
      "worker": "w"
    }
    "#);
    insta::assert_json_snapshot!(events[4], @r#"
    {
      "chain_id": "c",
      "completion_rate_percent": 33.33,
      "compliance_tag": "TAG",
      "event": "run.finished",
      "event_id": "r:5",
      "final_status": "terminated_early",
      "hash": "fb728e51c140dc05594a46f21cb8e6b587233bec1e1c20baad2ddf2202c778b3",
      "prev_hash": "21f7542b87cf33e605c9bcc22080bb4cd45fb0742dd845f5ef2ff9354048daa1",
      "reason": {
        "code": "step_failed",
        "message": "step step_1 (a-1) failed: NOT_FOUND, HTTP 404",
        "step_id": "step_1"
      },
      "run_id": "r",
      "schema": "cxchain.run.finished.v1",
      "seq": 5,
      "steps_executed": 2,
      "tenant": "t",
      "timestamp": "2026-01-01T00:00:02.300Z",
      "total_latency_ms": 2300,
      "worker": "w"
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn no_payload_no_response_and_no_metadata_is_in_an_event() {
    let world = World::new();
    eventful(&world).await;
    for event in world.events() {
        assert!(!event.to_string().contains("secret-words"), "{event}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_has_its_fields_and_no_others() {
    let world = World::new();
    eventful(&world).await;
    let result = world.result();
    assert_fields(&result, &[RESULT]);
    assert_fields(&result["aggregated_responses"][0], &[RESPONSE, "response_data"]);
    assert_fields(&result["aggregated_responses"][1], &[RESPONSE, "error_message"]);
    assert_fields(&result["audit_log"][0], &[ENTRY]);
    assert_fields(&result["audit_head"], &["seq hash"]);
    assert_fields(&result["reason"], &["code step_id message"]);
}

#[tokio::test(start_paused = true)]
async fn the_result_says_what_the_events_said() {
    let world = World::new();
    eventful(&world).await;
    insta::assert_json_snapshot!(world.result(), {".aggregated_responses[1]" => "…", ".audit_log[1]" => "…"}, @r#"
    {
      "aggregated_responses": [
        {
          "action_id": "a-0",
          "attempts": 2,
          "directive": null,
          "error_classification": "NONE",
          "extracted": {},
          "fallback_used": false,
          "gate_wait_ms": 0,
          "http_status": 200,
          "job_id": null,
          "latency_ms": 2200,
          "response_data": {
            "found": "secret-words"
          },
          "response_hash": "b8b34c35177eaabbbcd5a035fc390f2be083b9282b2ba457e65ffebc2b70ebfc",
          "response_omitted": false,
          "status": "success",
          "step_id": "step_0",
          "step_index": 0,
          "timestamp": "2026-01-01T00:00:02.200Z"
        },
        "…"
      ],
      "audit_head": {
        "hash": "fb728e51c140dc05594a46f21cb8e6b587233bec1e1c20baad2ddf2202c778b3",
        "seq": 5
      },
      "audit_log": [
        {
          "action_id": "a-0",
          "chain_id": "c",
          "latency_ms": 2200,
          "status": "success",
          "step_index": 0,
          "timestamp": "2026-01-01T00:00:02.200Z"
        },
        "…"
      ],
      "chain_id": "c",
      "completion_rate_percent": 33.33,
      "final_status": "terminated_early",
      "finished_at": "2026-01-01T00:00:02.300Z",
      "metadata": {
        "ticket": "secret-words"
      },
      "outputs": {},
      "reason": {
        "code": "step_failed",
        "message": "step step_1 (a-1) failed: NOT_FOUND, HTTP 404",
        "step_id": "step_1"
      },
      "run_id": "r",
      "schema": "cxchain.result.v1",
      "started_at": "2026-01-01T00:00:00.000Z",
      "steps_executed": 2,
      "steps_total": 3,
      "tenant": "t",
      "total_latency_ms": 2300,
      "worker": "w"
    }
    "#);
    let events = world.events();
    assert_eq!(world.result()["audit_head"], json!({"seq": 5, "hash": events[4]["hash"]}));
    assert_eq!(world.result()["started_at"], events[0]["timestamp"]);
    assert_eq!(world.result()["finished_at"], events[4]["timestamp"]);
}

#[tokio::test(start_paused = true)]
async fn hashes_are_over_the_bytes_as_sent_and_as_received() {
    use crate::chain::hash::sha256_hex;
    let world = World::new();
    eventful(&world).await;
    let step = &world.events_named("step.finished")[0];
    let sent = br#"{"a":1,"b":"secret-words"}"#;
    assert_eq!(world.actions.calls.lock().unwrap()[0].request.body, sent[..], "sorted keys, no spaces");
    assert_eq!(step["payload_hash"], sha256_hex(sent));
    assert_eq!(step["response_hash"], sha256_hex(br#"{"found":"secret-words"}"#));
}

#[tokio::test(start_paused = true)]
async fn with_a_key_the_hashes_are_of_another_kind_and_say_so() {
    let (plain, mut keyed) = (World::new(), World::new());
    keyed.settings.hasher = BodyHasher::keyed(b"key");
    eventful(&plain).await;
    eventful(&keyed).await;
    for (index, fields) in [(1, RETRIED), (2, STEP)] {
        let (plain, keyed) = (&plain.events()[index], &keyed.events()[index]);
        assert_fields(keyed, &[COMMON, fields, "hash_alg"]);
        assert_eq!(keyed["hash_alg"], "HMAC-SHA-256");
        for hash in ["payload_hash", "response_hash"] {
            assert_eq!(keyed[hash].as_str().unwrap().len(), 64);
            assert_ne!(keyed[hash], plain[hash], "{hash}");
        }
    }
    assert_fields(&keyed.events()[0], &[COMMON, ACCEPTED]);
    assert_fields(&keyed.events()[4], &[COMMON, FINISHED]);
    let response = |world: &World| world.result()["aggregated_responses"][0]["response_hash"].clone();
    assert_eq!(response(&keyed), keyed.events()[2]["response_hash"]);
    assert_ne!(response(&keyed), response(&plain));
}

#[tokio::test(start_paused = true)]
async fn a_call_names_its_run_its_step_and_its_attempt() {
    let world = World::new();
    eventful(&world).await;
    let calls = world.actions.calls.lock().unwrap();
    let names: Vec<String> =
        calls.iter().map(|call| format!("{}.{}.{} {}", call.run_id, call.step_id, call.attempt, call.action)).collect();
    assert_eq!(names, ["r.step_0.1 a-0", "r.step_0.2 a-0", "r.step_1.1 a-1"]);
}
