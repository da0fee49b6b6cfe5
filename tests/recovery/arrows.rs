//! A worker killed exactly at one arrow of a run, and another one that comes after it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Broker, Stage};
use crate::{Ground, Left, chain, simulator};

async fn killed_at(place: &str, definition: &Value) -> (Stage, Left) {
    let ground = Ground::held(Broker::shared().await, simulator(&[])).await;
    ground.submit(definition, "run").await;
    ground.dies_at(place).await;
    let left = ground.ends_with_one(ground.stage.worker().await).await;
    (ground.stage, left)
}

#[tokio::test]
async fn wherever_it_dies_known_steps_are_not_sent_again_and_there_is_one_result() {
    let places = ["claimed", "accepted", "intent:2", "sent:2", "outcome:2", "finished", "result_published", "settled"];
    let definition = chain(&["da-0", "da-1", "da-2"]);
    let runs = join_all(places.map(|place| killed_at(place, &definition))).await;
    for (place, (stage, left)) in places.into_iter().zip(runs) {
        assert_eq!(left.end(), ("completed", None), "{place}");
        let in_flight = ["intent:2", "sent:2"].contains(&place);
        let second = if in_flight { "unknown" } else { "success" };
        assert_eq!(left.statuses(), ["success", second, "success"], "{place}");
        let calls = stage.simulator.calls();
        let called = ["step_0", "step_1", "step_2"].map(|step| calls.step("run", step).calls);
        assert_eq!(called, [1, u64::from(place != "intent:2"), 1], "{place}");
        let resumed = left.named("run.resumed");
        // Of what is not accepted or is over there is nothing to be resumed.
        let goes_on = ["accepted", "intent:2", "sent:2", "outcome:2"].contains(&place);
        assert_eq!(resumed.len(), usize::from(goes_on), "{place}: {resumed:?}");
    }
}

#[tokio::test]
async fn the_same_bytes_come_again_under_the_same_ids_when_only_the_ack_is_missing() {
    let ground = Ground::new(Broker::shared().await, simulator(&[])).await;
    ground.submit(&chain(&["da-0"]), "run").await;
    ground.dies_at("settled").await;
    let first = ground.stage.results(&ground.channel, 1, crate::SOON).await.remove(0);
    let worker = ground.stage.worker().await;
    let again = ground.stage.results(&ground.channel, 1, crate::SOON).await.remove(0);
    assert_eq!((&again.raw, &again.routing_key), (&first.raw, &first.routing_key));
    assert_eq!(again.properties, first.properties);
    ground.stops(worker).await;
    assert_eq!(crate::amqp::depth(&ground.channel, &ground.stage.queue).await, 0, "it is acknowledged now");
    assert_eq!(ground.stage.simulator.calls().totals.calls, 1);
}

#[tokio::test]
async fn what_may_be_sent_again_is_and_says_so() {
    let mut definition = chain(&["da-0", "da-1"]);
    definition["steps"][1]["on_unknown"] = json!("retry");
    let (stage, left) = killed_at("sent:2", &definition).await;
    assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["success", "success"]));
    assert_eq!(left.named("step.finished")[1]["maybe_repeated"], true);
    let calls = stage.simulator.calls();
    assert_eq!([calls.step("run", "step_0").calls, calls.step("run", "step_1").calls], [1, 2]);
}

#[tokio::test]
async fn a_job_that_is_under_way_is_polled_on_and_not_submitted_again() {
    let mut definition = chain(&["da-0", "da-1", "da-2"]);
    definition["steps"][1]["mode"] = json!("job");
    let places = ["submitted", "polled"];
    for (place, (stage, left)) in places.into_iter().zip(join_all(places.map(|at| killed_at(at, &definition))).await) {
        assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["success"; 3]), "{place}");
        let calls = stage.simulator.calls();
        assert_eq!((calls.jobs.submitted, calls.jobs.unknown, calls.totals.calls), (1, 0, 3), "{place}");
        assert_eq!(left.named("run.resumed")[0]["from_step"], "step_1", "{place}");
    }
}
