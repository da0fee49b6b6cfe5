//! Steps that are jobs, and parameters that must be there.

use std::time::Duration;

use super::*;
use crate::chain::{JobOptions, Mode};

fn job(extra: &Value) -> Value {
    let mut step = json!({"action_id": "a", "mode": "job"});
    step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!({"chain_id": "c", "steps": [step]})
}

#[test]
fn a_job_has_defaults_of_its_own() {
    let chain = checked(job(&json!({})).to_string()).unwrap();
    let step = chain.steps[0].call().unwrap();
    assert_eq!(step.timeout, Duration::from_secs(120));
    let options = JobOptions {
        version_id: None,
        environment_context: BTreeMap::new(),
        execution_timeout: Duration::from_secs(30),
    };
    assert_eq!(step.mode, Mode::Job(options));
}

#[test]
fn a_job_may_say_everything_that_is_a_jobs() {
    let body = job(&json!({
        "version_id": "v1.2_b-3", "environment_context": {"region": "US", "": ""}, "execution_timeout_ms": 60_000,
        "timeout_seconds": 900,
    }));
    let chain = checked(body.to_string()).unwrap();
    let step = chain.steps[0].call().unwrap();
    let Mode::Job(options) = &step.mode else { panic!("{:?}", step.mode) };
    assert_eq!(options.version_id.as_deref(), Some("v1.2_b-3"));
    assert_eq!(options.environment_context["region"], "US");
    assert_eq!(options.execution_timeout, Duration::from_secs(60));
    assert_eq!(step.timeout, Duration::from_secs(900));
}

#[test]
fn what_is_a_jobs_is_refused_in_sync_mode() {
    for (field, value) in [
        ("version_id", json!("v1")),
        ("environment_context", json!({})),
        ("execution_timeout_ms", json!(30_000)),
        ("version_id", json!(null)),
    ] {
        for mode in [None, Some(json!("sync"))] {
            let mut body = with(&format!("steps/0/{field}"), Some(value.clone()));
            if let Some(mode) = mode {
                body["steps"][0]["mode"] = mode;
            }
            assert_eq!(faults(&body), [(format!("/steps/0/{field}"), "belongs to a job".into())]);
        }
    }
    insta::assert_snapshot!(said(r#"{"chain_id":"c","steps":[{"action_id":"a","version_id":"v1"}]}"#), @"1:56 /steps/0/version_id belongs to a job (allowed: only with mode: job)");
}

#[test]
fn a_jobs_fields_have_their_bounds() {
    for (field, value) in [
        ("version_id", json!("1")),
        ("version_id", json!("v")),
        ("version_id", json!("v/../x")),
        ("version_id", json!("v".repeat(65))),
        ("version_id", json!(1)),
        ("environment_context", json!(["a"])),
        ("execution_timeout_ms", json!(999)),
        ("execution_timeout_ms", json!(60_001)),
        ("execution_timeout_ms", json!(1000.5)),
        ("timeout_seconds", json!(4)),
        ("timeout_seconds", json!(901)),
    ] {
        let faults = faults(&job(&json!({field: value})));
        assert_eq!(faults.len(), 1, "{field} {value}: {faults:?}");
        assert_eq!(faults[0].0, format!("/steps/0/{field}"));
    }
    let context = faults(&job(&json!({"environment_context": {"a/b": 1, "c": null}})));
    let pointers: Vec<_> = context.into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/steps/0/environment_context/a~1b", "/steps/0/environment_context/c"]);
    for version in [format!("v{}", "1".repeat(63)), "v1".into()] {
        assert_eq!(faults(&job(&json!({"version_id": version}))), []);
    }
}

#[test]
fn what_is_passed_on_as_it_is_holds_no_expression() {
    let context = json!({"region": "${{ chain.tenant }}", "at ${{ x }}": "so ${{", "fine": "$ {{ }}"});
    let body = json!({"chain_id": "c", "steps": [{"action_id": "a", "environment_context": context, "mode": "job"}]});
    insta::assert_snapshot!(said(body.to_string()), @r"
    1:70 /steps/0/environment_context/at ${{ x }} has an expression, which would be sent as it is written (allowed: plain texts; expressions stand in payload, when, fallback.payload and fallback.output only)
    1:84 /steps/0/environment_context/at ${{ x }} has an expression, which would be sent as it is written (allowed: plain texts; expressions stand in payload, when, fallback.payload and fallback.output only)
    1:116 /steps/0/environment_context/region has an expression, which would be sent as it is written (allowed: plain texts; expressions stand in payload, when, fallback.payload and fallback.output only)
    ");
    let mut sync = job(&json!({"environment_context": {"a": "${{ x }}"}}));
    sync["steps"][0]["mode"] = json!("sync");
    assert_eq!(faults(&sync), [("/steps/0/environment_context".into(), "belongs to a job".into())]);
}

#[test]
fn of_a_mode_that_is_none_nothing_else_is_held_against_the_step() {
    let body = json!({"chain_id": "c", "steps": [
        {"action_id": "a", "mode": "batch", "version_id": "v1", "timeout_seconds": 600}
    ]});
    assert_eq!(faults(&body), [("/steps/0/mode".into(), "is not an allowed value".into())]);
}

#[test]
fn required_parameters_must_be_in_the_payload() {
    let of = |payload: Value, required: Value| {
        faults(&json!({"chain_id": "c", "steps": [
            {"action_id": "a", "payload": payload, "required_params": required}
        ]}))
    };
    assert_eq!(of(json!({"a": 1, "b": null}), json!(["a", "b"])), [], "a null fails the step, not the definition");
    assert_eq!(of(json!({"a": 1}), json!([])), []);
    let absent = "is not in the payload".to_owned();
    assert_eq!(
        of(json!({"a": {"c": 1}}), json!(["a", "b", "c"])),
        [("/steps/0/required_params/1".into(), absent.clone()), ("/steps/0/required_params/2".into(), absent.clone())]
    );
    assert_eq!(
        faults(&with("steps/0/required_params", Some(json!(["a"])))),
        [("/steps/0/required_params/0".into(), absent)]
    );
    for (required, pointer) in [
        (json!("a"), "/steps/0/required_params"),
        (json!(null), "/steps/0/required_params"),
        (json!(["a", 1]), "/steps/0/required_params/1"),
        (json!(["a", ""]), "/steps/0/required_params/1"),
        (json!(["a", "a"]), "/steps/0/required_params/1"),
        (json!(vec!["a"; 101]), "/steps/0/required_params"),
    ] {
        let faults = of(json!({"a": 1}), required.clone());
        assert_eq!(faults.len(), 1, "{required}: {faults:?}");
        assert_eq!(faults[0].0, pointer);
    }
    // Of a payload that is none, nobody can say what it lacks.
    assert_eq!(of(json!([]), json!(["a"])).len(), 1);
}
