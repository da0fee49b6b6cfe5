//! What a step's end does to the chain: every verdict under every directive.

use std::fmt::Write;

use super::fakes::*;
use super::*;
use crate::chain::ErrorClass::{
    ComputeClusterUnavailable, Network, NotFound, ResponseInvalid, ResponseTooLarge, Validation,
};
use crate::chain::{Retryable, Verdict};

/// How a chain of two steps ends whose first one, of `step`, is answered so, and whose second one goes well.
async fn ending(mut step: Value, reply: Reply) -> String {
    let world = World::new();
    let times = if reply.verdict() == Verdict::Unauthorized { 2 } else { 1 };
    world.actions.reply(vec![reply; times]);
    step["retry"] = json!({"max_attempts": 1});
    let mut chain = steps([step, json!({"payload": {"second": true}})]);
    chain.steps[0].call_mut().timeout = Duration::from_secs(5);
    world.drive(&chain).await;
    let (result, finished) = (world.result(), &world.events_named("run.finished")[0]);
    let first = &result["aggregated_responses"][0];
    for field in ["final_status", "reason", "steps_executed", "completion_rate_percent", "total_latency_ms"] {
        assert_eq!(result[field], finished[field], "{field}");
    }
    let event = &world.events_named("step.finished")[0];
    for field in ["status", "http_status", "error_classification", "directive", "response_hash", "attempts"] {
        assert_eq!(first[field], event[field], "{field}");
    }
    let content = match (first.get("response_data"), first.get("error_message")) {
        (Some(_), None) => "data",
        (None, Some(message)) if message.is_string() => "message",
        _ => panic!("{first}"),
    };
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {} {content} | {} {} {} {}",
        word(&first["status"]),
        word(&first["error_classification"]),
        word(&first["directive"]),
        word(&result["final_status"]),
        word(&result["reason"]["code"]),
        result["steps_executed"],
        result["completion_rate_percent"],
    )
}

#[tokio::test(start_paused = true)]
async fn every_verdict_under_every_directive() {
    let replies = [
        ("200", good(10)),
        ("200, too large", good(10).with(|answer| answer.verdict = Verdict::Success { class: ResponseTooLarge })),
        ("400", failed(10, 400, Validation, Retryable::No)),
        ("503", failed(10, 503, ComputeClusterUnavailable, Retryable::Yes)),
        ("200, cut short", failed(10, 200, ResponseInvalid, Retryable::IfIdempotent)),
        ("reset", lost(10)),
        ("no answer", never()),
        ("401", unauthorized(10)),
    ];
    let mut table = String::new();
    for (what, reply) in &replies {
        for on_failure in ["abort", "continue", "fallback"] {
            let ending = ending(json!({"on_failure": on_failure}), reply.clone()).await;
            writeln!(table, "{what} / {on_failure}: {ending}").unwrap();
        }
    }
    insta::assert_snapshot!(table, @r"
    200 / abort: success NONE - data | completed - 2 100
    200 / continue: success NONE - data | completed - 2 100
    200 / fallback: success NONE - data | completed - 2 100
    200, too large / abort: success RESPONSE_TOO_LARGE - data | completed - 2 100
    200, too large / continue: success RESPONSE_TOO_LARGE - data | completed - 2 100
    200, too large / fallback: success RESPONSE_TOO_LARGE - data | completed - 2 100
    400 / abort: failed VALIDATION abort message | terminated_early step_failed 1 0
    400 / continue: failed VALIDATION continue message | completed - 2 50
    400 / fallback: failed VALIDATION fallback message | completed - 2 50
    503 / abort: failed COMPUTE_CLUSTER_UNAVAILABLE abort message | terminated_early step_failed 1 0
    503 / continue: failed COMPUTE_CLUSTER_UNAVAILABLE continue message | completed - 2 50
    503 / fallback: failed COMPUTE_CLUSTER_UNAVAILABLE fallback message | completed - 2 50
    200, cut short / abort: failed RESPONSE_INVALID abort message | terminated_early step_failed 1 0
    200, cut short / continue: failed RESPONSE_INVALID continue message | completed - 2 50
    200, cut short / fallback: failed RESPONSE_INVALID fallback message | completed - 2 50
    reset / abort: unknown NETWORK abort message | indeterminate outcome_unknown 1 0
    reset / continue: unknown NETWORK continue message | completed - 2 50
    reset / fallback: unknown NETWORK fallback message | completed - 2 50
    no answer / abort: unknown TIMEOUT abort message | indeterminate outcome_unknown 1 0
    no answer / continue: unknown TIMEOUT continue message | completed - 2 50
    no answer / fallback: unknown TIMEOUT fallback message | completed - 2 50
    401 / abort: failed AUTHENTICATION abort message | terminated_early step_failed 1 0
    401 / continue: failed AUTHENTICATION continue message | completed - 2 50
    401 / fallback: failed AUTHENTICATION fallback message | completed - 2 50
    ");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_under_every_on_unknown() {
    let mut table = String::new();
    for on_unknown in ["as_failure", "retry", "stop"] {
        for on_failure in ["abort", "continue", "fallback"] {
            let ending = ending(json!({"on_failure": on_failure, "on_unknown": on_unknown}), lost(10)).await;
            writeln!(table, "{on_unknown} / {on_failure}: {ending}").unwrap();
        }
    }
    insta::assert_snapshot!(table, @r"
    as_failure / abort: unknown NETWORK abort message | indeterminate outcome_unknown 1 0
    as_failure / continue: unknown NETWORK continue message | completed - 2 50
    as_failure / fallback: unknown NETWORK fallback message | completed - 2 50
    retry / abort: unknown NETWORK abort message | indeterminate outcome_unknown 1 0
    retry / continue: unknown NETWORK continue message | completed - 2 50
    retry / fallback: unknown NETWORK fallback message | completed - 2 50
    stop / abort: unknown NETWORK - message | indeterminate outcome_unknown 1 0
    stop / continue: unknown NETWORK - message | indeterminate outcome_unknown 1 0
    stop / fallback: unknown NETWORK - message | indeterminate outcome_unknown 1 0
    ");
}

#[tokio::test(start_paused = true)]
async fn an_abort_at_the_last_step_is_an_abort() {
    let world = World::new();
    world.actions.reply([good(0), failed(0, 404, NotFound, Retryable::No)]);
    let ended = world.drive(&steps([json!({}), json!({})])).await;
    assert_eq!(status(&ended), FinalStatus::TerminatedEarly);
    let result = world.result();
    assert_eq!((&result["steps_executed"], &result["completion_rate_percent"]), (&json!(2), &json!(50)));
    let reason = json!({
        "code": "step_failed", "step_id": "step_1", "message": "step step_1 (a-1) failed: NOT_FOUND, HTTP 404",
    });
    assert_eq!(result["reason"], reason);
}

#[tokio::test(start_paused = true)]
async fn a_step_may_have_been_carried_out_although_its_last_exchange_was_refused() {
    for (last, said) in [
        (failed(0, 0, Network, Retryable::Yes), "unknown NETWORK"),
        (failed(0, 503, ComputeClusterUnavailable, Retryable::Yes), "unknown COMPUTE_CLUSTER_UNAVAILABLE"),
        (failed(0, 409, Validation, Retryable::No), "failed VALIDATION"),
    ] {
        let world = World::new();
        world.actions.reply([lost(0), last]);
        let ended = world.drive(&one(json!({"idempotent": true, "retry": {"max_attempts": 2}}))).await;
        let step = &world.events_named("step.finished")[0];
        let word = |field: &str| step[field].as_str().unwrap();
        assert_eq!(format!("{} {}", word("status"), word("error_classification")), said);
        assert_eq!((&step["attempts"], &step["maybe_repeated"]), (&json!(2), &json!(true)));
        let unknown = said.starts_with("unknown");
        let end = if unknown { FinalStatus::Indeterminate } else { FinalStatus::TerminatedEarly };
        assert_eq!(status(&ended), end);
    }
}
