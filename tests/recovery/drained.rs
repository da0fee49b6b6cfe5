//! SIGTERM: exchanges in flight are finished, the rest of each chain is handed back between two, and the next worker goes on.

use std::time::{Duration, Instant};

use crate::support::load::{self, Load, taking, until};
use crate::support::{Broker, Hiccups, SOON, amqp};
use crate::{Ground, SimulatorSettings, chain, json, simulator};

const CALL: Duration = Duration::from_secs(1);

#[tokio::test]
async fn chains_are_handed_back_between_two_steps_and_the_next_worker_goes_on_at_the_next() {
    let ground = Ground::new(Broker::shared().await, taking(CALL, CALL)).await;
    // Ten seconds each, if they were finished.
    let load = Load::submit(&ground.stage, 20, 10).await;
    for answered in [30, 90] {
        let mut worker = ground.stage.worker().await;
        until(&ground.stage, |seen| seen.totals.answered >= answered && seen.totals.open > 0).await;
        let asked = Instant::now();
        worker.signal("TERM").await;
        assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
        assert!(asked.elapsed() < CALL * 5, "it took {:?}", asked.elapsed());
        let seen = ground.stage.simulator.calls().totals;
        assert_eq!((seen.open, seen.cut_off), (0, 0), "exchanges in flight are finished");
        ground.holds(20).await;
    }
    let left = ground.ends(20, ground.stage.worker().await).await;
    let calls = ground.stage.simulator.calls();
    assert_eq!((calls.totals.calls, calls.runs.len()), (load.calls(), 20));
    assert!(calls.ran_again().is_empty());
    for (run, left) in left {
        assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["success"; 10]), "{run}");
        let resumed = left.named("run.resumed");
        assert_eq!(resumed.len(), 2, "{run}");
        // The step after the last one that has an outcome by then.
        let known = left.events.iter().take_while(|event| event["event"] != "run.resumed");
        let known = known.filter(|event| event["event"] == "step.finished").count();
        assert_eq!(resumed[0]["from_step"], format!("step_{known}"), "{run}");
    }
}

#[tokio::test]
async fn a_job_under_way_is_handed_back_and_polled_on_by_the_next_worker() {
    let settings = SimulatorSettings { job_running: Duration::from_secs(8), ..simulator(&[]) };
    let mut ground = Ground::new(Broker::shared().await, settings).await;
    ground.stage.set("tenants.default.jobs.poll", "500ms");
    let mut definition = chain(&["da-job", "da-1"]);
    definition["steps"][0]["mode"] = json!("job");
    ground.submit(&definition, "run").await;
    let worker = ground.stage.worker().await;
    ground.stage.simulator.wait_until(|calls| calls.polls.answered >= 1).await;
    let asked = Instant::now();
    ground.stops(worker).await;
    assert!(asked.elapsed() < CALL * 5, "it took {:?}", asked.elapsed());
    ground.holds(1).await;
    let left = ground.ends_with_one(ground.stage.worker().await).await;
    assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["success"; 2]));
    assert_eq!(left.named("run.resumed")[0]["from_step"], "step_0");
    let calls = ground.stage.simulator.calls();
    assert_eq!((calls.jobs.submitted, calls.jobs.unknown, calls.totals.calls), (1, 0, 2));
}

#[tokio::test]
async fn a_chain_that_is_handed_back_over_and_over_is_not_given_up_for_that() {
    const TIMES: u64 = 7;
    let ground = Ground::new(Broker::shared().await, simulator(&["@token=slow:20s,times:7"])).await;
    ground.submit(&chain(&["da-0", "da-1"]), "run").await;
    for n in 1..=TIMES {
        // Without a token no run gets any further.
        let worker = ground.stage.worker().await;
        ground.stage.simulator.wait_until(|calls| calls.tokens.calls == n).await;
        ground.stops(worker).await;
        ground.holds(1).await;
    }
    let left = ground.ends_with_one(ground.stage.worker().await).await;
    assert_eq!((left.end(), left.named("run.resumed").len() as u64), (("completed", None), TIMES));
}

#[tokio::test]
async fn a_second_sigterm_leaves_at_once_and_loses_nothing() {
    let ground = Ground::new(Broker::shared().await, load::held()).await;
    ground.submit(&chain(&["da-0", "da-1"]), "run").await;
    let mut worker = ground.stage.worker().await;
    until(&ground.stage, |seen| seen.totals.open == 1).await;
    worker.signal("TERM").await;
    load::logs_again(&worker, "draining: no new runs", 0, SOON).await;
    let (asked, hiccups) = (Instant::now(), Hiccups::watch());
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 143, "{}", worker.log());
    assert!(asked.elapsed() < Duration::from_secs(1) + hiccups.total(), "it took {:?}", asked.elapsed());
    ground.stage.simulator.clear_faults();
    ground.holds(1).await;
    let left = ground.ends_with_one(ground.stage.worker().await).await;
    assert_eq!((left.end(), left.statuses()), (("completed", None), vec!["unknown", "success"]));
    assert_eq!(ground.stage.simulator.calls().totals.calls, 2, "what is unknown is not sent again");
    assert_eq!(amqp::depth(&ground.channel, &ground.stage.queue).await, 0);
}
