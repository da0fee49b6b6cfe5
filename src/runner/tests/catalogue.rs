//! What the catalogue knows of an action, while a run is under way: payloads that it does not allow are not sent, and what it
//! redacts is real for the run and masked for whoever looks at it.

use std::collections::BTreeMap;

use super::fakes::*;
use super::*;
use crate::chain::action::{PayloadSchema, Redaction};
use crate::chain::check::Offer;
use crate::chain::{ActionId, ActionRules, ErrorClass, Retryable};

pub(super) fn redacting(pointers: &[&str]) -> ActionRules {
    ActionRules { redaction: Redaction::new(pointers.iter().copied()).unwrap(), ..ActionRules::default() }
}

/// The chain of these steps, with rules for some actions.
pub(super) fn with(rules: impl IntoIterator<Item = (&'static str, ActionRules)>, steps: Value) -> Chain {
    let rules = rules.into_iter().map(|(id, rules)| (ActionId::parse(id).unwrap(), Arc::new(rules)));
    let offer = Offer { rules: rules.collect::<BTreeMap<_, _>>(), ..Offer::default() };
    let mut body = json!({"chain_id": "c", "allow_repeated_actions": true});
    body["steps"] = steps;
    let body = body.to_string();
    let submission = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant() };
    check(&submission, &Catalogue::offering([(tenant(), offer)])).unwrap()
}

/// Drives the run to its end. The tape knows steps by their place, and these have names of their own.
async fn drive(world: &World, chain: &Chain) {
    let run = world.claim(chain).await;
    let ended = Runner::new(world.ports.clone(), world.settings.clone()).drive(run).await;
    assert!(matches!(ended, Ended::Settled { .. }), "{ended:?}");
}

fn sent(world: &World, call: usize) -> Value {
    serde_json::from_slice(&world.actions.calls.lock().unwrap()[call].request.body).unwrap()
}

fn bad() -> Reply {
    failed(0, 400, ErrorClass::Validation, Retryable::No)
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_fit_when_it_is_rendered_is_not_sent() {
    let world = World::new();
    let schema = PayloadSchema::compile(json!({"properties": {"n": {"type": "integer", "maximum": 5}}})).ok();
    let rules = ActionRules { schema, required_params: vec!["n".into()], ..ActionRules::default() };
    let chain = with(
        [("b", rules)],
        json!([
            {"id": "a", "action_id": "a"},
            {"action_id": "b", "payload": {"n": "${{ steps.a.output.n }}"}, "on_failure": "continue"},
            {"action_id": "b", "payload": {"n": "${{ steps.a.output.none }}"}, "on_failure": "continue"},
            {"action_id": "b", "payload": {"n": "${{ steps.a.output.good }}"}},
        ]),
    );
    world.actions.reply([good_with(0, json!({"n": 4711, "good": 5}))]);
    drive(&world, &chain).await;
    assert_eq!((world.tape.count("send"), sent(&world, 1)), (2, json!({"n": 5})));
    let result = world.result();
    let told = |index: usize| {
        let step = &result["aggregated_responses"][index];
        assert_eq!((&step["error_classification"], &step["attempts"]), (&json!("VALIDATION"), &json!(0)));
        step["error_message"].as_str().unwrap().to_owned()
    };
    assert_eq!(told(1), "the payload does not fit the action's schema: /n is too large (allowed: at most 5)");
    assert_eq!(told(2), "the required parameter n is null");
}

#[tokio::test(start_paused = true)]
async fn later_steps_get_what_the_result_masks() {
    let world = World::new();
    let chain = with(
        [("fetch", redacting(&["/phone", "/cards/*/pan"]))],
        json!([
            {"id": "a", "action_id": "fetch", "extract": {
                "phone": "phone", "name": "name", "pans": "cards[].pan", "first": "cards[0]", "length": {"path": "length(phone)", "as": "integer"}}},
            {"id": "b", "action_id": "store", "payload": {"phone": "${{ steps.a.extracted.phone }}", "pan": "${{ steps.a.output.cards[0].pan }}"}},
        ]),
    );
    world
        .actions
        .reply([good_with(0, json!({"phone": "+49 4711", "name": "Ada", "cards": [{"pan": 1234, "open": true}]}))]);
    drive(&world, &chain).await;
    assert_eq!(sent(&world, 1), json!({"phone": "+49 4711", "pan": 1234}));
    let result = world.result();
    let first = &result["aggregated_responses"][0];
    assert_eq!(first["response_data"], json!({"phone": "***", "name": "Ada", "cards": [{"pan": "***", "open": true}]}));
    let extracted = json!({"phone": "***", "name": "Ada", "pans": "***", "first": "***", "length": "***"});
    assert_eq!((&first["extracted"], &result["outputs"]["a"]), (&extracted, &extracted));
    assert!(!result.to_string().contains("4711") && !result.to_string().contains("1234"), "{result}");
}

#[tokio::test(start_paused = true)]
async fn what_is_masked_is_masked_in_nested_chains_and_in_what_is_taken_out_of_them() {
    let world = World::new();
    let inner = json!({"chain_id": "inner", "allow_repeated_actions": true, "steps": [{"id": "x", "action_id": "fetch", "extract": {"phone": "phone"}}]});
    let middle = json!({"chain_id": "middle", "allow_repeated_actions": true, "steps": [
        {"id": "y", "chain": inner, "extract": {"deep": "outputs.x.phone", "status": "final_status"}}]});
    let chain = with(
        [("fetch", redacting(&["/phone"]))],
        json!([
            {"id": "z", "chain": middle, "extract": {"all": "aggregated_responses[0].response_data.aggregated_responses[0].response_data"}},
            {"action_id": "store", "payload": {"phone": "${{ steps.z.output.outputs.y.deep }}"}},
        ]),
    );
    world.actions.reply([good_with(0, json!({"phone": "+49 4711", "name": "Ada"}))]);
    drive(&world, &chain).await;
    assert_eq!(sent(&world, 1), json!({"phone": "+49 4711"}));
    let result = world.result();
    let nested = &result["aggregated_responses"][0]["response_data"];
    assert_eq!(nested["outputs"], json!({"y": {"deep": "***", "status": "completed"}}));
    assert_eq!(nested["aggregated_responses"][0]["response_data"]["outputs"], json!({"x": {"phone": "***"}}));
    assert_eq!(result["outputs"], json!({"z": {"all": "***"}}));
    assert!(!result.to_string().contains("4711"), "{result}");
    assert!(result.to_string().contains("Ada"), "{result}");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_has_the_redaction_of_its_own_action_and_an_output_that_of_all() {
    let world = World::new();
    let chain = with(
        [("fetch", redacting(&["/phone"])), ("other", redacting(&["/secret"]))],
        json!([
            {"id": "a", "action_id": "fetch"},
            {"id": "b", "action_id": "fetch", "on_failure": "fallback", "fallback": {"action_id": "other"}},
            {"id": "c", "action_id": "x", "on_failure": "fallback", "extract": {"n": "n", "k": "k"}, "fallback": {"output": {
                "t": "call ${{ steps.a.output.phone }} now", "n": "${{ steps.b.output.secret }}", "k": "${{ steps.b.output.phone }}", "kept": ["as it is", 1]}}},
            {"id": "d", "action_id": "y", "payload": {"n": "${{ steps.c.output.n }}"}},
        ]),
    );
    world.actions.reply([
        good_with(0, json!({"phone": "+49 4711"})),
        bad(),
        good_with(0, json!({"secret": 815815, "phone": "public"})),
        bad(),
    ]);
    drive(&world, &chain).await;
    assert_eq!(sent(&world, 4), json!({"n": 815_815}));
    let result = world.result();
    let data = |index: usize| &result["aggregated_responses"][index]["response_data"];
    assert_eq!(data(0), &json!({"phone": "***"}));
    assert_eq!(data(1), &json!({"secret": "***", "phone": "public"}));
    // What an expression makes of a value can hide it from any search, so all that expressions made is masked.
    assert_eq!(data(2), &json!({"t": "***", "n": "***", "k": "***", "kept": ["as it is", 1]}));
    assert_eq!(result["outputs"]["c"], json!({"n": "***", "k": "***"}));
}

/// A chain in a chain in a chain, each of which extracts: every step is covered once, not once for each that looks at it.
#[tokio::test(start_paused = true)]
async fn covering_a_deep_tree_takes_no_time_to_speak_of() {
    let world = World::new();
    let mut step = json!({"id": "s", "action_id": "fetch", "extract": {"phone": "phone"}});
    for depth in 0..18 {
        let chain = json!({"chain_id": format!("c{depth}"), "max_depth": 25, "steps": [step]});
        step = json!({"id": "s", "chain": chain, "extract": {"status": "final_status"}});
    }
    let rules = ActionId::parse("fetch").map(|id| (id, Arc::new(redacting(&["/phone"]))));
    let offer = Offer { rules: BTreeMap::from_iter(rules), ..Offer::default() };
    let body = json!({"chain_id": "c", "max_depth": 25, "steps": [step]}).to_string();
    let submission = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant() };
    let chain = check(&submission, &Catalogue::offering([(tenant(), offer)])).unwrap();
    world.actions.reply([good_with(0, json!({"phone": "4711"}))]);
    let started = std::time::Instant::now();
    drive(&world, &chain).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(!world.result().to_string().contains("4711"));
}
