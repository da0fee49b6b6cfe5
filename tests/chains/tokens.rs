//! Tokens that do not live long.

use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{Broker, SOON, Stage, amqp};
use crate::{chain, nothing_is_left, simulator, step, submit, with};

/// Runs at a time, each with one step under way.
const RUNS: usize = 50;
/// The simulator's tokens, and when cxchain takes one for stale: a quarter of its life before its end, at most.
const LIFE: Duration = Duration::from_secs(2);
const MARGIN: Duration = Duration::from_millis(500);

#[tokio::test]
async fn tokens_that_live_two_seconds_under_fifty_steps_at_a_time_fail_no_step_and_are_not_asked_for_too_often() {
    // Calls begin at all times, so that a token that is stale is missed at once.
    let (latency, latency_jitter) = (Duration::from_millis(500), Duration::from_millis(200));
    let settings = SimulatorSettings { token_life: LIFE, latency, latency_jitter, ..simulator(&[]) };
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("tenants.default.auth.refresh_margin", "500ms");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let steps: Vec<_> = (0..10).map(|_| step("da-x")).collect();
    let definition = with(chain(&steps), &json!({"allow_repeated_actions": true}));

    let start = Instant::now();
    for run in 0..RUNS {
        submit(&stage, &channel, &definition, &format!("run-{run}")).await;
    }
    let results = stage.distinct_results(&channel, RUNS, SOON).await;
    let elapsed = start.elapsed();
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;

    for (run, result) in &results {
        assert_eq!(result["completion_rate_percent"], 100, "{run}: {result:#}");
        for step in result["aggregated_responses"].as_array().unwrap() {
            assert_eq!((&step["status"], &step["attempts"]), (&json!("success"), &json!(1)), "{run}: {step:#}");
        }
    }
    let calls = stage.simulator.calls();
    assert!(calls.max_concurrent >= 40, "no test of anything: {} calls at a time", calls.max_concurrent);
    assert_eq!(calls.totals.statuses.into_iter().collect::<Vec<_>>(), [(200, 500)]);
    let most = elapsed.as_secs_f64() / (LIFE - MARGIN).as_secs_f64() + 1.0;
    #[expect(clippy::cast_precision_loss, reason = "a few calls")]
    let asked = calls.tokens.calls as f64;
    assert!(asked <= most, "{asked} token calls in {elapsed:?}, {most:.1} at the most");
    assert!(asked >= 4.0, "no test of anything: {asked} token calls in {elapsed:?}");
}
