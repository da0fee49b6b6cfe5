//! Every rule of the contract, with the values next to its bounds.

use super::*;
use crate::chain::{OnFailure, OnUnknown, Step};
use std::time::Duration;

#[test]
fn the_customers_message_is_accepted_as_it_stands() {
    let chain = checked(CUSTOMER).unwrap();
    assert_eq!(chain.chain_id.as_str(), "cust-data-sync-001");
    assert_eq!(chain.run_id, None);
    assert_eq!(chain.tenant, tenant("of-the-queue"));
    assert_eq!(chain.global_timeout, Duration::from_secs(120));
    let told = |step: &Step| {
        let call = step.call().unwrap();
        (step.id.to_string(), call.action.to_string(), call.timeout.as_secs(), step.on_failure)
    };
    assert_eq!(
        chain.steps.iter().map(told).collect::<Vec<_>>(),
        [
            ("step_0".into(), "da-fetch-customer-profile".into(), 20, OnFailure::Abort),
            ("step_1".into(), "da-validate-tier-eligibility".into(), 15, OnFailure::Continue),
            ("step_2".into(), "da-update-external-crm".into(), 30, OnFailure::Fallback),
        ]
    );
    assert_eq!(chain.steps[0].call().unwrap().payload.source()["fields"], json!(["name", "email", "tier"]));
    assert_eq!(chain.canonical, canonical(&serde_json::from_str(CUSTOMER).unwrap()));
}

#[test]
fn every_field_arrives() {
    let chain = checked(FULL).unwrap();
    assert_eq!(chain.run_id, RunId::parse("run:1").ok());
    assert_eq!(chain.tenant, tenant("north_west-1"));
    assert_eq!(chain.global_timeout, Duration::from_secs(900));
    assert_eq!(chain.expires_at, "2027-01-31T07:30:00Z".parse().ok());
    assert_eq!(chain.metadata.iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(), [("", ""), ("ticket", "T-1")]);
    let first = &chain.steps[0];
    let call = first.call().unwrap();
    assert_eq!((first.id.as_str(), call.timeout, call.max_attempts), ("first", Duration::from_secs(120), Some(10)));
    assert_eq!((first.on_failure, first.on_unknown, call.idempotent), (OnFailure::Continue, OnUnknown::Retry, true));
    assert_eq!(call.payload.source().to_string(), r#"{"n":[1,-0.5,9007199254740993,null,{"ä":"😀"}]}"#);
    assert_eq!(chain.steps[1].on_unknown, OnUnknown::Stop);
}

#[test]
fn what_is_absent_gets_its_default() {
    let chain = checked(r#"{"chain_id":"c","steps":[{"action_id":"a"}]}"#).unwrap();
    assert_eq!((chain.global_timeout, chain.expires_at), (Duration::from_secs(300), None));
    assert!(chain.metadata.is_empty());
    let step = &chain.steps[0];
    let call = step.call().unwrap();
    assert_eq!((step.id.as_str(), call.timeout, call.max_attempts), ("step_0", Duration::from_secs(30), None));
    assert_eq!((step.on_failure, step.on_unknown, call.idempotent), (OnFailure::Abort, OnUnknown::AsFailure, false));
    assert_eq!(call.payload.literal(), Some(&json!({})));
    assert_eq!(chain.canonical, r#"{"chain_id":"c","steps":[{"action_id":"a"}]}"#);
}

#[test]
fn values_within_the_rules_are_accepted() {
    let longest = "a".repeat(128);
    for (field, values) in [
        ("version", vec![json!(1)]),
        ("chain_id", vec![json!("A"), json!("..:_-9"), json!(longest)]),
        ("run_id", vec![json!("A"), json!(longest)]),
        ("tenant", vec![json!("a"), json!("_-0"), json!("a".repeat(63))]),
        ("max_depth", vec![json!(1), json!(25)]),
        ("global_timeout_seconds", vec![json!(60), json!(900)]),
        ("expires_at", vec![json!("1999-01-01T00:00:00Z")]),
        ("allow_repeated_actions", vec![json!(true), json!(false)]),
        ("metadata", vec![json!({}), json!({"${{ x }}": "${{ x }}"})]),
        ("steps/0/id", vec![json!("_"), json!("step_0"), json!("step_1"), json!("a".repeat(64))]),
        ("steps/0/action_id", vec![json!("0"), json!("a.b_c-d"), json!(longest)]),
        ("steps/0/payload", vec![json!({}), json!({"$ {{": "$ {{", "}}": "{{ a }}", "a": null})]),
        ("steps/0/mode", vec![json!("sync")]),
        ("steps/0/timeout_seconds", vec![json!(5), json!(120)]),
        ("steps/0/on_failure", vec![json!("abort"), json!("continue"), json!("fallback")]),
        ("steps/0/on_unknown", vec![json!("as_failure"), json!("retry"), json!("stop")]),
        ("steps/0/idempotent", vec![json!(true), json!(false)]),
        ("steps/0/retry", vec![json!({"max_attempts": 1}), json!({"max_attempts": 10})]),
    ] {
        for value in values {
            assert_eq!(faults(&with(field, Some(value.clone()))), [], "{field}: {value}");
        }
    }
}

#[test]
fn values_beyond_the_rules_are_refused_at_their_place() {
    let too_long = "a".repeat(129);
    let hostile = ["", "a/b", "../..", "a%2fb", "a\r\nb", "http://x", "a b", "ä", "a?b", "a#b", "a\0"].map(Value::from);
    let ids = |more: &[&str]| hostile.iter().cloned().chain(more.iter().map(|id| json!(id))).collect::<Vec<_>>();
    for (field, values) in [
        ("version", vec![json!(0), json!(2), json!(-1)]),
        ("chain_id", ids(&[&too_long])),
        ("run_id", ids(&[&too_long])),
        ("tenant", ids(&["A", "a__b", "a.b", &"a".repeat(64)])),
        ("max_depth", vec![json!(0), json!(26), json!(-1), json!(u64::MAX), json!(i64::MIN)]),
        ("global_timeout_seconds", vec![json!(59), json!(901), json!(0)]),
        ("expires_at", ids(&["2027-01-31", "2027-01-31 09:30:00Z", "2027-02-30T00:00:00Z", "2027-01-31T09:30:00"])),
        ("steps", vec![json!([])]),
        ("steps/0/id", ids(&["0a", "a-b", "a.b", &"a".repeat(65)])),
        ("steps/0/action_id", ids(&[".", "..", "-a", "_a", "a:b", &too_long])),
        ("steps/0/mode", vec![json!("async"), json!("SYNC"), json!("")]),
        ("steps/0/timeout_seconds", vec![json!(4), json!(121), json!(0), json!(-5)]),
        ("steps/0/on_failure", vec![json!("Abort"), json!("retry"), json!("")]),
        ("steps/0/on_unknown", vec![json!("abort"), json!("")]),
    ] {
        for value in values {
            let faults = faults(&with(field, Some(value.clone())));
            assert_eq!(faults.len(), 1, "{field}: {value}: {faults:?}");
            assert_eq!(faults[0].0, format!("/{field}"), "{value}");
        }
    }
}

#[test]
fn values_of_another_kind_are_refused_at_their_place() {
    let kinds =
        [json!(null), json!(true), json!(1), json!(5.0), json!(1e2), json!("5"), json!([]), json!([1]), json!({})];
    let (integer, text, flag): (&[usize], &[usize], &[usize]) = (&[2], &[5], &[1]);
    for (field, fitting) in [
        ("version", integer),
        ("chain_id", text),
        ("run_id", text),
        ("tenant", text),
        ("max_depth", integer),
        ("global_timeout_seconds", integer),
        ("expires_at", text),
        ("allow_repeated_actions", flag),
        ("metadata", &[8]),
        ("steps", &[6, 7]),
        ("steps/0/id", text),
        ("steps/0/action_id", text),
        ("steps/0/payload", &[8]),
        ("steps/0/mode", text),
        ("steps/0/timeout_seconds", integer),
        ("steps/0/on_failure", text),
        ("steps/0/on_unknown", text),
        ("steps/0/idempotent", flag),
        ("steps/0/retry", &[8]),
    ] {
        for (index, value) in kinds.iter().enumerate().filter(|(index, _)| !fitting.contains(index)) {
            let faults = faults(&with(field, Some(value.clone())));
            assert_eq!(faults.len(), 1, "{field}: {value}: {faults:?}");
            assert_eq!(faults[0].0, format!("/{field}"), "{value}");
            assert_eq!(faults[0].1 == "is null, which is not the same as absent", index == 0, "{field}: {value}");
        }
    }
}

#[test]
fn what_must_be_there_is_missed() {
    for field in ["chain_id", "steps", "steps/0/action_id"] {
        assert_eq!(faults(&with(field, None)), [(format!("/{field}"), "is missing".into())]);
    }
    insta::assert_snapshot!(said("{}"), @"
    1:1 /chain_id is missing (allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -)
    1:1 /steps is missing (allowed: 1 to 10 steps: max_depth is 10 unless given, and can be 25 at most)
    ");
    let within = |step: &str| said(format!(r#"{{"chain_id":"c","steps":[{{{step}}}]}}"#));
    insta::assert_snapshot!(within(""), @"1:26 /steps/0/action_id is missing (allowed: the id of an action; or, in its place, chain with a nested chain)");
    insta::assert_snapshot!(within(r#""chain":{}"#), @r"
    1:35 /steps/0/chain/chain_id is missing (allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -)
    1:35 /steps/0/chain/steps is missing (allowed: 1 to 25 steps: max_depth cannot be more)
    ");
    insta::assert_snapshot!(within(r#""action_id":"a","on_failure":"fallback","fallback":{}"#), @"1:78 /steps/0/fallback/action_id is missing (allowed: the id of an action; or, in its place, output with any value)");
    insta::assert_snapshot!(within(r#""action_id":"a","retry":{},"extract":{"x":{}}"#), @r#"
    1:51 /steps/0/retry/max_attempts is missing (allowed: an integer from 1 to 10)
    1:69 /steps/0/extract/x/path is missing (allowed: a JMESPath expression, seen from the output of the step)
    "#);
    assert_eq!(faults(&with("steps/0/retry", Some(json!({}))))[0].0, "/steps/0/retry/max_attempts");
}

#[test]
fn inner_objects_are_checked_too() {
    for (field, value, pointer) in [
        ("metadata", json!({"a": "x", "b/c": 1}), "/metadata/b~1c"),
        ("metadata", json!({"a": null}), "/metadata/a"),
        ("metadata", json!({"a": {"b": "c"}}), "/metadata/a"),
        ("steps/0/retry", json!({"max_attempts": 0}), "/steps/0/retry/max_attempts"),
        ("steps/0/retry", json!({"max_attempts": 11}), "/steps/0/retry/max_attempts"),
        ("steps/0/retry", json!({"max_attempts": 2.0}), "/steps/0/retry/max_attempts"),
        ("steps/0/retry", json!({"max_attempts": 2, "base": "2s"}), "/steps/0/retry/base"),
        ("steps", json!([{"action_id": "a"}, null]), "/steps/1"),
        ("steps", json!([{"action_id": "a"}, ["a"]]), "/steps/1"),
    ] {
        let faults = faults(&with(field, Some(value.clone())));
        assert_eq!(faults.len(), 1, "{value}: {faults:?}");
        assert_eq!(faults[0].0, pointer);
    }
}

#[test]
fn a_field_that_is_not_in_the_contract_is_never_ignored() {
    let body = r#"{"chain_id":"c","stepz":[],"steps":[{"action_id":"a","on_faliure":"abort","retry":{"max_attempts":2,"maxAttempts":2},"priority":1}]}"#;
    insta::assert_snapshot!(said(body), @"
    1:17 /stepz is not a field of a chain definition; did you mean steps? (allowed: version, chain_id, run_id, tenant, max_depth, global_timeout_seconds, expires_at, allow_repeated_actions, metadata, steps)
    1:54 /steps/0/on_faliure is not a field of a step; did you mean on_failure? (allowed: id, action_id, payload, mode, timeout_seconds, on_failure, on_unknown, idempotent, retry, fallback, when, extract, required_params, version_id, environment_context, execution_timeout_ms, chain)
    1:101 /steps/0/retry/maxAttempts is not a field of retry; did you mean max_attempts? (allowed: max_attempts)
    1:118 /steps/0/priority is not a field of a step (allowed: id, action_id, payload, mode, timeout_seconds, on_failure, on_unknown, idempotent, retry, fallback, when, extract, required_params, version_id, environment_context, execution_timeout_ms, chain)
    ");
}

fn steps(count: usize) -> Value {
    (0..count).map(|i| json!({"action_id": format!("a{i}")})).collect()
}

#[test]
fn there_are_at_most_max_depth_steps() {
    for (max_depth, count, fits) in [
        (None, 10, true),
        (None, 11, false),
        (Some(json!(1)), 1, true),
        (Some(json!(1)), 2, false),
        (Some(json!(25)), 25, true),
        (Some(json!(25)), 26, false),
    ] {
        let mut body = with("steps", Some(steps(count)));
        if let Some(max_depth) = max_depth {
            body["max_depth"] = max_depth;
        }
        let expected = if fits { vec![] } else { vec![("/steps".to_owned(), format!("has {count} steps"))] };
        assert_eq!(faults(&body), expected);
    }
    // The bound that holds is named with its value.
    let allowed = |max_depth: Option<u64>, count: usize| {
        let mut body = with("steps", Some(steps(count)));
        if let Some(max_depth) = max_depth {
            body["max_depth"] = max_depth.into();
        }
        checked(body.to_string()).unwrap_err().problems.list()[0].allowed.clone().unwrap_or_default()
    };
    assert_eq!(allowed(None, 11), "1 to 10 steps: max_depth is 10 unless given, and can be 25 at most");
    assert_eq!(allowed(Some(10), 11), "1 to 10 steps: max_depth is 10 here, and can be 25 at most");
    assert_eq!(allowed(Some(1), 2), "1 step: max_depth is 1 here, and can be 25 at most");
    assert_eq!(allowed(Some(25), 26), "1 to 25 steps: max_depth cannot be more");
    assert_eq!(allowed(Some(25), 0), "1 to 25 steps: max_depth cannot be more");
    // Held against an invalid limit, only the hard one counts.
    let mut body = with("steps", Some(steps(20)));
    body["max_depth"] = json!("20");
    assert_eq!(faults(&body).len(), 1);
}

#[test]
fn no_two_steps_have_one_id() {
    let ids = |ids: &[Option<&str>]| {
        let step = |(i, id): (usize, &Option<&str>)| match id {
            Some(id) => json!({"action_id": format!("a{i}"), "id": id}),
            None => json!({"action_id": format!("a{i}")}),
        };
        let body = with("steps", Some(ids.iter().enumerate().map(step).collect()));
        faults(&body).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[Some("a"), Some("b"), Some("A")]), [""; 0]);
    assert_eq!(ids(&[Some("a"), Some("b"), Some("a"), Some("a")]), ["/steps/2/id", "/steps/3/id"]);
    assert_eq!(ids(&[Some("step_1"), None]), ["/steps/0/id"]);
    assert_eq!(ids(&[None, Some("step_0")]), ["/steps/1/id"]);
    assert_eq!(ids(&[Some("step_1"), Some("step_0")]), [""; 0]);
    assert_eq!(ids(&[Some("step_0"), None]), [""; 0]);
    assert_eq!(ids(&[Some("step_00"), None]), [""; 0]);
}

#[test]
fn an_action_is_repeated_only_where_that_is_meant() {
    let body = |flag: Value| json!({"chain_id": "c", "allow_repeated_actions": flag, "steps": [{"action_id": "a"}, {"action_id": "b"}, {"action_id": "a"}]});
    assert_eq!(faults(&body(json!(true))), []);
    assert_eq!(faults(&body(json!(false)))[0].0, "/steps/2/action_id");
    assert_eq!(faults(&body(json!("yes"))).len(), 1, "nobody knows what was meant");
    let said = said(r#"{"chain_id":"c","steps":[{"action_id":"a"},{"action_id":"a"}]}"#);
    insta::assert_snapshot!(said, @"1:57 /steps/1/action_id is the same as /steps/0/action_id (allowed: each action once, unless allow_repeated_actions is true)");
}

#[test]
fn five_faults_are_five_problems_in_the_order_of_the_message() {
    let body = r#"{
  "chain_id": "no spaces",
  "global_timeout_seconds": 5.0,
  "steps": [
    {"payload": {"a": 1, "a": 2}, "action_id": "a", "on_faliure": "abort"},
    {"action_id": "b", "timeout_seconds": null}
  ]
}"#;
    insta::assert_snapshot!(said(body), @"
    2:15 /chain_id is not a valid name (allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -)
    3:29 /global_timeout_seconds is a number with a fraction or an exponent (allowed: an integer from 60 to 900)
    5:26 /steps/0/payload/a is given more than once
    5:53 /steps/0/on_faliure is not a field of a step; did you mean on_failure? (allowed: id, action_id, payload, mode, timeout_seconds, on_failure, on_unknown, idempotent, retry, fallback, when, extract, required_params, version_id, environment_context, execution_timeout_ms, chain)
    6:43 /steps/1/timeout_seconds is null, which is not the same as absent (allowed: an integer from 5 to 120)
    ");
}
