//! Plans of small chains, figure by figure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::chain::check::{Catalogue, Submission, check};
use crate::chain::run::{After, OpenStep, Room, after, may_be_sent_again};
use crate::chain::{ActionId, ErrorClass, StepPath, Verdict};

fn terms() -> Terms {
    let window = |limit, per, interval| Window {
        limit,
        per: Duration::from_secs(per),
        interval: Duration::from_millis(interval),
    };
    Terms {
        max_attempts: 4,
        poll: Duration::from_secs(3),
        windows: vec![window(10, 1, 100), window(100, 60, 600)],
        actions: BTreeMap::new(),
    }
}

fn chain(body: &Value) -> Chain {
    let tenant = TenantName::parse("north").unwrap();
    let body = body.to_string();
    let submission = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant };
    check(&submission, &Catalogue::any()).unwrap_or_else(|rejection| panic!("{rejection}"))
}

/// The plan of a chain with these steps and a clock of 120 s.
fn plan(steps: &Value) -> Plan {
    Plan::of(&chain(&json!({"chain_id": "c", "global_timeout_seconds": 120, "steps": steps})), &terms())
}

fn nested(id: &str, clock: Option<u64>, steps: &Value) -> Value {
    let mut chain = json!({"chain_id": format!("chain-{id}"), "steps": steps});
    if let Some(clock) = clock {
        chain["global_timeout_seconds"] = clock.into();
    }
    json!({"id": id, "chain": chain})
}

fn step(id: &str, timeout: u64) -> Value {
    json!({"id": id, "action_id": format!("da-{id}"), "timeout_seconds": timeout})
}

fn with(mut step: Value, fields: &Value) -> Value {
    step.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    step
}

#[test]
fn the_steps_of_a_nested_chain_follow_the_step_that_they_lie_in() {
    let inner = nested("b", None, &json!([step("x", 5), step("y", 5)]));
    let plan = plan(&json!([step("p", 5), nested("a", None, &json!([inner, step("z", 5)])), step("q", 5)]));
    let ids: Vec<&str> = plan.all_steps().map(|stage| stage.id.as_str()).collect();
    assert_eq!(ids, ["p", "a", "a.b", "a.b.x", "a.b.y", "a.z", "q"]);
}

#[test]
fn the_time_is_that_of_all_steps_with_their_fallbacks() {
    let falls_back = json!({"on_failure": "fallback", "fallback": {"action_id": "da-other", "timeout_seconds": 15}});
    let output = json!({"on_failure": "fallback", "fallback": {"output": null}});
    let plan = plan(&json!([step("a", 20), with(step("b", 30), &falls_back), with(step("c", 55), &output)]));
    assert_eq!(
        plan.time,
        Time { at_most: Duration::from_secs(120), clock: Some(Duration::from_secs(120)), cut_at: None }
    );
}

#[test]
fn the_clock_can_cut_off_the_first_step_that_it_does_not_cover() {
    let at = |steps: Value| plan(&steps).time.cut_at;
    assert_eq!(at(json!([step("a", 60), step("b", 60)])), None);
    assert_eq!(at(json!([step("a", 60), step("b", 61), step("c", 5)])).as_deref(), Some("b"));
    let falls_back = json!({"on_failure": "fallback", "fallback": {"action_id": "da-other", "timeout_seconds": 5}});
    assert_eq!(at(json!([step("a", 60), with(step("b", 60), &falls_back)])).as_deref(), Some("b"));
    let inner = nested("n", None, &json!([step("x", 50), step("y", 50)]));
    assert_eq!(at(json!([step("a", 60), inner, step("c", 5)])).as_deref(), Some("n.y"));
    let falls_back = with(nested("n", None, &json!([step("x", 50)])), &falls_back);
    assert_eq!(at(json!([step("a", 70), falls_back])).as_deref(), Some("n"), "its fallback, not its steps");
}

#[test]
fn a_nested_chain_lasts_no_longer_than_its_own_clock() {
    let plan = plan(&json!([nested("n", Some(60), &json!([step("x", 50), step("y", 50)])), step("a", 60)]));
    assert_eq!((plan.time.at_most, plan.time.cut_at.clone()), (Duration::from_secs(120), None));
    let Task::Chain { time, .. } = &plan.steps[0].task else { panic!("a chain") };
    assert_eq!((time.at_most, time.bounded()), (Duration::from_secs(100), Duration::from_secs(60)));
    assert_eq!(time.cut_at.as_deref(), Some("n.y"));
}

#[test]
fn requests_are_counted_from_the_least_to_the_most() {
    let count = |steps: Value| {
        let Calls { least, smooth, most } = plan(&steps).requests;
        (least, smooth, most)
    };
    assert_eq!(count(json!([step("a", 5)])), (1, 1, 4), "the tenant's attempts");
    assert_eq!(count(json!([with(step("a", 5), &json!({"retry": {"max_attempts": 1}}))])), (1, 1, 1));
    let falls_back = json!({"on_failure": "fallback", "fallback": {"action_id": "da-other"}});
    assert_eq!(count(json!([with(step("a", 5), &falls_back)])), (1, 1, 8), "the fallback has attempts of its own");
    let output = json!({"on_failure": "fallback", "fallback": {"output": 1}});
    assert_eq!(count(json!([with(step("a", 5), &output)])), (1, 1, 4), "an output is no request");
    assert_eq!(count(json!([nested("n", None, &json!([step("x", 5), step("y", 5)])), step("a", 5)])), (3, 3, 12));
}

#[test]
fn a_job_is_submitted_and_then_polled_until_its_time_is_over() {
    for (timeout, polls) in [(5, 2), (6, 2), (7, 3), (120, 40), (900, 300)] {
        let plan = plan(&json!([with(step("a", timeout), &json!({"mode": "job"}))]));
        let Task::Call(call) = &plan.steps[0].task else { panic!("a call") };
        assert_eq!((call.job, call.polls), (true, polls), "{timeout} s");
        assert_eq!(plan.requests, Calls { least: 2, smooth: 2, most: 4 + polls });
    }
}

#[test]
fn the_slowest_limit_says_how_many_runs_there_are() {
    let plan = plan(&json!([step("a", 5), step("b", 5)]));
    assert_eq!(plan.rates.requests_per_minute, 100.0);
    assert_eq!((plan.rates.runs_per_minute, plan.rates.runs_per_minute_at_worst), (50.0, 12.5));
}

#[test]
fn an_action_with_limits_of_its_own_can_be_what_holds_runs_back() {
    let falls_back = json!({"on_failure": "fallback", "fallback": {"action_id": "da-slow"}});
    let steps = json!([step("a", 5), step("b", 5), with(step("c", 5), &falls_back)]);
    let chain = chain(&json!({"chain_id": "c", "steps": steps}));
    let rates = |action: &str, interval: u64| {
        let window = Window { limit: 1, per: Duration::from_secs(1), interval: Duration::from_secs(interval) };
        let actions = BTreeMap::from([(ActionId::parse(action).unwrap(), vec![window])]);
        let Rates { runs_per_minute, runs_per_minute_at_worst, narrowest, .. } =
            Plan::of(&chain, &Terms { actions, ..terms() }).rates;
        (runs_per_minute, runs_per_minute_at_worst, narrowest.map(|action| action.to_string()))
    };
    let tenants = (33.33, 6.25, None);
    assert_eq!(rates("da-unused", 60), tenants);
    assert_eq!(rates("da-a", 1), tenants, "60 a minute are enough for it");
    assert_eq!(rates("da-a", 6), (10.0, 2.5, Some("da-a".into())), "4 attempts at worst");
    assert_eq!(rates("da-slow", 6), (33.33, 2.5, None), "a fallback is not called when all goes well");
}

#[test]
fn a_lost_call_is_sent_again_only_where_its_author_says_so() {
    let lost = |fields: Value| plan(&json!([with(step("a", 5), &fields)])).steps[0].if_lost;
    let fallback = json!({"output": 1});
    for (fields, expected) in [
        (json!({}), Lost::Unknown(Then::Ends)),
        (json!({"on_failure": "continue"}), Lost::Unknown(Then::GoesOn)),
        (json!({"on_failure": "fallback"}), Lost::Unknown(Then::GoesOn)),
        (json!({"on_failure": "fallback", "fallback": fallback}), Lost::Unknown(Then::FallsBack)),
        (json!({"on_failure": "continue", "on_unknown": "stop"}), Lost::Unknown(Then::Ends)),
        (json!({"on_unknown": "retry"}), Lost::RepeatedRegardless),
        (json!({"idempotent": true}), Lost::Repeated),
        (json!({"idempotent": true, "on_unknown": "stop"}), Lost::Repeated),
        (json!({"idempotent": true, "retry": {"max_attempts": 2}}), Lost::Repeated),
        (json!({"idempotent": true, "retry": {"max_attempts": 1}}), Lost::RepeatedIfWorkerDied(Then::Ends)),
        (
            json!({"idempotent": true, "retry": {"max_attempts": 1}, "on_failure": "continue"}),
            Lost::RepeatedIfWorkerDied(Then::GoesOn),
        ),
        (
            json!({"idempotent": true, "retry": {"max_attempts": 1}, "on_failure": "continue", "on_unknown": "stop"}),
            Lost::RepeatedIfWorkerDied(Then::Ends),
        ),
        (
            json!({"on_unknown": "retry", "retry": {"max_attempts": 1}}),
            Lost::RepeatedRegardlessIfWorkerDied(Then::Ends),
        ),
        (json!({"retry": {"max_attempts": 1}}), Lost::Unknown(Then::Ends)),
    ] {
        assert_eq!(lost(fields.clone()), Some(expected), "{fields}");
    }
    assert_eq!(plan(&json!([nested("n", None, &json!([step("x", 5)]))])).steps[0].if_lost, None);
}

#[test]
fn as_json_a_fallback_says_what_becomes_of_it_when_it_is_lost() {
    let falls_back = json!({"on_failure": "fallback", "fallback": {"action_id": "da-other"}, "on_unknown": "stop"});
    let plan = plan(&json!([with(step("a", 5), &falls_back)]));
    let fallback = &json!(plan)["steps"][0]["fallback"]["call"];
    assert_eq!((&fallback["action_id"], &fallback["if_lost"]), (&json!("da-other"), &json!({"unknown": "ends"})));
}

/// An attempt whose answer was lost is one of those that a step has; one whose worker died costs it none.
#[test]
fn what_a_plan_says_of_lost_calls_is_what_a_run_does() {
    let room = Room { left: Duration::from_secs(5), delay: Duration::from_secs(1), max_attempts: 4 };
    let broken = Verdict::Unknown { class: ErrorClass::Network };
    for (fields, sent_again) in [
        (json!({"idempotent": true}), true),
        (json!({"on_unknown": "retry"}), true),
        (json!({"idempotent": true, "retry": {"max_attempts": 1}}), false),
        (json!({"on_unknown": "retry", "retry": {"max_attempts": 1}}), false),
        (json!({}), false),
    ] {
        let chain = chain(&json!({"chain_id": "c", "steps": [with(step("a", 5), &fields)]}));
        let told = Plan::of(&chain, &terms()).steps[0].if_lost;
        let (step, open) = (&chain.steps[0], OpenStep::new(StepPath::top(0)));
        let again = |room| matches!(after(step, &open, broken, room), After::Retry { .. });
        assert_eq!(matches!(told, Some(Lost::Repeated | Lost::RepeatedRegardless)), sent_again, "{fields}");
        assert_eq!(again(room), sent_again, "{fields}");
        assert!(!again(Room { left: Duration::ZERO, ..room }), "its time is over: {fields}");
        assert_eq!(
            may_be_sent_again(step, &open),
            !matches!(told, Some(Lost::Unknown(_))),
            "its worker died: {fields}"
        );
    }
}

/// Who uses whose data, and for what.
fn uses(plan: &Plan) -> Vec<String> {
    let told = |stage: &Stage, used: &Use| format!("{} ← {} {:?}", stage.id, used.step, used.place);
    plan.all_steps().flat_map(|stage| stage.uses.iter().map(move |used| told(stage, used))).collect()
}

#[test]
fn a_plan_tells_whose_data_each_step_uses() {
    let first = with(step("a", 5), &json!({"extract": {"name": "customer.name", "age": "customer.age"}}));
    let second = with(
        step("b", 5),
        &json!({
            "when": "steps.a.extracted.age > `18` && steps.a.status == 'success'",
            "payload": {"x": ["${{ steps.a.output }}", {"y": "an ${{ steps.a.extracted.name }}"}]},
            "on_failure": "fallback",
            "fallback": {"output": "${{ steps.a.output }}"},
        }),
    );
    let plan = plan(&json!([first, second]));
    assert_eq!(uses(&plan), ["b ← a When", "b ← a Payload", "b ← a Fallback"]);
    assert_eq!(plan.steps[0].extracts, ["age", "name"]);
    assert_eq!(plan.steps[1].when.as_deref(), Some("steps.a.extracted.age > `18` && steps.a.status == 'success'"));
}

#[test]
fn a_name_means_the_step_of_the_innermost_chain_that_has_it() {
    let payload = |names: &[&str]| {
        let values: Vec<String> = names.iter().map(|name| format!("${{{{ steps.{name}.output }}}}")).collect();
        json!({"payload": {"all": values}})
    };
    let inner = nested("n", None, &json!([step("a", 5), with(step("x", 5), &payload(&["a", "b"]))]));
    let plan = plan(&json!([
        step("b", 5),
        with(step("a", 5), &json!({"action_id": "da-outer"})),
        inner,
        with(step("last", 5), &payload(&["n", "a"]))
    ]));
    assert_eq!(uses(&plan), ["n.x ← n.a Payload", "n.x ← b Payload", "last ← a Payload", "last ← n Payload"]);
}

#[test]
fn a_step_with_a_condition_may_make_no_request_at_all() {
    let plan = plan(&json!([step("a", 5), with(step("b", 5), &json!({"when": "steps.a.output"}))]));
    assert_eq!(plan.requests, Calls { least: 1, smooth: 2, most: 8 });
}

#[test]
fn as_json_a_plan_has_seconds_and_names() {
    let plan = plan(&json!([with(step("a", 5), &json!({"mode": "job"}))]));
    insta::assert_json_snapshot!(plan, @r#"
    {
      "chain_id": "c",
      "tenant": "north",
      "steps": [
        {
          "id": "a",
          "action_id": "da-a",
          "job": true,
          "timeout_seconds": 5,
          "attempts": 4,
          "polls": 2,
          "idempotent": false,
          "extracts": [],
          "uses": [],
          "on_failure": "abort",
          "if_lost": {
            "unknown": "ends"
          }
        }
      ],
      "time": {
        "at_most_seconds": 5,
        "clock_seconds": 120
      },
      "requests": {
        "least": 2,
        "smooth": 2,
        "most": 6
      },
      "rates": {
        "limits": [
          {
            "limit": 10,
            "per_seconds": 1,
            "interval_seconds": 0.1
          },
          {
            "limit": 100,
            "per_seconds": 60,
            "interval_seconds": 0.6
          }
        ],
        "requests_per_minute": 100.0,
        "runs_per_minute": 50.0,
        "runs_per_minute_at_worst": 16.67
      }
    }
    "#);
}
