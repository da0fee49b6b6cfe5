//! `prefetch = "auto"`, and chains that wait for their turn.

use super::*;
use crate::support::{Broker, Hiccups};

/// Of these calls the time is taken.
const CALLS: usize = 70;
/// After its burst of two: 10 calls a second with the slack, less the burst.
const INTERVAL: Duration = Duration::from_nanos(113_333_334);

#[tokio::test]
async fn auto_makes_use_of_nine_tenths_of_the_quota_with_calls_of_two_seconds() {
    let _alone = QUIET.write().await;
    let limits = "[{limit = 10, per = \"1s\", burst = 2}]";
    let strict = SimulatorSettings { limits: vec!["10/1s".parse().unwrap()], ..taking(Duration::from_secs(2)) };
    let mut stage = Stage::new(Broker::shared().await, strict).await;
    let queues = format!("[{{name = \"{}\"}}]", stage.queue);
    stage.set("queues", &queues).set("tenants.default.limits", limits).set("tenants.default.max_concurrent", "50");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit(&channel, &stage.queue, &chain(3), "run", 100).await;
    let hiccups = Hiccups::watch();
    let mut worker = stage.worker().await;
    let log = worker.log();
    assert!(log.contains("prefetch=89"), "what the limits finish in ten seconds is logged: {log}");
    assert!(log.contains("open files"), "{log}");

    let calls = stage.simulator.wait_until(|calls| calls.accepted_at_us.len() >= CALLS).await;
    let at = &calls.accepted_at_us[..CALLS];
    // What the machine stood still is nobody's use of the quota.
    let took = Duration::from_micros(at[CALLS - 1] - at[0]).saturating_sub(hiccups.total());
    let theory = INTERVAL * u32::try_from(CALLS - 2).unwrap();
    eprintln!(
        "{CALLS} calls in {took:?}, {theory:?} are possible: {:.1} %",
        100.0 * theory.as_secs_f64() / took.as_secs_f64()
    );
    assert!(took.mul_f64(0.9) <= theory, "{CALLS} calls took {took:?}; {theory:?} would do");
    assert_eq!(calls.quota.throttled, 0);
    drained(&mut worker).await;
}

/// Twelve times as many as the gate serves within a chain's time; in the long version all of them come to their end.
#[tokio::test]
async fn chains_that_wait_for_their_turn_have_all_of_their_time_before_them() {
    let _busy = QUIET.read().await;
    const CHAINS: usize = 700;
    let mut stage = Stage::new(Broker::shared().await, taking(Duration::from_millis(100))).await;
    let queues = format!("[{{name = \"{}\", prefetch = {CHAINS}}}]", stage.queue);
    stage.set("queues", &queues).set("tenants.default.limits", "[{limit = 10, per = \"1s\", burst = 2}]");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let mut definition = chain(1);
    definition["global_timeout_seconds"] = 60.into();
    submit(&channel, &stage.queue, &definition, "run", CHAINS).await;
    let mut worker = stage.worker().await;
    let long = std::env::var_os("CXCHAIN_PROOF").is_some();
    let (count, within) = if long { (CHAINS, Duration::from_secs(150)) } else { (50, SOON) };
    let results = stage.distinct_results(&channel, count, within).await;
    for (run, result) in &results {
        assert_eq!(result["final_status"], "completed", "{run}: {result:#}");
        let waited = result["aggregated_responses"][0]["gate_wait_ms"].as_u64().unwrap();
        assert!(waited <= 3_000, "{run} had a clock while it waited for {waited} ms");
    }
    drained(&mut worker).await;
}
