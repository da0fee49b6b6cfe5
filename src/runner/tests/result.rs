//! The result's document: what is left out when it is too large, what is echoed, what its figures are.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Verdict};

/// A run of four steps with responses of these lengths, and its result cut to `max` bytes.
async fn cut_to(max: usize, lengths: [usize; 4]) -> (Value, usize) {
    let mut world = World::new();
    world.settings.max_result_bytes = max;
    world.actions.reply(lengths.map(|length| good_with(0, json!("x".repeat(length)))));
    world.drive(&steps(vec![json!({}); 4])).await;
    let sent = world.outbox.sent.lock().unwrap();
    let size = sent.iter().find(|message| message.message_id == "r:result").unwrap().body.len();
    drop(sent);
    (world.result(), size)
}

fn omitted(result: &Value) -> Vec<bool> {
    let steps = result["aggregated_responses"].as_array().unwrap();
    let omitted: Vec<bool> = steps.iter().map(|step| step["response_omitted"].as_bool().unwrap()).collect();
    for (step, omitted) in steps.iter().zip(&omitted) {
        assert_eq!(step["response_data"].is_null(), *omitted);
        assert_eq!(step["response_hash"].as_str().map(str::len), Some(64), "the hash is kept");
        assert_eq!(step["status"], "success");
    }
    omitted
}

#[tokio::test(start_paused = true)]
async fn the_largest_responses_are_left_out_first_and_no_more_than_needed() {
    let lengths = [1_000, 3_000, 10, 2_000];
    // `null` and `true` in the place of the text and `false` save one byte less than the text is long.
    let (result, whole) = cut_to(1_000_000, lengths).await;
    assert_eq!(omitted(&result), [false; 4]);
    for (max, expected) in [
        (whole, [false, false, false, false]),
        (whole - 1, [false, true, false, false]),
        (whole - 2_999, [false, true, false, false]),
        (whole - 3_000, [false, true, false, true]),
        (whole - 5_500, [true, true, false, true]),
    ] {
        let (result, size) = cut_to(max, lengths).await;
        assert_eq!(omitted(&result), expected, "{max} of {whole}");
        assert!(size <= max);
    }
    assert_eq!(omitted(&cut_to(10, lengths).await.0), [true; 4], "what cannot be left out stays");
}

#[tokio::test(start_paused = true)]
async fn where_that_is_not_enough_what_was_extracted_is_left_out_too_the_largest_first() {
    let lengths = [1_000, 3_000, 10];
    let kept = async |max: usize| {
        let mut world = World::new();
        world.settings.max_result_bytes = max;
        world.actions.reply(lengths.map(|length| good_with(0, json!("x".repeat(length)))));
        world.drive(&steps(vec![json!({"extract": {"all": "@"}}); 3])).await;
        let result = world.result();
        let kept: Vec<bool> = (0..3).map(|n| result["outputs"].get(format!("step_{n}")).is_some()).collect();
        for (step, kept) in result["aggregated_responses"].as_array().unwrap().iter().zip(&kept) {
            assert_eq!(step["extracted"].get("all").is_some(), *kept, "in both places or in none");
            assert!(*kept || step["response_omitted"] == true);
        }
        let sent = world.outbox.sent.lock().unwrap();
        let size = sent.iter().find(|message| message.message_id == "r:result").unwrap().body.len();
        assert!(size <= max, "{size} of {max}");
        kept
    };
    assert_eq!(kept(1_000_000).await, [true, true, true]);
    assert_eq!(kept(6_000).await, [true, false, true]);
    assert_eq!(kept(3_500).await, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_the_worker_did_not_keep_is_told_apart_from_an_empty_one() {
    let world = World::new();
    let too_large = Verdict::Success { class: ErrorClass::ResponseTooLarge };
    world.actions.reply([
        good(0).with(|answer| (answer.verdict, answer.data, answer.body) = (too_large, None, None)),
        good(0).with(|answer| (answer.data, answer.body) = (None, Some(bytes::Bytes::new()))),
    ]);
    world.drive(&steps(vec![json!({}); 2])).await;
    let result = world.result();
    let [large, empty] = [0, 1].map(|index| &result["aggregated_responses"][index]);
    assert_eq!((&large["response_data"], &large["response_omitted"]), (&Value::Null, &json!(true)));
    assert_eq!((&large["status"], &large["error_classification"]), (&json!("success"), &json!("RESPONSE_TOO_LARGE")));
    assert_eq!(large["response_hash"], Value::Null);
    assert_eq!((&empty["response_data"], &empty["response_omitted"]), (&Value::Null, &json!(false)));
    assert_eq!(empty["error_classification"], "NONE");
}

#[tokio::test(start_paused = true)]
async fn an_error_says_what_the_platform_said_and_keeps_no_data() {
    use crate::chain::Retryable;
    let world = World::new();
    let refused = || failed(0, 400, ErrorClass::Validation, Retryable::No);
    world.actions.reply([refused().with(|answer| answer.message = Some("tier is missing".into())), refused()]);
    world.drive(&steps(vec![json!({"on_failure": "continue"}); 2])).await;
    let responses = &world.result()["aggregated_responses"];
    assert_eq!(responses[0]["error_message"], "tier is missing");
    assert_eq!(responses[1]["error_message"], "VALIDATION");
    assert!(!responses.to_string().contains("response_data"));
}

#[tokio::test(start_paused = true)]
async fn metadata_is_echoed_in_the_result() {
    let world = World::new();
    let chain = chain(&json!({"chain_id": "c", "metadata": {"b": "1", "a": ""}, "steps": [{"action_id": "a"}]}));
    world.drive(&chain).await;
    assert_eq!(world.result()["metadata"], json!({"a": "", "b": "1"}));
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_of_all_steps_and_not_of_those_reached() {
    use crate::chain::Retryable;
    for (good_ones, rate) in [(0, json!(0)), (1, json!(33.33)), (2, json!(66.67)), (3, json!(100))] {
        let world = World::new();
        world.actions.reply((0..good_ones).map(|_| good(0)));
        world.actions.reply([failed(0, 404, ErrorClass::NotFound, Retryable::No)]);
        world.drive(&steps(vec![json!({}); 3])).await;
        let result = world.result();
        assert_eq!((&result["completion_rate_percent"], &result["steps_total"]), (&rate, &json!(3)));
        assert_eq!(result["steps_executed"], (good_ones + 1).min(3));
        let finished = &world.events_named("run.finished")[0];
        assert_eq!(finished["completion_rate_percent"], rate);
    }
}
