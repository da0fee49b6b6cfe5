//! Chains in chains: what holds for each, and what over the whole tree.

use serde_json::Map;

use super::*;
use crate::chain::{StepPath, Work};

/// A nested chain as a step.
fn nest(chain: Value) -> Value {
    Map::from_iter([("chain".to_owned(), chain)]).into()
}

fn call(action: &str) -> Value {
    json!({"action_id": action})
}

fn of(steps: Value) -> Value {
    chain("outer", steps)
}

fn inner(chain_id: &str, steps: Value) -> Value {
    nest(chain(chain_id, steps))
}

fn chain(chain_id: &str, steps: Value) -> Value {
    Map::from_iter([("chain_id".to_owned(), json!(chain_id)), ("steps".to_owned(), steps)]).into()
}

#[test]
fn what_becomes_of_an_unknown_outcome_can_be_said_beside_a_chain_too() {
    for word in ["as_failure", "retry", "stop"] {
        let mut step = inner("inner", json!([call("b")]));
        step["on_unknown"] = json!(word);
        assert_eq!(faults(&of(json!([step]))), [], "{word}");
    }
}

#[test]
fn a_nested_chain_is_part_of_the_tree() {
    let deep = inner("deepest", json!([call("d")]));
    let nested = json!({"id": "visit", "chain": {
        "version": 1, "chain_id": "inner", "global_timeout_seconds": 90, "max_depth": 3, "allow_repeated_actions": false,
        "steps": [{"id": "open", "action_id": "b"}, deep],
    }});
    let chain = checked(of(json!([call("a"), nested, call("c")])).to_string()).unwrap();
    assert_eq!(chain.steps_total(), 6, "each step, those around chains counted");
    let visit = StepPath::top(1);
    let Work::Chain(found) = &chain.step(&visit).unwrap().work else { panic!("a chain") };
    assert_eq!((found.chain_id.as_str(), found.global_timeout.map(|t| t.as_secs())), ("inner", Some(90)));
    let deepest = visit.child(1).child(0);
    assert_eq!((chain.step_id(&deepest).as_str(), deepest.to_string().as_str()), ("visit.step_1.step_0", "1.1.0"));
    assert_eq!(chain.level(Some(&visit.child(1))).unwrap().chain_id.as_str(), "deepest");
    assert_eq!(chain.step(&visit.child(7)), None);
    assert_eq!(deepest.parent(), Some(visit.child(1)));
    assert_eq!(visit.parent(), None);
}

#[test]
fn a_step_with_a_chain_has_nothing_of_a_call() {
    let mut step = inner("inner", json!([call("b")]));
    let fields = [
        ("action_id", json!("a")),
        ("payload", json!({})),
        ("mode", json!("job")),
        ("timeout_seconds", json!(5)),
        ("idempotent", json!(true)),
        ("retry", json!({"max_attempts": 1})),
        ("required_params", json!([])),
        ("version_id", json!("v1")),
        ("environment_context", json!({})),
        ("execution_timeout_ms", json!(1000)),
    ];
    for (name, value) in &fields {
        step[*name] = value.clone();
    }
    let mut pointers: Vec<String> = faults(&of(json!([step]))).into_iter().map(|(pointer, _)| pointer).collect();
    let mut expected: Vec<String> = fields.iter().map(|(name, _)| format!("/steps/0/{name}")).collect();
    pointers.sort();
    expected.sort();
    assert_eq!(pointers, expected);
}

#[test]
fn what_is_the_runs_is_the_outermost_chains() {
    let chain = |field: &str, value: Value| {
        let mut chain = json!({"chain_id": "inner", "steps": [call("b")]});
        chain[field] = value;
        faults(&of(json!([nest(chain)])))
    };
    for (field, value) in [
        ("version", json!(2)),
        ("run_id", json!("r")),
        ("expires_at", json!("2027-01-31T09:30:00Z")),
        ("metadata", json!({})),
        ("tenant", json!("another")),
        ("stepz", json!([])),
        ("global_timeout_seconds", json!(59)),
    ] {
        let found = chain(field, value);
        assert_eq!(found.len(), 1, "{field}: {found:?}");
        assert_eq!(found[0].0, format!("/steps/0/chain/{field}"));
    }
    assert_eq!(chain("tenant", json!("of-the-queue")), [], "the same tenant");
}

#[test]
fn problems_inside_have_their_place_inside() {
    let steps =
        json!([call("a"), inner("inner", json!([{"action_id": "..", "on_failure": "x"}, {"chain": {"steps": []}}]))]);
    let pointers: Vec<String> = faults(&of(steps)).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(
        pointers,
        [
            "/steps/1/chain/steps/0/action_id",
            "/steps/1/chain/steps/0/on_failure",
            "/steps/1/chain/steps/1/chain/chain_id",
            "/steps/1/chain/steps/1/chain/steps",
        ]
    );
}

#[test]
fn a_chain_inside_itself_is_circular() {
    let circular = |steps: Value| {
        faults(&of(steps)).into_iter().map(|(pointer, what)| format!("{pointer} {what}")).collect::<Vec<_>>().join("; ")
    };
    insta::assert_snapshot!(circular(json!([inner("outer", json!([call("a")]))])), @"/steps/0/chain/chain_id is circular: it is the name of a chain that this one lies in");
    insta::assert_snapshot!(
        circular(json!([inner("b", json!([inner("c", json!([inner("b", json!([call("a")]))]))]))])),
        @"/steps/0/chain/steps/0/chain/steps/0/chain/chain_id is circular: it is the name of a chain that this one lies in"
    );
    assert_eq!(
        circular(json!([inner("b", json!([call("a")])), inner("b", json!([call("c")]))])),
        "",
        "one after the other"
    );
}

#[test]
fn the_depth_counts_every_step_of_the_tree() {
    let calls = |from: usize, count: usize| (from..from + count).map(|n| call(&format!("a{n}"))).collect::<Vec<_>>();
    let tree = |max_depth: u64, inner_most: u64| {
        let nested = json!({"chain_id": "inner", "max_depth": inner_most, "steps": calls(0, 4)});
        let steps: Vec<Value> = [nest(nested)].into_iter().chain(calls(4, 3)).collect();
        faults(&json!({"chain_id": "outer", "max_depth": max_depth, "steps": steps}))
    };
    assert_eq!(tree(8, 4), []);
    assert_eq!(tree(7, 4), [("/steps".into(), "has 8 steps, nested ones counted".into())]);
    assert_eq!(tree(8, 3), [("/steps/0/chain/steps".into(), "has 4 steps".into())]);
    let many = json!({"chain_id": "outer", "max_depth": 25, "steps": [inner("inner", json!(calls(0, 25)))]});
    assert_eq!(faults(&many), [("/steps".into(), "has 26 steps, nested ones counted".into())]);
}

#[test]
fn an_action_is_in_the_tree_once_unless_the_chain_that_has_both_allows_it() {
    let twice = |outer: bool, middle: bool| {
        let nested =
            json!({"chain_id": "inner", "allow_repeated_actions": middle, "steps": [call("a"), call("b"), call("b")]});
        let body = json!({"chain_id": "outer", "allow_repeated_actions": outer, "steps": [call("a"), nest(nested)]});
        faults(&body).into_iter().map(|(pointer, what)| format!("{pointer} {what}")).collect::<Vec<_>>()
    };
    let across = "/steps/1/chain/steps/0/action_id is the same as /steps/0/action_id";
    let within = "/steps/1/chain/steps/2/action_id is the same as /steps/1/chain/steps/1/action_id";
    assert_eq!(twice(false, false), [across, within]);
    assert_eq!(twice(false, true), [across]);
    assert!(twice(true, false).is_empty(), "what holds for the whole holds for its parts");
    assert!(twice(true, true).is_empty());
}

#[test]
fn ids_are_each_chains_own() {
    let step = |id: &str, action: &str| json!({"id": id, "action_id": action});
    let inner_steps = json!([step("x", "b"), step("step_0", "c")]);
    assert_eq!(faults(&of(json!([step("x", "a"), inner("inner", inner_steps)]))), []);
    let same = faults(&of(json!([inner("inner", json!([step("x", "b"), step("x", "c")]))])));
    assert_eq!(same, [("/steps/0/chain/steps/1/id".into(), "is the same as /steps/0/chain/steps/0/id".into())]);
}

#[test]
fn the_deepest_tree_that_a_message_can_hold_is_walked() {
    let mut steps = json!([call("a")]);
    for level in 0..40 {
        steps = json!([inner(&format!("c{level}"), steps)]);
    }
    assert!(!faults(&of(steps)).is_empty(), "it is nested too deeply, or has too many steps, and nothing breaks");
}
