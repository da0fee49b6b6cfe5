//! What the configuration knows of an action: the defaults of a step, and the demands on its payload.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::chain::action::{Method, Misfit, NoJob, PathTemplate, PayloadSchema, Query};
use crate::chain::{ActionId, ActionRules, Fallback, Mode, Operation};

fn action(id: &str) -> ActionId {
    ActionId::parse(id).unwrap()
}

/// The catalogue of the queue's tenant.
fn catalogue(only: bool, rules: impl IntoIterator<Item = (&'static str, ActionRules)>) -> Catalogue {
    let rules = rules.into_iter().map(|(id, rules)| (action(id), Arc::new(rules))).collect();
    Catalogue::offering([(tenant("of-the-queue"), Offer { rules, only, no_job: None })])
}

/// A signal to a contact, as ACD has it.
fn signal() -> ActionRules {
    ActionRules {
        required_params: vec!["contactId".into(), "p1".into()],
        path: PathTemplate::parse("/interactions/{contactId}/signal").ok(),
        schema: PayloadSchema::compile(json!({
            "properties": {"p1": {"type": "string", "maxLength": 4}, "list": {"type": "array", "items": {"type": "integer"}}},
            "required": ["p1", "p2"],
        }))
        .ok(),
        ..ActionRules::default()
    }
}

fn one(step: Value) -> String {
    let mut chain = json!({"chain_id": "c"});
    chain["steps"] = Value::Array(vec![step]);
    chain.to_string()
}

fn operation(catalogue: &Catalogue, step: Value) -> Operation {
    let chain = checked_as(one(step), None, catalogue).unwrap();
    chain.steps[0].call().unwrap().clone()
}

fn problems(catalogue: &Catalogue, step: Value) -> String {
    checked_as(one(step), None, catalogue).err().map(|rejection| rejection.problems.to_string()).unwrap_or_default()
}

fn job() -> ActionRules {
    ActionRules { job: true, idempotent: true, timeout: Some(Duration::from_secs(600)), ..ActionRules::default() }
}

#[test]
fn what_a_step_leaves_open_is_the_actions() {
    let catalogue = catalogue(false, [("a", job())]);
    let usual = operation(&catalogue, json!({"action_id": "a", "version_id": "v2"}));
    let Mode::Job(options) = &usual.mode else { panic!("no job") };
    assert_eq!(options.version_id.as_deref(), Some("v2"));
    assert_eq!((usual.timeout, usual.idempotent), (Duration::from_secs(600), true));
    assert!(usual.rules.is_some());

    let other = operation(&catalogue, json!({"action_id": "b"}));
    assert_eq!((other.mode, other.timeout, other.idempotent), (Mode::Sync, Duration::from_secs(30), false));
    assert!(other.rules.is_none());
}

#[test]
fn what_a_step_says_goes_before_its_action() {
    let catalogue = catalogue(false, [("a", job())]);
    let step = json!({"action_id": "a", "mode": "sync", "idempotent": false, "timeout_seconds": 7});
    let own = operation(&catalogue, step);
    assert_eq!((own.mode, own.timeout, own.idempotent), (Mode::Sync, Duration::from_secs(7), false));
    // A clock for a job is longer than any that a sync call can have.
    assert_eq!(operation(&catalogue, json!({"action_id": "a", "mode": "sync"})).timeout, Duration::from_secs(120));
    insta::assert_snapshot!(problems(&catalogue, json!({"action_id": "a", "mode": "sync", "version_id": "v1", "timeout_seconds": 121})), @r"
    1:75 /steps/0/timeout_seconds is out of bounds (allowed: an integer from 5 to 120)
    1:92 /steps/0/version_id belongs to a job (allowed: only with mode: job)
    ");
}

#[test]
fn a_fallback_has_its_own_actions_defaults() {
    let catalogue = catalogue(false, [("b", ActionRules { required_params: vec!["x".into()], ..job() })]);
    let fallback = |payload: Value| json!({"action_id": "a", "on_failure": "fallback", "fallback": {"action_id": "b", "payload": payload}});
    let chain = checked_as(one(fallback(json!({"x": 1}))), None, &catalogue).unwrap();
    let Some(Fallback::Call(call)) = &chain.steps[0].fallback else { panic!("no call") };
    assert!(matches!(call.mode, Mode::Job(_)));
    assert_eq!(
        (call.timeout, call.idempotent, &*call.required_params),
        (Duration::from_secs(600), true, &["x".to_owned()][..])
    );
    insta::assert_snapshot!(problems(&catalogue, fallback(json!({}))), @"1:81 /steps/0/fallback/payload has no x, which its action requires (allowed: a payload with x)");
}

#[test]
fn required_names_add_up() {
    let catalogue = catalogue(
        false,
        [("a", ActionRules { required_params: vec!["x".into(), "y".into()], ..ActionRules::default() })],
    );
    let step = json!({"action_id": "a", "payload": {"x": null, "y": 1, "z": 2}, "required_params": ["z", "x"]});
    assert_eq!(operation(&catalogue, step).required_params, ["z", "x", "y"]);
    insta::assert_snapshot!(problems(&catalogue, json!({"action_id": "a"})), @r"
    1:26 /steps/0/payload has no x, which its action requires (allowed: a payload with x, y)
    1:26 /steps/0/payload has no y, which its action requires (allowed: a payload with x, y)
    ");
    insta::assert_snapshot!(problems(&catalogue, json!({"action_id": "a", "payload": {"y": 1}})), @"1:53 /steps/0/payload has no x, which its action requires (allowed: a payload with x, y)");
}

#[test]
fn every_violation_of_a_schema_is_a_problem_at_its_place() {
    let catalogue = catalogue(false, [("signal", signal())]);
    let payload = json!({"contactId": 4711, "p1": "CANARY", "p2": 1, "list": [1, "CANARY"]});
    insta::assert_snapshot!(problems(&catalogue, json!({"action_id": "signal", "payload": payload})), @r"
    1:86 /steps/0/payload/list/1 is of another type (allowed: integer)
    1:101 /steps/0/payload/p1 is too long (allowed: at most 4 characters)
    ");
    insta::assert_snapshot!(problems(&catalogue, json!({"action_id": "signal"})), @r"
    1:26 /steps/0/payload has no contactId, which its action requires (allowed: a payload with contactId, p1)
    1:26 /steps/0/payload has no p1, which its action requires (allowed: a payload with contactId, p1)
    1:26 /steps/0/payload has no p2 (allowed: an object with p2: the schema of the action requires it)
    ");
    assert_eq!(
        problems(&catalogue, json!({"action_id": "signal", "payload": {"contactId": 4711, "p1": "x", "p2": 1}})),
        ""
    );
}

#[test]
fn what_an_expression_will_be_is_checked_when_it_is_known() {
    let catalogue = catalogue(false, [("signal", signal())]);
    let step = |p1: &str| json!({"action_id": "signal", "payload": {"contactId": "${{ chain.run_id }}", "p1": p1, "p2": 1, "list": [""]}});
    assert_eq!(problems(&catalogue, step("${{ chain.run_id }}")), "");
    // One that is wrong has one problem.
    insta::assert_snapshot!(problems(&catalogue, step("${{ chain.run_id")), @"1:111 /steps/0/payload/p1 begins an expression with ${{ that does not end (allowed: }} outside of the quotes and braces of the expression)");
    let rules = operation(&catalogue, step("${{ chain.run_id }}")).rules.unwrap();
    let rendered = json!({"contactId": "r", "p1": "CANARY", "list": ["CANARY", "CANARY"]});
    insta::assert_snapshot!(rules.check_payload(rendered.as_object().unwrap()).unwrap_err(), @"the payload does not fit the action's schema: it has no p2; and 3 more");
    assert_eq!(rules.check_payload(json!({"p1": "x", "p2": null}).as_object().unwrap()), Ok(()));
}

#[test]
fn a_value_that_cannot_be_in_the_path_is_a_problem() {
    let catalogue = catalogue(false, [("signal", ActionRules { schema: None, ..signal() })]);
    for value in [
        json!(null),
        json!([1]),
        json!({}),
        json!(["${{ chain.run_id }}"]),
        json!(""),
        json!(".."),
        json!("a/../CANARY"),
        json!("CANARY\n"),
        json!("CANARY".repeat(90)),
    ] {
        let said = problems(&catalogue, json!({"action_id": "signal", "payload": {"p1": 1, "contactId": value}}));
        assert!(
            said.contains("/steps/0/payload/contactId") && said.contains("it goes into the path"),
            "{value}: {said}"
        );
        assert!(!said.contains("CANARY"), "{said}");
    }
}

#[test]
fn a_value_that_cannot_be_in_the_query_is_a_problem() {
    let query = Query::Names(vec!["q".into(), "p".into()]);
    let named = ActionRules { query, ..ActionRules::default() };
    let rest = ActionRules { query: Query::Rest, path: PathTemplate::parse("/{p}").ok(), ..ActionRules::default() };
    let catalogue = catalogue(false, [("named", named), ("rest", rest)]);
    let step = |action: &str, q: &Value| json!({"action_id": action, "payload": {"p": "x", "q": q, "body": 1}});
    for action in ["named", "rest"] {
        for (value, place, what) in [
            (json!({}), "q", "is an object"),
            (json!({"a": "${{ chain.run_id }}"}), "q", "is an object"),
            (json!(["${{ chain.run_id }}", {"CANARY": 1}]), "q/1", "is an object"),
            (json!(["CANARY", ["CANARY"]]), "q/1", "is a list in a list"),
        ] {
            let said = problems(&catalogue, step(action, &value));
            let wanted =
                format!("/steps/0/payload/{place} {what}: it goes into the query (allowed: {})", Misfit::ALLOWED);
            assert!(said.ends_with(&wanted) && !said.contains('\n') && !said.contains("CANARY"), "{value}: {said}");
        }
        for value in [json!(null), json!([]), json!(["a", null, 1, true]), json!("${{ chain.run_id }}"), json!(0.5)] {
            assert_eq!(problems(&catalogue, step(action, &value)), "", "{value}");
        }
    }
    assert_eq!(problems(&catalogue, json!({"action_id": "named", "payload": {"body": {"a": [[1]]}}})), "");
}

/// What a request cannot be as long as is told before it is made, as far as the payload is known.
#[test]
fn a_query_that_is_too_long_is_a_problem_where_it_is_sure() {
    let path = |text: &str| PathTemplate::parse(text).ok();
    let rules = [
        ("read", ActionRules { query: Query::Rest, path: path("/read/{id}"), ..ActionRules::default() }),
        ("write", ActionRules { query: Query::Names(vec!["q".into()]), path: path("/w"), ..ActionRules::default() }),
    ];
    let catalogue = catalogue(false, rules);
    let said = |action: &str, payload: Value| problems(&catalogue, json!({"action_id": action, "payload": payload}));
    let told = "/steps/0/payload makes a path and query of more than 8192 bytes (allowed: at most 8192 bytes for both, percent-encoded)";
    // "/read/7" and "q=".
    let fits = 8192 - 7 - 2;
    assert_eq!(said("read", json!({"id": 7, "q": "x".repeat(fits)})), "");
    for payload in [
        json!({"id": 7, "q": "x".repeat(fits + 1)}),
        json!({"id": 7, "q": "x".repeat(fits - 2), "r": ""}),
        json!({"id": 7, "q": "ü".repeat(fits / 6 + 1)}),
        json!({"id": 7, "q": vec!["x".repeat(80); 100]}),
        json!({"id": 7, "q": vec![json!("x".repeat(9000)), json!("${{ chain.run_id }}")]}),
        json!({"id": "${{ chain.run_id }}", "q": "x".repeat(9000), "r": "${{ chain.run_id }}"}),
        json!({"id": 7, "q": "x".repeat(900_000)}),
    ] {
        let said = said("read", payload);
        assert!(said.ends_with(told) && !said.contains('\n'), "{said}");
    }
    assert!(said("write", json!({"q": "x".repeat(9000)})).ends_with(told));
    for payload in [
        // What an expression comes to is known in the run only.
        json!({"id": "${{ chain.run_id }}", "q": "x".repeat(fits + 7)}),
        json!({"id": 7, "q": format!("${{{{ chain.run_id }}}}{}", "x".repeat(9000))}),
        json!({"id": 7, "q": null}),
    ] {
        assert_eq!(said("read", payload), "");
    }
    assert_eq!(said("write", json!({"body": "x".repeat(9000)})), "");
}

#[test]
fn a_step_cannot_make_a_job_of_an_action_that_can_be_none() {
    let none = |why| ActionRules { no_job: Some(why), ..ActionRules::default() };
    let rules = [
        ("read", none(NoJob::Method(Method::Get))),
        ("export", none(NoJob::PollPath)),
        ("query", none(NoJob::Path)),
        ("fine", ActionRules::default()),
    ];
    let catalogue = catalogue(false, rules);
    let job = |action: &str| json!({"action_id": action, "mode": "job"});
    insta::assert_snapshot!(problems(&catalogue, job("read")), @"1:53 /steps/0/mode asks for a job, which the action cannot be: it is called by GET, which has no body to submit (allowed: sync; job where the method under tenants.NAME.actions is POST, PUT or PATCH)");
    insta::assert_snapshot!(problems(&catalogue, job("export")), @"1:55 /steps/0/mode asks for a job, which the action cannot be: its path has places, so where the job would be asked after is not known (allowed: sync; job where tenants.NAME.actions has a poll_path for the action)");
    insta::assert_snapshot!(problems(&catalogue, job("query")), @"1:54 /steps/0/mode asks for a job, which the action cannot be: the tenant's API has no place for the jobs of every action (allowed: sync; job where tenants.NAME.actions has a path for the action)");
    assert_eq!(problems(&catalogue, job("fine")), "");
    assert_eq!(problems(&catalogue, json!({"action_id": "read", "mode": "sync"})), "");
    assert_eq!(problems(&catalogue, json!({"action_id": "read"})), "");
    // Of a mode that is none, nothing else is said.
    assert!(!problems(&catalogue, json!({"action_id": "read", "mode": "CANARY"})).contains("asks for"));
    // An action that nothing is configured of, where the API has no jobs of its own.
    assert_eq!(problems(&catalogue, job("unheard-of")), "");
    let offer = Offer { no_job: Some(NoJob::Path), ..Offer::default() };
    let genesys = Catalogue::offering([(tenant("of-the-queue"), offer)]);
    assert!(problems(&genesys, job("unheard-of")).contains("/steps/0/mode asks for a job"));
    assert_eq!(problems(&genesys, json!({"action_id": "unheard-of"})), "");
    assert_eq!(problems(&genesys.trusting(), job("unheard-of")), "");
}

#[test]
fn what_is_not_in_the_catalogue_is_an_operation_only_where_the_api_has_one_for_all() {
    let rules = || [("start-script", ActionRules::default()), ("signal", ActionRules::default())];
    assert_eq!(problems(&catalogue(false, rules()), json!({"action_id": "start-scirpt"})), "");
    let only = catalogue(true, rules());
    insta::assert_snapshot!(problems(&only, json!({"action_id": "start-scirpt", "version_id": "v1", "timeout_seconds": 900})), @"1:39 /steps/0/action_id is not an action of this tenant; did you mean start-script? (allowed: one of those under tenants.NAME.actions)");
    insta::assert_snapshot!(problems(&only, json!({"action_id": "a", "on_failure": "fallback", "fallback": {"action_id": "b"}})), @r"
    1:39 /steps/0/action_id is not an action of this tenant (allowed: one of those under tenants.NAME.actions)
    1:67 /steps/0/fallback/action_id is not an action of this tenant (allowed: one of those under tenants.NAME.actions)
    ");
    assert_eq!(problems(&only, json!({"action_id": "signal"})), "");
    // Of a tenant that is none, no actions are known.
    let elsewhere = json!({"chain_id": "c", "tenant": "other", "steps": [{"action_id": "a"}]}).to_string();
    assert_eq!(checked_as(elsewhere, None, &only).unwrap_err().problems.total(), 1);
}

#[test]
fn the_actions_of_a_nested_chain_are_the_same_tenants() {
    let only = catalogue(true, [("signal", signal())]);
    let nested = json!({"chain": {"chain_id": "d", "steps": [{"action_id": "signal"}, {"action_id": "other"}]}});
    insta::assert_snapshot!(problems(&only, nested), @r"
    1:60 /steps/0/chain/steps/0/payload has no contactId, which its action requires (allowed: a payload with contactId, p1)
    1:60 /steps/0/chain/steps/0/payload has no p1, which its action requires (allowed: a payload with contactId, p1)
    1:60 /steps/0/chain/steps/0/payload has no p2 (allowed: an object with p2: the schema of the action requires it)
    1:96 /steps/0/chain/steps/1/action_id is not an action of this tenant (allowed: one of those under tenants.NAME.actions)
    ");
}

#[test]
fn what_was_accepted_once_stays_readable_under_any_configuration() {
    let accepted = [
        json!({"action_id": "a", "version_id": "v1", "timeout_seconds": 900, "environment_context": {"x": "y"}}),
        json!({"action_id": "a", "mode": "job", "timeout_seconds": 900}),
        json!({"action_id": "a", "timeout_seconds": 900}),
        json!({"action_id": "a", "payload": {"contactId": "..", "p1": "too long"}}),
        json!({"action_id": "a", "payload": {"contactId": null, "p1": {}}}),
        json!({"action_id": "b", "on_failure": "fallback", "fallback": {"action_id": "a", "timeout_seconds": 900}}),
        json!({"chain": {"chain_id": "d", "steps": [{"action_id": "a", "execution_timeout_ms": 1000, "timeout_seconds": 600}]}}),
    ];
    // What a job, a path and a query cannot have, under other rules.
    let refusing = ActionRules { no_job: Some(NoJob::PollPath), query: Query::Rest, ..signal() };
    let rules: [BTreeMap<ActionId, Arc<ActionRules>>; 4] = [
        BTreeMap::new(),
        BTreeMap::from([(action("a"), Arc::new(job())), (action("b"), Arc::default())]),
        BTreeMap::from([(action("a"), Arc::new(refusing)), (action("b"), Arc::default())]),
        BTreeMap::from([(action("signal"), Arc::default())]),
    ];
    let first = catalogue(true, [("a", job()), ("b", ActionRules::default())]);
    for step in &accepted {
        assert_eq!(problems(&first, step.clone()), "", "it has to be accepted once");
    }
    for rules in rules {
        for only in [false, true] {
            let offer = Offer { rules: rules.clone(), only, no_job: Some(NoJob::Path) };
            for later in [Catalogue::offering([(tenant("of-the-queue"), offer)]), Catalogue::new([]), Catalogue::any()]
            {
                let later = later.require_run_id(true).trusting();
                for step in &accepted {
                    assert_eq!(problems(&later, step.clone()), "", "{step}");
                }
            }
        }
    }
}

#[test]
fn what_was_accepted_for_a_tenant_stays_readable_when_its_queue_is_anothers() {
    let nested = json!({"chain_id": "d", "tenant": "of-the-queue", "steps": [{"action_id": "a"}]});
    let body = json!({"chain_id": "c", "steps": [{"chain": nested}]}).to_string();
    assert!(checked(&body).is_ok(), "it has to be accepted once");
    let told = |catalogue: &Catalogue| {
        let elsewhere = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant("another") };
        check(&elsewhere, catalogue).map_err(|rejection| rejection.problems.to_string())
    };
    insta::assert_snapshot!(told(&Catalogue::any()).unwrap_err(), @"1:88 /steps/0/chain/tenant is not the tenant of the outermost chain (allowed: the same tenant, or none)");
    assert!(told(&Catalogue::any().trusting()).is_ok());
}

#[test]
fn what_was_accepted_as_a_job_stays_one_as_far_as_it_says_so_itself() {
    let later = catalogue(true, [("a", ActionRules::default())]).trusting();
    assert!(matches!(operation(&later, json!({"action_id": "a", "version_id": "v1"})).mode, Mode::Job(_)));
    assert_eq!(operation(&later, json!({"action_id": "a"})).mode, Mode::Sync);
}
