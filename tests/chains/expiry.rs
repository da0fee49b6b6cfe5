//! Definitions that are not to be started any more, and what is echoed of them.

use cxchain::ports::{Clock as _, SystemClock};
use serde_json::json;

use crate::audit::{self, millis};
use crate::support::{Broker, Hiccups, SOON, Stage, amqp};
use crate::{chain, events_until, nothing_is_left, simulator, step, submit, with};

#[tokio::test]
async fn a_definition_that_has_expired_ends_without_a_call_and_with_its_metadata() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let metadata = json!({"ticket": "T-1", "häppy": "ünïcode \u{1f600}", "empty": ""});
    let expired = json!({"expires_at": "2020-02-29T23:59:59.5+02:00", "metadata": metadata});
    let definition = with(chain(&[step("da-x"), step("da-y")]), &expired);
    submit(&stage, &channel, &definition, "too-late").await;
    let caught = stage.results(&channel, 1, SOON).await.remove(0);
    let events = stage.events(&channel).await;

    let result = &caught.body;
    assert_eq!(caught.routing_key, "default.expired");
    assert_eq!(result["audit_head"], audit::linked(&definition, "too-late", "too-late", &events));
    assert_eq!(events.len(), 2, "accepted and finished");
    assert_eq!(result["final_status"], "expired");
    assert_eq!((&result["reason"]["code"], &result["reason"]["step_id"]), (&json!("expired"), &json!(null)));
    assert_eq!((&result["steps_total"], &result["steps_executed"]), (&json!(2), &json!(0)));
    assert_eq!((&result["completion_rate_percent"], &result["aggregated_responses"]), (&json!(0), &json!([])));
    assert_eq!((&result["audit_log"], &result["outputs"]), (&json!([]), &json!({})));
    assert_eq!(result["metadata"], metadata);
    assert!(!events.iter().any(|event| String::from_utf8_lossy(&event.raw).contains("T-1")), "metadata in an event");

    let in_time = json!({"expires_at": "2999-12-31T23:59:59Z", "metadata": metadata});
    submit(&stage, &channel, &with(chain(&[step("da-x")]), &in_time), "in-time").await;
    let result = stage.result(&channel).await;
    assert_eq!((&result["final_status"], &result["metadata"]), (&json!("completed"), &metadata));
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;
    let calls = stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.step("in-time", "step_0").calls), (1, 1));
}

#[tokio::test]
async fn waiting_at_the_gate_is_not_a_start_but_a_call_is() {
    let rules = ["da-throttled=status:429,retry-after:5,times:1", "da-slow=slow:1s"];
    let stage = Stage::new(Broker::shared().await, simulator(&rules)).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let hiccups = Hiccups::watch();
    let soon = SystemClock.now() + jiff::SignedDuration::from_secs(3);
    let expires = json!({"expires_at": soon.to_string()});
    let begun = with(chain(&[step("da-slow"), step("da-next")]), &expires);
    let waits = with(chain(&[step("da-first"), step("da-next")]), &expires);

    submit(&stage, &channel, &begun, "begun").await;
    stage.simulator.wait_until(|calls| calls.action("da-slow").ran == 1).await;
    submit(&stage, &channel, &chain(&[step("da-throttled")]), "throttled").await;
    let mut events = events_until(&stage, &channel, |event| event["event"] == "step.retried").await;
    submit(&stage, &channel, &waits, "waits").await;
    let results = stage.distinct_results(&channel, 3, SOON).await;
    events.extend(stage.events(&channel).await);
    nothing_is_left(&stage, &channel, worker).await;

    let events = audit::by_run(events);
    assert_eq!(results["waits"]["final_status"], "expired", "{:#}", results["waits"]);
    assert_eq!(results["waits"]["audit_head"], audit::linked(&waits, "waits", "waits", &events["waits"]));
    assert_eq!(stage.simulator.calls().step("waits", "step_0").calls, 0);
    let late = millis(&results["waits"]["finished_at"]) - soon.as_millisecond();
    assert!(
        (0..=250 + hiccups.total().as_millis()).contains(&u128::try_from(late).unwrap()),
        "it ends when it expires, not {late} ms later"
    );
    assert_eq!(results["begun"]["final_status"], "completed");
    assert!(millis(&results["begun"]["finished_at"]) > soon.as_millisecond(), "no test of anything");
}
