//! A chain in the place of a call: a child run inside its parent's, in its parent's log.

use std::fmt::Write as _;

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};

/// The chain `k` of these steps, with `k-0`, `k-1`, … for their actions where they have no chain themselves.
pub(super) fn child(id: &str, steps: impl IntoIterator<Item = Value>) -> Value {
    let named = |(index, mut step): (usize, Value)| {
        if step.get("chain").is_none() {
            step["action_id"] = json!(format!("{id}-{index}"));
        }
        step
    };
    json!({"chain_id": id, "steps": steps.into_iter().enumerate().map(named).collect::<Vec<_>>()})
}

/// A step with the chain `k` of these steps.
pub(super) fn nesting(steps: impl IntoIterator<Item = Value>) -> Value {
    json!({"chain": child("k", steps)})
}

/// The same, and something else goes on when it does not succeed.
pub(super) fn nesting_or(steps: impl IntoIterator<Item = Value>, fallback: &Value) -> Value {
    json!({"chain": child("k", steps), "on_failure": "fallback", "fallback": fallback})
}

/// A call, `middle`, and another call.
pub(super) fn around(middle: Value) -> Chain {
    chain(&child("c", [json!({}), middle, json!({})]))
}

pub(super) fn broken(ms: u64) -> Reply {
    failed(ms, 500, ErrorClass::ComputeFailure, Retryable::No)
}

/// Each event of a step: chain, id, status (or `again`), class.
pub(super) fn told(world: &World) -> String {
    let steps = world.events().into_iter().filter(|event| event["event"].as_str().unwrap().starts_with("step."));
    steps.fold(String::new(), |mut all, event| {
        let word = |field: &str| event[field].as_str().unwrap_or("again").to_owned();
        let (chain, id, status) = (word("chain_id"), word("step_id"), word("status"));
        writeln!(all, "{chain} {id} {status} {}", word("error_classification")).unwrap();
        all
    })
}

pub(super) fn sent(world: &World) -> Vec<String> {
    world.actions.calls.lock().unwrap().iter().map(|call| format!("{} #{}", call.step_id, call.attempt)).collect()
}

/// Why the run ended, and at which step.
pub(super) fn reason(world: &World) -> (String, String) {
    let reason = world.result()["reason"].clone();
    let word = |field: &str| reason[field].as_str().unwrap_or("-").to_owned();
    (word("code"), word("step_id"))
}

/// Of the steps of the outermost chain.
pub(super) fn statuses(world: &World) -> Vec<Value> {
    let responses = world.result()["aggregated_responses"].as_array().unwrap().clone();
    responses.iter().map(|response| response["status"].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_nested_chain_lives_in_its_parents_log() {
    let world = World::new();
    world.gate.hold([0, 1_000, 2_000, 0]);
    world.actions.reply([good(10), good_with(100, json!({"n": 0})), good_with(200, json!({"n": 1})), good(10)]);
    assert_eq!(status(&world.drive(&around(nesting([json!({}), json!({})]))).await), FinalStatus::Completed);
    insta::assert_snapshot!(world.tape.timed(&["journal", "send"]), @r"
       0 journal definition + run.accepted@1 + intent step_0 #1
       0 send step_0 #1 with token 1
      10 journal data + step.finished@2 + entered step_1
    1010 journal intent step_1.step_0 #1
    1010 send step_1.step_0 #1 with token 1
    1110 journal data + step.finished@3
    3110 journal intent step_1.step_1 #1
    3110 send step_1.step_1 #1 with token 1
    3310 journal data + step.finished@4 + data + step.finished@5 + intent step_2 #1
    3310 send step_2 #1 with token 1
    3320 journal data + step.finished@6 + run.finished@7 + result
    3320 journal settled
    ");
    insta::assert_snapshot!(told(&world), @r"
    c step_0 success NONE
    k step_1.step_0 success NONE
    k step_1.step_1 success NONE
    c step_1 success NONE
    c step_2 success NONE
    ");
    let seqs: Vec<Value> = world.events().iter().map(|event| event["seq"].clone()).collect();
    assert_eq!(seqs, (1..=7).map(Value::from).collect::<Vec<_>>());

    let parent = &world.events_named("step.finished")[3];
    let figures = ["step_index", "attempts", "polls", "latency_ms", "gate_wait_ms"].map(|field| parent[field].clone());
    assert_eq!(figures, [1, 0, 0, 300, 3_000].map(Value::from));
    for field in ["action_id", "http_status", "job_id", "payload_hash", "response_hash", "directive"] {
        assert_eq!(parent[field], Value::Null, "{field}");
    }
    assert_eq!(world.events_named("run.accepted")[0]["steps_total"], 5);

    let result = world.result();
    let figures = ["steps_total", "steps_executed", "completion_rate_percent"].map(|field| result[field].clone());
    assert_eq!(figures, [5, 5, 100].map(Value::from));
    assert_eq!(statuses(&world), ["success"; 3], "nested steps stand in their parent's response");
    let data = &result["aggregated_responses"][1]["response_data"];
    assert_eq!((&data["final_status"], &data["outputs"]), (&json!("completed"), &json!({})));
    let nested = data["aggregated_responses"].as_array().unwrap();
    let seen =
        nested.iter().map(|step| (step["step_id"].clone(), step["action_id"].clone(), step["response_data"].clone()));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (json!("step_1.step_0"), json!("k-0"), json!({"n": 0})),
            (json!("step_1.step_1"), json!("k-1"), json!({"n": 1})),
        ]
    );
    let short = result["audit_log"].as_array().unwrap();
    let short: Vec<String> = short.iter().map(|step| format!("{} {}", step["chain_id"], step["step_index"])).collect();
    assert_eq!(short, [r#""c" 0"#, r#""k" 0"#, r#""k" 1"#, r#""c" 1"#, r#""c" 2"#]);
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_nested_chain_is_what_becomes_of_its_step() {
    let mut table = String::new();
    for (what, reply) in [("failed", broken(0)), ("unknown", lost(0))] {
        for (inner, outer) in [("continue", "abort"), ("abort", "continue"), ("abort", "abort")] {
            let world = World::new();
            let mut step = nesting([json!({"on_failure": inner}), json!({})]);
            step["on_failure"] = json!(outer);
            world.actions.reply([good(0), reply.clone()]);
            let ended = world.drive(&around(step)).await;
            let result = world.result();
            let response = &result["aggregated_responses"][1];
            let child = response["response_data"]["final_status"].as_str().unwrap();
            let (code, at) = reason(&world);
            writeln!(
                table,
                "{what}, {inner} in {outer}: {child}, {} {} {} | {} {code} {at} {} {}",
                response["status"],
                response["error_classification"],
                response["error_message"],
                status(&ended).as_str(),
                result["steps_executed"],
                result["completion_rate_percent"]
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table, @r#"
    failed, continue in abort: completed, "success" "NONE" null | completed - - 5 80
    failed, abort in continue: terminated_early, "failed" "COMPUTE_FAILURE" "its chain ended terminated_early: COMPUTE_FAILURE" | completed - - 4 40
    failed, abort in abort: terminated_early, "failed" "COMPUTE_FAILURE" "its chain ended terminated_early: COMPUTE_FAILURE" | terminated_early step_failed step_1.step_0 3 20
    unknown, continue in abort: completed, "success" "NONE" null | completed - - 5 80
    unknown, abort in continue: indeterminate, "unknown" "NETWORK" "its chain ended indeterminate: NETWORK" | completed - - 4 40
    unknown, abort in abort: indeterminate, "unknown" "NETWORK" "its chain ended indeterminate: NETWORK" | indeterminate outcome_unknown step_1.step_0 3 20
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_chain_in_a_chain_in_a_chain() {
    let world = World::new();
    let innermost = json!({"chain": child("m", [json!({}), json!({})])});
    world.actions.reply([good(1), good(10), good(100), broken(1_000), good(10_000)]);
    let chain = around(json!({"chain": child("k", [json!({}), innermost, json!({})]), "on_failure": "continue"}));
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    insta::assert_snapshot!(told(&world), @r"
    c step_0 success NONE
    k step_1.step_0 success NONE
    m step_1.step_1.step_0 success NONE
    m step_1.step_1.step_1 failed COMPUTE_FAILURE
    k step_1.step_1 failed COMPUTE_FAILURE
    c step_1 failed COMPUTE_FAILURE
    c step_2 success NONE
    ");
    let result = world.result();
    let figures = ["steps_total", "steps_executed", "completion_rate_percent"].map(|field| result[field].clone());
    assert_eq!(figures, [json!(8), json!(7), json!(50)], "one was never reached");
    let step = &result["aggregated_responses"][1];
    assert_eq!(step["latency_ms"], 1_110, "{step}");
    let innermost = &step["response_data"]["aggregated_responses"][1];
    assert_eq!(innermost["response_data"]["aggregated_responses"][1]["step_id"], "step_1.step_1.step_1");
}

#[tokio::test(start_paused = true)]
async fn something_else_takes_the_place_of_a_nested_chain() {
    for (fallback, action, data, attempts, latency) in [
        (json!({"action_id": "b"}), json!("b"), json!({"from": "b"}), 1, 1_110),
        (json!({"output": {"none": 1}}), Value::Null, json!({"none": 1}), 0, 110),
    ] {
        let world = World::new();
        world.gate.hold([0, 10_000, 20_000]);
        world.actions.reply([good(1), good(10), broken(100), good_with(1_000, json!({"from": "b"}))]);
        let chain = around(nesting_or([json!({}), json!({})], &fallback));
        assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
        let step = world.events_named("step.finished")[3].clone();
        assert_eq!((&step["step_id"], &step["status"]), (&json!("step_1"), &json!("success")));
        assert_eq!(
            (&step["error_classification"], &step["directive"]),
            (&json!("COMPUTE_FAILURE"), &json!("fallback"))
        );
        assert_eq!((&step["fallback_used"], &step["fallback_action_id"]), (&json!(true), &action));
        assert_eq!((&step["attempts"], &step["action_id"]), (&json!(attempts), &Value::Null));
        assert_eq!((&step["latency_ms"], &step["gate_wait_ms"]), (&json!(latency), &json!(30_000)), "the chain's, too");
        assert_eq!(world.events_named("step.retried").len(), 0, "no exchange of the step itself was made");
        let result = world.result();
        assert_eq!(result["aggregated_responses"][1]["response_data"], data);
        assert_eq!((&result["steps_executed"], &result["completion_rate_percent"]), (&json!(5), &json!(80)));
        assert_eq!(result["audit_log"].as_array().unwrap().len(), 5, "what the chain did is told all the same");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_of_a_nested_chain_has_a_fallback_like_any_other() {
    let world = World::new();
    world.actions.reply([good(0), broken(100), good_with(200, json!({"from": "b"}))]);
    let step = json!({"on_failure": "fallback", "fallback": {"action_id": "b"}});
    assert_eq!(status(&world.drive(&around(nesting([step, json!({})]))).await), FinalStatus::Completed);
    assert_eq!(sent(&world)[1..3], ["step_1.step_0 #1", "step_1.step_0 #2"]);
    insta::assert_snapshot!(told(&world), @r"
    c step_0 success NONE
    k step_1.step_0 again COMPUTE_FAILURE
    k step_1.step_0 success COMPUTE_FAILURE
    k step_1.step_1 success NONE
    c step_1 success NONE
    c step_2 success NONE
    ");
    let fallbacks: Vec<bool> = world.actions.calls.lock().unwrap().iter().map(|call| call.fallback).collect();
    assert_eq!(fallbacks, [false, false, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_in_a_nested_chain_loses_what_was_in_flight_and_nothing_else() {
    for (held, replies, last) in [(0, vec![good(0), good(0), never()], "unknown"), (60_000, vec![], "success")] {
        let world = World::new();
        let chain = around(nesting([json!({}), json!({"on_failure": "continue"}), json!({})]));
        world.actions.reply(replies);
        world.gate.hold([0, 0, held]);
        world.crash_after(&chain, 10_000).await;
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
        assert_eq!(
            sent(&world),
            ["step_0 #1", "step_1.step_0 #1", "step_1.step_1 #1", "step_1.step_2 #1", "step_2 #1"]
        );
        assert_eq!(world.events_named("run.resumed")[0]["from_step"], "step_1.step_1");
        let nested = &world.result()["aggregated_responses"][1]["response_data"]["aggregated_responses"];
        assert_eq!([0, 1, 2].map(|n| nested[n]["status"].clone()), ["success", last, "success"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_hands_a_run_back_within_a_nested_chain() {
    let world = World::new();
    let chain = around(nesting([json!({}), json!({})]));
    world.actions.reply([good(0), good(2_000)]);
    let stop = world.hand_back.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send_replace(true);
    });
    assert_eq!(world.drive(&chain).await, Ended::HandedBack);
    assert_eq!(sent(&world), ["step_0 #1", "step_1.step_0 #1"]);
    world.hand_back.send_replace(false);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    assert_eq!(sent(&world)[2..], ["step_1.step_1 #1", "step_2 #1"]);
    assert_eq!(world.events_named("run.resumed")[0]["from_step"], "step_1.step_1");
}
