//! The tenant's quota, through the whole worker, with the simulator's exact windows as the judge.

use std::time::Duration;

use cxchain::simulator::{Seen, SimulatorSettings};
use serde_json::{Value, json};

use crate::audit::of_kind;
use crate::support::{Broker, Hiccups, SOON, Stage, amqp};
use crate::{chain, events_until, nothing_is_left, simulator, step, submit, with};

/// 60 calls under ten a second, two of them at once.
const CHAINS: usize = 20;
const STEPS: usize = 3;

#[tokio::test]
async fn sixty_calls_under_ten_a_second_meet_no_429_and_use_the_quota_well() {
    let settings = SimulatorSettings { limits: vec!["10/1s".parse().unwrap()], ..simulator(&[]) };
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.limits", "[{limit = 10, per = \"1s\", burst = 2}]");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let steps: Vec<Value> = (0..STEPS).map(|n| step(&format!("da-{n}"))).collect();
    for run in 0..CHAINS {
        submit(&stage, &channel, &chain(&steps), &format!("run-{run}")).await;
    }
    let results = stage.distinct_results(&channel, CHAINS, SOON).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    assert!(results.values().all(|result| result["completion_rate_percent"] == 100));
    let calls = stage.simulator.calls();
    assert_eq!((calls.quota.accepted, calls.quota.throttled), (60, 0));
    assert!(calls.quota.windows[0].max <= 10, "{:?}", calls.quota);
    // After the burst, nine calls in a second and 20 ms of slack, so that with the burst there are never more than ten.
    let theory = Duration::from_millis(1020) / 9 * 58;
    let took = Duration::from_micros(calls.accepted_at_us[59] - calls.accepted_at_us[0]);
    assert!(took.mul_f64(0.8) <= theory, "60 calls took {took:?}; {theory:?} would do");
}

#[tokio::test]
async fn the_oldest_run_goes_first_so_that_chains_which_have_begun_get_done() {
    let mut stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    // Every step of a run is back at the gate long before the next permit is due.
    stage.set("tenants.default.limits", "[{limit = 1, per = \"1s\", burst = 1}]");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let definition = chain(&[step("da-x"), step("da-y"), step("da-z")]);
    let runs = ["oldest", "middle", "youngest"];
    submit(&stage, &channel, &definition, "oldest").await;
    stage.simulator.wait_until(|calls| calls.step("oldest", "step_0").accepted == 1).await;
    for run in ["middle", "youngest"] {
        submit(&stage, &channel, &definition, run).await;
    }
    let results = stage.results(&channel, 3, SOON).await;
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    let calls = stage.simulator.calls();
    let mut order: Vec<(u64, &str)> = Vec::new();
    for run in runs {
        for step in ["step_0", "step_1", "step_2"] {
            order.push((calls.step(run, step).accepted_at_us[0], run));
        }
    }
    order.sort_unstable();
    let order: Vec<&str> = order.into_iter().map(|(_, run)| run).collect();
    assert_eq!(order, [["oldest"; 3], ["middle"; 3], ["youngest"; 3]].concat());
    assert_eq!(results.iter().map(|result| result.body["run_id"].as_str().unwrap()).collect::<Vec<_>>(), runs);
}

#[tokio::test]
async fn a_429_pauses_the_whole_tenant_for_as_long_as_it_says() {
    for retry_after in ["retry-after:5", "retry-at:5"] {
        pauses(&format!("da-throttled=status:429,{retry_after},times:1")).await;
    }
}

/// Others are in the middle of a call when the 429 comes, and are done when the worker has noted it.
async fn pauses(throttled: &str) {
    const OTHERS: usize = 8;
    let stage = Stage::new(Broker::shared().await, simulator(&[throttled, "da-held=hang"])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for run in 0..OTHERS {
        let held = with(step("da-held"), &json!({"timeout_seconds": 120}));
        submit(&stage, &channel, &chain(&[held, step("da-next")]), &format!("other-{run}")).await;
    }
    stage.simulator.wait_until(|calls| calls.action("da-held").ran == OTHERS as u64).await;
    let hiccups = Hiccups::watch();
    let mut feed = stage.simulator.feed();
    submit(&stage, &channel, &chain(&[step("da-throttled")]), "throttled").await;
    let mut events = events_until(&stage, &channel, |event| event["event"] == "step.retried").await;
    let Some(Seen::Call(call)) = feed.next_now() else { panic!("the 429 is the first call to end") };
    assert_eq!((call.target.as_str(), call.status), ("da-throttled", Some(429)));
    stage.simulator.clear_faults();
    // One that comes while the pause is on waits as well.
    submit(&stage, &channel, &chain(&[step("da-late")]), "late").await;
    let results = stage.distinct_results(&channel, OTHERS + 2, SOON).await;
    events.extend(stage.events(&channel).await);
    nothing_is_left(&stage, &channel, worker).await;

    let calls = stage.simulator.calls();
    // The 429 was said between these two: its call's beginning and its end as the simulator noted them, in whole milliseconds.
    let (asked_at_us, said_at_us) = (call.at_ms * 1000, (call.at_ms + call.took_ms + 1) * 1000);
    let delay_ms = of_kind(&events, "step.retried")[0]["delay_ms"].as_u64().unwrap();
    assert!((5000..=6000).contains(&delay_ms), "{delay_ms}");
    let early = calls.accepted_at_us.iter().filter(|&&at| at > said_at_us && at < asked_at_us + 5_000_000).count();
    assert_eq!(early, 0, "calls in the pause that {throttled} asked for");
    let before = calls.accepted_at_us.iter().filter(|&&at| at <= said_at_us).count();
    assert_eq!(before, OTHERS + 1, "all of which were on their way when it began");
    assert_eq!(calls.totals.statuses.into_iter().collect::<Vec<_>>(), [(200, 2 * 8 + 2), (429, 1)]);
    for (run, result) in &results {
        assert_eq!(result["final_status"], "completed", "{run}: {result:#}");
        let step = result["aggregated_responses"].as_array().unwrap().last().unwrap();
        let waited = step["gate_wait_ms"].as_u64().unwrap();
        if run == "late" {
            // It has no clock before its turn is near.
            assert!(waited < 2_500, "{run} was accepted in the pause and waited {waited} ms at the gate");
        } else {
            assert!(waited > 0, "{run} did not wait at the gate");
        }
        let attempts = if run == "throttled" { json!(2) } else { json!(1) };
        assert_eq!(step["attempts"], attempts, "{run}");
    }
    let late_us = u64::try_from(hiccups.total().as_micros()).unwrap();
    let first = calls.accepted_at_us.iter().filter(|&&at| at > said_at_us).min().unwrap();
    assert!(*first <= said_at_us + 1000 * delay_ms + 750_000 + late_us, "the pause is not over when it should be");
}
