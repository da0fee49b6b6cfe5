//! Five steps that hand data along: one is skipped, one falls back, one is a chain of its own, and values keep their types all
//! the way, also when the message comes again.

use serde_json::{Value, json};

use crate::audit::{linked, of_kind};
use crate::support::{Broker, SOON, Stage, amqp};
use crate::{nothing_is_left, simulator, submit};

const PROFILE: &str =
    r#"{"contactId":"9007199254740993","tier":"premium","score":"12.5","vip":"true","zip":"01234","tags":["a","b"]}"#;

fn definition() -> Value {
    json!({
        "chain_id": "visit-a-customer",
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

/// What differs from run to run, taken out; wherever it is.
fn settled(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for name in ["latency_ms", "gate_wait_ms", "timestamp", "response_hash", "total_latency_ms"] {
                object.remove(name);
            }
            object.values_mut().for_each(settled);
        }
        Value::Array(items) => items.iter_mut().for_each(settled),
        _ => {}
    }
}

/// An entry of `aggregated_responses` of a call that succeeded at once; `fields` in place of, or besides, its own.
fn entry(index: u64, step_id: &str, action_id: Option<&str>, fields: Value) -> Value {
    let mut entry = json!({
        "step_index": index, "step_id": step_id, "action_id": action_id, "status": "success", "http_status": 200,
        "error_classification": "NONE", "attempts": 1, "job_id": null, "extracted": {}, "directive": null,
        "fallback_used": false, "response_omitted": false
    });
    let Value::Object(fields) = fields else { panic!("fields") };
    entry.as_object_mut().unwrap().extend(fields);
    entry
}

fn expected() -> Value {
    let contact = 9_007_199_254_740_993_u64;
    let profile: Value = serde_json::from_str(PROFILE).unwrap();
    let extracted = json!({
        "contact": contact, "score": 12.5, "vip": true, "zip": "01234", "tags": "2", "nothing": null
    });
    let note = format!("premium customer #{contact}");
    let fell_back =
        |class: &str| json!({"error_classification": class, "directive": "fallback", "fallback_used": true});
    let with = |mut fields: Value, more: Value| {
        let Value::Object(more) = more else { panic!("fields") };
        fields.as_object_mut().unwrap().extend(more);
        fields
    };
    let slot = json!({"action": "da-slot", "echo": {"contact": contact, "of": "visit"}, "ok": true});
    let cache = json!({"action": "da-cache", "echo": {"contact": contact, "note": note}, "ok": true});
    let done = json!({
        "crm": 200, "skipped": "skipped", "nobody": null, "visit": {"how": "phone", "ended": "completed"},
        "typed": [contact, 12.5, "xy"]
    });
    let visit = json!({
        "final_status": "completed",
        "aggregated_responses": [
            entry(0, "visit.slot", Some("da-slot"), json!({"response_data": slot, "extracted": {"slot": "visit-slot"}})),
            entry(1, "visit.book", Some("da-book"), with(fell_back("VALIDATION"), json!({
                "response_data": {"booked": "visit-slot", "by": ["phone", 1]}, "http_status": 400, "extracted": {"by": ["phone", 1]}
            }))),
        ],
        "outputs": {"slot": {"slot": "visit-slot"}, "book": {"by": ["phone", 1]}}
    });
    json!([
        entry(0, "profile", Some("da-profile"), json!({"response_data": profile, "extracted": extracted})),
        entry(
            1,
            "upsell",
            Some("da-upsell"),
            json!({"status": "skipped", "http_status": null, "attempts": 0, "response_data": null})
        ),
        entry(
            2,
            "crm",
            Some("da-crm"),
            with(
                fell_back("COMPUTE_FAILURE"),
                json!({
                    "response_data": cache, "attempts": 2, "extracted": {"row": contact}
                })
            )
        ),
        entry(
            3,
            "visit",
            None,
            json!({
                "response_data": visit, "http_status": null, "attempts": 0, "extracted": {"how": "phone", "ended": "completed"}
            })
        ),
        entry(4, "done", Some("da-done"), json!({"response_data": {"action": "da-done", "echo": done, "ok": true}})),
    ])
}

#[tokio::test]
async fn five_steps_hand_data_along_from_queue_to_result() {
    let answer = format!("da-profile=status:200,body:{PROFILE}");
    let rules = [&*answer, "da-crm=status:500", "da-book=status:400"];
    let stage = Stage::new(Broker::shared().await, simulator(&rules)).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&stage, &channel, &definition(), "five").await;
    let first = stage.results(&channel, 1, SOON).await.remove(0);
    let mut result = first.body.clone();
    let events = stage.events(&channel).await;
    let head = linked(&definition(), "five", "five", &events);
    assert_eq!(result["audit_head"], head);

    settled(&mut result);
    assert_eq!(result["aggregated_responses"], expected());
    assert_eq!(
        result["outputs"],
        json!({
            "profile": expected()[0]["extracted"], "crm": {"row": 9_007_199_254_740_993_u64},
            "visit": {"how": "phone", "ended": "completed"},
        })
    );
    let figures = ["final_status", "reason", "steps_total", "steps_executed", "completion_rate_percent"];
    let figures: Vec<&Value> = figures.iter().map(|name| &result[name]).collect();
    assert_eq!(json!(figures), json!(["completed", null, 7, 6, 85.71]));

    let finished = of_kind(&events, "step.finished");
    let told = |name: &str| finished.iter().map(|event| event[name].clone()).collect::<Value>();
    assert_eq!(told("step_id"), json!(["profile", "upsell", "crm", "visit.slot", "visit.book", "visit", "done"]));
    let outer = "visit-a-customer";
    assert_eq!(told("chain_id"), json!([outer, outer, outer, "visit", "visit", outer, outer]));
    let audit: Value = result["audit_log"].as_array().unwrap().iter().map(|entry| entry["chain_id"].clone()).collect();
    assert_eq!(audit, told("chain_id"), "the audit log in the result tells the same steps");
    assert_eq!(finished[2]["fallback_action_id"], "da-cache");
    let retried = of_kind(&events, "step.retried");
    assert_eq!(retried.len(), 1, "the call that the fallback took the place of");
    assert_eq!((&retried[0]["action_id"], &retried[0]["attempt"]), (&json!("da-crm"), &json!(1)));

    let calls = stage.simulator.calls();
    for (step, times) in [("profile", 1), ("upsell", 0), ("crm", 2), ("visit.slot", 1), ("visit.book", 1), ("done", 1)]
    {
        assert_eq!(calls.step("five", step).calls, times, "{step}");
    }

    // The message that comes again finds all of it done, be it called or not.
    submit(&stage, &channel, &definition(), "five").await;
    let again = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!((again.raw, again.properties), (first.raw, first.properties));
    assert_eq!(stage.simulator.calls().totals.calls, calls.totals.calls);
    nothing_is_left(&stage, &channel, worker).await;
}
