//! A nested chain that is ended from outside: by a clock, a cancel, a worker that dies of it too often.

use super::fakes::*;
use super::nested::*;
use super::*;
use crate::chain::log::{Private, Record};
use crate::chain::{ErrorClass, Retryable};

#[tokio::test(start_paused = true)]
async fn the_run_clock_ends_all_the_chains_that_the_run_is_in() {
    for (held, crash, at, child, step, class) in [
        (0, false, "step_1.step_1", "unknown", "unknown", "TIMEOUT"),
        (0, true, "step_1.step_1", "unknown", "unknown", "TIMEOUT"),
        (1_000_000, false, "step_1", "-", "failed", "TIMEOUT"),
        (1_000_000, true, "step_1", "-", "failed", "TIMEOUT"),
    ] {
        let world = World::new();
        let mut chain = around(nesting_or([json!({}), json!({"timeout_seconds": 120})], &json!({"action_id": "b"})));
        chain.global_timeout = Duration::from_secs(60);
        world.actions.reply([good(0), good(0), never()]);
        world.gate.hold([0, 0, held, held]);
        if crash {
            world.crash_after(&chain, 10_000).await;
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::TimedOut);
        assert_eq!(world.tape.count("send"), if held > 0 { 2 } else { 3 }, "no fallback acts any more");
        assert_eq!(reason(&world), ("global_timeout".into(), at.into()));
        let ended = world.events_named("step.finished");
        let parent = ended.last().unwrap();
        let word = |event: &Value, field: &str| event[field].as_str().unwrap_or("-").to_owned();
        assert_eq!((word(parent, "step_id"), word(parent, "status")), ("step_1".into(), step.into()));
        assert_eq!((word(parent, "error_classification"), &parent["directive"]), (class.into(), &Value::Null));
        let response = &world.result()["aggregated_responses"][1];
        assert_eq!(response["response_data"]["final_status"], "timed_out");
        assert_eq!(word(&response["response_data"]["aggregated_responses"][1], "status"), child);
    }
}

#[tokio::test(start_paused = true)]
async fn a_nested_clock_ends_its_own_chain_and_the_run_goes_on() {
    for (held, crash, on_failure, status_of_step) in [
        (0, false, "continue", "unknown"),
        (1_000_000, false, "continue", "failed"),
        (1_000_000, true, "continue", "failed"),
        (1_000_000, false, "fallback", "success"),
        (1_000_000, true, "fallback", "success"),
    ] {
        let world = World::new();
        let mut step = nesting([json!({}), json!({"timeout_seconds": 120})]);
        (step["chain"]["global_timeout_seconds"], step["on_failure"]) = (json!(60), json!(on_failure));
        if on_failure == "fallback" {
            step["fallback"] = json!({"action_id": "b"});
        }
        let chain = around(step);
        world.actions.reply([good(10_000), good(0)].into_iter().chain((held == 0).then(never)));
        world.gate.hold([0, 0, held]);
        if crash {
            world.crash_after(&chain, 20_000).await;
            world.gate.hold([held]);
        }
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
        assert_eq!(statuses(&world), ["success", status_of_step, "success"]);
        let step = world.result()["aggregated_responses"][1].clone();
        assert_eq!(step["error_classification"], "TIMEOUT");
        let in_flight = if held == 0 { 60_000 } else { 0 };
        let times = (&step["latency_ms"], &step["gate_wait_ms"]);
        assert_eq!(times, (&json!(in_flight), &json!(0)), "the time of steps that were not reached is nobody's");
        let took = world.result()["total_latency_ms"].as_u64().unwrap();
        assert_eq!(took, 70_000, "the clock runs from the chain's first step on");
        if on_failure == "continue" {
            assert_eq!(step["response_data"]["final_status"], "timed_out");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_ended_while_a_step_waited_did_not_end_at_the_one_before() {
    for (nested_clock, ends, message) in [
        (None, ("global_timeout", "step_1"), "global_timeout_seconds were over"),
        (Some(60), ("step_failed", "step_1"), "step step_1 failed: TIMEOUT"),
    ] {
        let world = World::new();
        let mut step = nesting([json!({"on_failure": "continue"}), json!({})]);
        if let Some(seconds) = nested_clock {
            step["chain"]["global_timeout_seconds"] = json!(seconds);
        }
        world.actions.reply([good(0), broken(0)]);
        world.gate.hold([0, 0, 1_000_000]);
        world.drive(&around(step)).await;
        assert_eq!(reason(&world), (ends.0.into(), ends.1.into()));
        assert_eq!(world.result()["reason"]["message"], message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_nested_clock_ends_a_fallback_that_is_in_flight() {
    let world = World::new();
    let or = json!({"on_failure": "fallback", "fallback": {"action_id": "b", "timeout_seconds": 120}});
    let mut step = nesting([or, json!({})]);
    (step["chain"]["global_timeout_seconds"], step["on_failure"]) = (json!(60), json!("continue"));
    world.actions.reply([good(0), broken(10_000), never()]);
    assert_eq!(status(&world.drive(&around(step)).await), FinalStatus::Completed);
    assert_eq!(sent(&world), ["step_0 #1", "step_1.step_0 #1", "step_1.step_0 #2", "step_2 #1"]);
    assert_eq!(statuses(&world), ["success", "unknown", "success"]);
    let child = world.result()["aggregated_responses"][1]["response_data"].clone();
    assert_eq!(
        (&child["final_status"], &child["aggregated_responses"][0]["status"]),
        (&json!("timed_out"), &json!("unknown"))
    );
    assert_eq!(world.result()["total_latency_ms"], 60_000);
}

/// The deadline in the log is by the time of day, and that can have been set back since.
#[tokio::test(start_paused = true)]
async fn a_nested_chain_that_is_taken_up_has_its_whole_time_at_most() {
    let world = World::new();
    let mut step = nesting([json!({"timeout_seconds": 120, "idempotent": true})]);
    (step["chain"]["global_timeout_seconds"], step["on_failure"]) = (json!(60), json!("continue"));
    let mut chain = around(step);
    chain.global_timeout = Duration::from_secs(900);
    world.actions.reply([good(0), never(), never()]);
    world.crash_after(&chain, 10_000).await;
    let mut run = world.claim(&chain).await;
    for record in &mut run.log {
        if let Record::Private(Private::Entered { deadline: Some(deadline), .. }) = record {
            *deadline = deadline.plus(Duration::from_secs(3600));
        }
    }
    let ended = world.drive_from(run).await;
    assert_eq!(status(&ended), FinalStatus::Completed);
    // Its worker was found dead 30 s after its last sign of life.
    assert_eq!(world.result()["total_latency_ms"], 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_nested_chain_that_kills_five_workers_in_a_row_ends_the_run() {
    for (reply, status_of_step, how) in [(never(), "unknown", "indeterminate"), (good(0), "failed", "terminated_early")]
    {
        let world = World::new();
        let mut chain = around(nesting_or(
            [json!({"idempotent": true, "on_failure": "continue"}), json!({})],
            &json!({"action_id": "b"}),
        ));
        chain.global_timeout = Duration::from_secs(900);
        let at_gate = status_of_step == "failed";
        world.actions.reply([good(0), reply]);
        world.gate.hold([0]);
        for nth in 0..5 {
            world.gate.hold(at_gate.then_some(1_000_000));
            if !at_gate && nth > 0 {
                // Each of them gets as far as to say that it goes on, and no further.
                world.journal.slow.lock().unwrap().extend([0, 1_000_000].map(Duration::from_secs));
            }
            world.crash_after(&chain, 10_000).await;
        }
        let ended = world.drive_after_crash(&chain).await;
        assert_eq!(status(&ended).as_str(), how);
        let at = if at_gate { "step_1" } else { "step_1.step_0" };
        assert_eq!(reason(&world), ("crash_loop".into(), at.into()));
        let step = world.result()["aggregated_responses"][1].clone();
        assert_eq!((&step["status"], &step["error_classification"]), (&json!(status_of_step), &json!("SYSTEM")));
        assert_eq!((&step["directive"], &step["fallback_used"]), (&Value::Null, &json!(false)));
        assert_eq!(world.tape.count("send"), if at_gate { 1 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_ends_all_the_chains_that_the_run_is_in_and_no_fallback_acts() {
    let world = World::new();
    let busy = failed(0, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    let or = json!({"on_failure": "fallback", "fallback": {"action_id": "b"}});
    let chain = around(nesting_or([or], &json!({"action_id": "b-2"})));
    world.actions.reply([good(0), broken(0), busy]);
    world.crash_after(&chain, 1_000).await;
    let mut run = world.claim(&chain).await;
    run.log.push(Record::Private(Private::CancelRequested));
    assert_eq!(status(&world.drive_from(run).await), FinalStatus::Cancelled);
    assert_eq!(sent(&world), ["step_0 #1", "step_1.step_0 #1", "step_1.step_0 #2"]);
    assert_eq!(reason(&world), ("cancelled".into(), "step_1.step_0".into()));
    insta::assert_snapshot!(told(&world), @r"
    c step_0 success NONE
    k step_1.step_0 again COMPUTE_FAILURE
    k step_1.step_0 again COMPUTE_CLUSTER_UNAVAILABLE
    k step_1.step_0 failed CANCELLED
    c step_1 failed CANCELLED
    ");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_first_step_nests_a_chain_expires_like_any_other() {
    let world = World::new();
    let mut chain = chain(&child("c", [nesting([json!({})]), json!({})]));
    chain.expires_at = Some(TapeClock::at(Duration::from_secs(30)));
    world.gate.hold([1_000_000]);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Expired);
    assert_eq!(world.tape.count("send"), 0);
    let result = world.result();
    assert_eq!((&result["aggregated_responses"], &result["total_latency_ms"]), (&json!([]), &json!(30_001)));
}
