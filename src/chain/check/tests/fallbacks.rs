//! What may take a step's place.

use super::*;
use crate::chain::{Fallback, Mode, OnFailure};

fn falling_back(fallback: Value) -> Value {
    let mut body = json!({"chain_id": "c", "steps": [{"action_id": "a", "on_failure": "fallback"}]});
    body["steps"][0]["fallback"] = fallback;
    body
}

fn fallback(fallback: Value) -> Fallback {
    checked(falling_back(fallback).to_string()).unwrap().steps[0].fallback.clone().unwrap()
}

#[test]
fn another_call_has_the_defaults_of_a_call() {
    let Fallback::Call(call) = fallback(json!({"action_id": "b"})) else { panic!("a call") };
    assert_eq!((call.action.as_str(), call.timeout.as_secs(), call.idempotent), ("b", 30, false));
    assert_eq!((call.payload.literal(), &call.mode), (Some(&json!({})), &Mode::Sync));
    let Fallback::Call(call) = fallback(json!({"action_id": "b", "payload": {"n": 1}, "timeout_seconds": 5})) else {
        panic!("a call")
    };
    assert_eq!((call.payload.literal(), call.timeout.as_secs()), (Some(&json!({"n": 1})), 5));
}

#[test]
fn an_output_is_any_value() {
    for output in [json!(null), json!(0), json!("x"), json!([1, {}]), json!({"a": {"b": null}})] {
        let Fallback::Output(template) = fallback(json!({"output": output})) else { panic!("an output") };
        assert_eq!(template.literal(), Some(&output));
    }
}

#[test]
fn expressions_of_a_fallback_are_checked_as_the_steps_own() {
    for (fallback, place) in [
        (json!({"output": {"x": ["${{ steps.nobody }}"]}}), "output/x/0"),
        (json!({"output": "${{ steps.step_0.output }}"}), "output"),
        (json!({"action_id": "b", "payload": {"x": "${{ steps.nobody }}"}}), "payload/x"),
    ] {
        let found = faults(&falling_back(fallback));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, format!("/steps/0/fallback/{place}"));
    }
}

#[test]
fn a_fallback_is_one_of_the_two() {
    let at = |fallback: Value| faults(&falling_back(fallback));
    let missing = |what: &str| (format!("/steps/0/fallback/{what}"), "is missing".to_owned());
    assert_eq!(at(json!({})), [missing("action_id")]);
    assert_eq!(at(json!({"payload": {}})), [missing("action_id")]);
    let both = at(json!({"output": 1, "action_id": "b", "timeout_seconds": 5}));
    assert_eq!(
        both.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
        ["/steps/0/fallback/action_id", "/steps/0/fallback/timeout_seconds"]
    );
    for beside in ["payload", "timeout_seconds"] {
        let mut fallback = json!({"output": null});
        fallback[beside] = json!({});
        assert_eq!(at(fallback)[0].0, format!("/steps/0/fallback/{beside}"));
    }
    assert_eq!(at(json!({"action_id": "b", "timeout_seconds": 121})).len(), 1);
    assert_eq!(at(json!({"action_id": "b", "retry": {}}))[0].0, "/steps/0/fallback/retry");
    assert_eq!(at(json!("b")), [("/steps/0/fallback".into(), "is a string".into())]);
    assert_eq!(at(json!(null)).len(), 1);
}

#[test]
fn a_fallback_that_would_never_act_is_a_problem() {
    for on_failure in [None, Some("abort"), Some("continue")] {
        let mut body = falling_back(json!({"output": 1}));
        let step = body["steps"][0].as_object_mut().unwrap();
        step.remove("on_failure");
        step.extend(on_failure.map(|given| ("on_failure".to_owned(), json!(given))));
        assert_eq!(faults(&body), [("/steps/0/fallback".into(), "would never be used".into())], "{on_failure:?}");
    }
    let mut misspelt = falling_back(json!({"output": 1}));
    misspelt["steps"][0]["on_failure"] = json!("falback");
    assert_eq!(faults(&misspelt).len(), 1, "only what is wrong");
}

#[test]
fn what_fallbacks_call_is_not_repeated_by_that() {
    let mut body = falling_back(json!({"action_id": "a"}));
    let another = json!({"action_id": "b", "on_failure": "fallback", "fallback": {"action_id": "a"}});
    body["steps"].as_array_mut().unwrap().push(another);
    assert_eq!(faults(&body), []);
}

#[test]
fn the_directive_alone_is_well() {
    let chain = checked(r#"{"chain_id":"c","steps":[{"action_id":"a","on_failure":"fallback"}]}"#).unwrap();
    assert_eq!((chain.steps[0].on_failure, &chain.steps[0].fallback), (OnFailure::Fallback, &None));
}
