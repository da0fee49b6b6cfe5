//! Five steps that hand data along: one is skipped, one falls back, one is a chain of its own, and values keep their types all
//! the way, also when the message comes again. The result is compared as a whole.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::audit::{linked, millis, of_kind, sha256};
use crate::support::{Broker, SOON, Stage, amqp};
use crate::{nothing_is_left, simulator, submit, with};

const PROFILE: &str =
    r#"{"contactId":"9007199254740993","tier":"premium","score":"12.5","vip":"true","zip":"01234","tags":["a","b"]}"#;

fn definition() -> Value {
    json!({
        "chain_id": "visit-a-customer",
        "metadata": {"ticket": "T-1", "empty": ""},
        "steps": [
            {
                "id": "profile", "action_id": "da-profile", "payload": {"customer": "CUST-8842"},
                "extract": {
                    "contact": {"path": "contactId", "as": "integer"}, "score": "score", "vip": "vip", "zip": "zip",
                    "tags": {"path": "length(tags)", "as": "string"}, "nothing": "no.such.path"
                }
            },
            {"id": "upsell", "action_id": "da-upsell", "when": "!(steps.profile.extracted.vip)"},
            {
                "id": "crm", "action_id": "da-crm", "on_failure": "fallback",
                "fallback": {
                    "action_id": "da-cache",
                    "payload": {
                        "contact": "${{ steps.profile.extracted.contact }}",
                        "note": "${{ steps.profile.output.tier }} customer #${{ steps.profile.extracted.contact }}"
                    }
                },
                "extract": {"row": "echo.contact"}
            },
            {
                "id": "visit",
                "chain": {
                    "chain_id": "visit",
                    "steps": [
                        {
                            "id": "slot", "action_id": "da-slot", "when": "${{ steps.profile.output.tier == 'premium' }}",
                            "payload": {"contact": "${{ steps.crm.extracted.row }}", "of": "${{ chain.chain_id }}"},
                            "extract": {"slot": {"path": "join('-', [echo.of, 'slot'])"}}
                        },
                        {
                            "id": "book", "action_id": "da-book", "on_failure": "fallback",
                            "payload": {"slot": "${{ steps.slot.extracted.slot }}"},
                            "fallback": {"output": {"booked": "${{ steps.slot.extracted.slot }}", "by": ["phone", 1]}},
                            "extract": {"by": "by"}
                        }
                    ]
                },
                "extract": {"how": "outputs.book.by[0]", "ended": "final_status"}
            },
            {
                "id": "done", "action_id": "da-done",
                "payload": {
                    "crm": "${{ steps.crm.http_status }}", "skipped": "${{ steps.upsell.status }}",
                    "nobody": "${{ steps.upsell.output }}", "visit": "${{ steps.visit.extracted }}",
                    "typed": ["${{ steps.profile.extracted.contact }}", "${{ steps.profile.extracted.score }}", "x${{ `null` }}y"]
                }
            }
        ]
    })
}

/// What differs from run to run, wherever it is, is told by its kind alone.
fn settled(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match name.as_str() {
                    "latency_ms" | "gate_wait_ms" | "total_latency_ms" if value.is_u64() => *value = "ms".into(),
                    "timestamp" | "started_at" | "finished_at" if millis(value) > 0 => *value = "time".into(),
                    _ => settled(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settled),
        _ => {}
    }
}

/// What the simulator answers where it echoes, byte for byte.
fn body(action: &str, payload: &str) -> String {
    format!(r#"{{"action":"{action}","ok":true,"echo":{payload}}}"#)
}

/// An entry of `aggregated_responses` of a call that was answered with `body` at once; `fields` in place of, or besides, its own.
fn answered(index: u64, step_id: &str, action_id: &str, body: &str, fields: &Value) -> Value {
    let answer = json!({"response_data": serde_json::from_str::<Value>(body).unwrap(), "response_hash": sha256(body.as_bytes())});
    entry(index, step_id, Some(action_id), &with(answer, fields))
}

/// An entry of `aggregated_responses` of a call that succeeded at once; `fields` in place of, or besides, its own.
fn entry(index: u64, step_id: &str, action_id: Option<&str>, fields: &Value) -> Value {
    let entry = json!({
        "step_index": index, "step_id": step_id, "action_id": action_id, "status": "success", "http_status": 200,
        "error_classification": "NONE", "attempts": 1, "job_id": null, "extracted": {}, "directive": null,
        "fallback_used": false, "response_hash": null, "response_omitted": false,
        "latency_ms": "ms", "gate_wait_ms": "ms", "timestamp": "time"
    });
    with(entry, fields)
}

fn responses() -> Value {
    let contact = 9_007_199_254_740_993_u64;
    let extracted = json!({
        "contact": contact, "score": 12.5, "vip": true, "zip": "01234", "tags": "2", "nothing": null
    });
    let fell_back =
        |class: &str| json!({"error_classification": class, "directive": "fallback", "fallback_used": true});
    let cache = body("da-cache", r#"{"contact":9007199254740993,"note":"premium customer #9007199254740993"}"#);
    let slot = body("da-slot", r#"{"contact":9007199254740993,"of":"visit"}"#);
    let done = body(
        "da-done",
        r#"{"crm":200,"nobody":null,"skipped":"skipped","typed":[9007199254740993,12.5,"xy"],"visit":{"ended":"completed","how":"phone"}}"#,
    );
    let visit = json!({
        "final_status": "completed",
        "aggregated_responses": [
            answered(0, "visit.slot", "da-slot", &slot, &json!({"extracted": {"slot": "visit-slot"}})),
            // What the step leaves was sent by nobody: the hash is of the refusal, as the status is.
            entry(1, "visit.book", Some("da-book"), &with(fell_back("VALIDATION"), &json!({
                "response_data": {"booked": "visit-slot", "by": ["phone", 1]}, "http_status": 400, "extracted": {"by": ["phone", 1]},
                "response_hash": sha256(br#"{"message":"Bad Request"}"#)
            }))),
        ],
        "outputs": {"slot": {"slot": "visit-slot"}, "book": {"by": ["phone", 1]}}
    });
    let skipped = json!({"status": "skipped", "http_status": null, "attempts": 0, "response_data": null});
    let crm = with(fell_back("COMPUTE_FAILURE"), &json!({"attempts": 2, "extracted": {"row": contact}}));
    let of_chain = json!({
        "response_data": visit, "http_status": null, "attempts": 0, "extracted": {"how": "phone", "ended": "completed"}
    });
    json!([
        answered(0, "profile", "da-profile", PROFILE, &json!({"extracted": extracted})),
        entry(1, "upsell", Some("da-upsell"), &skipped),
        answered(2, "crm", "da-crm", &cache, &crm),
        entry(3, "visit", None, &of_chain),
        answered(4, "done", "da-done", &done, &json!({})),
    ])
}

/// The whole result.
fn expected(audit_head: &Value) -> Value {
    let outer = "visit-a-customer";
    let logged = |(chain, index, action, status): (&str, u64, Option<&str>, &str)| {
        json!({
            "chain_id": chain, "step_index": index, "action_id": action, "status": status,
            "latency_ms": "ms", "timestamp": "time"
        })
    };
    let audit_log = [
        (outer, 0, Some("da-profile"), "success"),
        (outer, 1, Some("da-upsell"), "skipped"),
        (outer, 2, Some("da-crm"), "success"),
        ("visit", 0, Some("da-slot"), "success"),
        ("visit", 1, Some("da-book"), "success"),
        (outer, 3, None, "success"),
        (outer, 4, Some("da-done"), "success"),
    ];
    let responses = responses();
    let outputs = json!({
        "profile": responses[0]["extracted"], "crm": {"row": 9_007_199_254_740_993_u64},
        "visit": {"how": "phone", "ended": "completed"},
    });
    json!({
        "schema": "cxchain.result.v1", "run_id": "five", "chain_id": outer, "tenant": "default", "final_status": "completed",
        "reason": null, "steps_total": 7, "steps_executed": 6, "completion_rate_percent": 85.71, "total_latency_ms": "ms",
        "aggregated_responses": responses, "outputs": outputs, "audit_log": audit_log.map(logged), "audit_head": audit_head,
        "started_at": "time", "finished_at": "time", "worker": "worker-5",
        "metadata": {"ticket": "T-1", "empty": ""}
    })
}

#[tokio::test]
async fn five_steps_hand_data_along_from_queue_to_result() {
    let answer = format!("da-profile=status:200,body:{PROFILE}");
    let rules = [&*answer, "da-crm=status:500", "da-book=status:400"];
    let mut stage = Stage::new(Broker::shared().await, simulator(&rules)).await;
    stage.set("worker.id", "worker-5");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&stage, &channel, &definition(), "five").await;
    let first = stage.results(&channel, 1, SOON).await.remove(0);
    let mut result = first.body.clone();
    let events = stage.events(&channel).await;
    let head = linked(&definition(), "five", "five", &events);
    settled(&mut result);
    assert_eq!(result, expected(&head));

    let finished = of_kind(&events, "step.finished");
    let told = |name: &str| finished.iter().map(|event| event[name].clone()).collect::<Value>();
    assert_eq!(told("step_id"), json!(["profile", "upsell", "crm", "visit.slot", "visit.book", "visit", "done"]));
    let outer = "visit-a-customer";
    assert_eq!(told("chain_id"), json!([outer, outer, outer, "visit", "visit", outer, outer]));
    assert_eq!(finished[2]["fallback_action_id"], "da-cache");
    let retried = of_kind(&events, "step.retried");
    assert_eq!(retried.len(), 1, "the call that the fallback took the place of");
    assert_eq!((&retried[0]["action_id"], &retried[0]["attempt"]), (&json!("da-crm"), &json!(1)));

    let calls = stage.simulator.calls();
    for (step, actions) in [
        ("profile", ["da-profile"].as_slice()),
        ("upsell", &[]),
        ("crm", &["da-crm", "da-cache"]),
        ("visit.slot", &["da-slot"]),
        ("visit.book", &["da-book"]),
        ("done", &["da-done"]),
    ] {
        let seen = calls.step("five", step);
        assert_eq!(
            (seen.calls, &seen.actions[..]),
            (actions.len() as u64, &actions.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
            "{step}"
        );
    }
    let called = calls.actions.iter().map(|(action, seen)| (action.as_str(), seen.calls)).collect();
    let once = ["da-profile", "da-crm", "da-cache", "da-slot", "da-book", "da-done"].map(|action| (action, 1));
    assert_eq!(BTreeMap::from(once), called, "each once, and no other");

    // The message that comes again finds all of it done, be it called or not.
    worker.at_rest().await;
    submit(&stage, &channel, &definition(), "five").await;
    let again = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!((again.raw, again.properties), (first.raw, first.properties));
    assert_eq!(stage.simulator.calls().totals.calls, calls.totals.calls);
    nothing_is_left(&stage, &channel, worker).await;
}
