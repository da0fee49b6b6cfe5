//! Messages that are not run: an event, a result, a dead letter; then the ack.

use super::*;
use crate::chain::hash::sha256_hex;

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn broken() -> Value {
    json!({"chain_id": "c", "steps": [{"action_id": "../secret-words"}]})
}

fn published(office: &Office, index: usize) -> Value {
    serde_json::from_slice(&office.world.outbox.sent.lock().unwrap()[index].body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_no_chain_is_told_of_buried_and_then_acknowledged() {
    let office = Office::open(World::new());
    for id in ["r:rejected", "bury"] {
        office.world.outbox.confirm_after(id, 1_000);
    }
    office.work_off(message("m1", &broken())).await;
    let hash = sha256_hex(broken().to_string().as_bytes());
    let tape = office.world.tape.all().replace(&hash, "HASH");
    insta::assert_snapshot!(tape, @r"
       0 publish HASH:0 t.run.rejected
       0 confirmed HASH:0
       0 publish r:rejected t.rejected
    1000 confirmed r:rejected
    1000 bury m1 invalid
    2000 buried m1
    2000 ack m1
    ");
}

#[tokio::test(start_paused = true)]
async fn its_event_and_its_result_have_their_fields_and_quote_nothing() {
    let office = Office::open(World::new());
    office.work_off(message("m1", &broken())).await;
    let (event, result) = (published(&office, 0), published(&office, 1));
    assert_eq!(
        fields(&event),
        [
            "chain_id",
            "compliance_tag",
            "event",
            "event_id",
            "hash",
            "prev_hash",
            "problems",
            "run_id",
            "schema",
            "seq",
            "tenant",
            "timestamp",
            "worker",
        ]
    );
    assert_eq!((&event["seq"], &event["prev_hash"], &event["run_id"]), (&json!(0), &Value::Null, &json!("r")));
    assert_eq!(event["problems"][0]["pointer"], "/steps/0/action_id");
    assert_eq!(
        fields(&result),
        [
            "aggregated_responses",
            "audit_head",
            "audit_log",
            "chain_id",
            "completion_rate_percent",
            "final_status",
            "finished_at",
            "metadata",
            "outputs",
            "reason",
            "run_id",
            "schema",
            "started_at",
            "steps_executed",
            "steps_total",
            "tenant",
            "total_latency_ms",
            "worker",
        ]
    );
    assert_eq!((&result["final_status"], &result["reason"]["code"]), (&json!("rejected"), &json!("invalid")));
    for body in [event, result] {
        assert!(!body.to_string().contains("secret-words"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_not_looked_into() {
    let office = Office::open(World::new());
    let body = Bytes::from(vec![b' '; 1_001]);
    office.work_off(Message { body, ..message("m1", &definition()) }).await;
    assert_eq!(office.world.tape.only(&["bury", "buried", "ack"]), ["bury m1 too_large", "buried m1", "ack m1"]);
    assert_eq!(published(&office, 1)["run_id"], "r");

    let mut largest = definition().to_string();
    largest.push_str(&" ".repeat(1_000 - largest.len()));
    office.work_off(Message { body: largest.into(), ..message("m2", &definition()) }).await;
    assert_eq!(office.world.tape.only(&["ack m2", "bury m2"]), ["ack m2"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_name_is_known_by_its_bytes() {
    let office = Office::open(World::new());
    office.work_off(message("m1", &json!([])).named(None)).await;
    office.work_off(message("m2", &json!([])).named(None).again()).await;
    let sent = office.world.outbox.sent.lock().unwrap();
    let ids: Vec<&str> = sent.iter().map(|message| message.message_id.as_str()).collect();
    let hash = sha256_hex(b"[]");
    let (event, result) = (format!("{hash}:0"), format!("{hash}:rejected"));
    assert_eq!(ids, [&event, &result, &event, &result]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_whose_burial_is_not_confirmed() {
    let office = Office::open(World::new());
    office.world.outbox.confirm_after("bury", 1_000);
    office.deliver(message("m1", &broken()));
    office.after(500).await;
    assert_eq!(office.world.tape.count("bury m1"), 1);
    office.world.outbox.stopped.send_replace(true);
    office.after(10_000).await;
    assert_eq!(office.settled(), "     0 bury m1 invalid\n  1000 left m1\n");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_buried_whose_result_is_not_confirmed() {
    let office = Office::open(World::new());
    office.world.outbox.confirm_after("r:rejected", 1_000);
    office.deliver(message("m1", &broken()));
    office.after(500).await;
    office.world.outbox.stopped.send_replace(true);
    office.after(10_000).await;
    assert_eq!(office.settled(), "   500 left m1\n");
}
