//! A run that is taken up again says so, and goes on with what it had.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, OnFailure, Retryable};
use crate::ports::JournalError;

impl World {
    /// The run's workers bear this name from now on.
    fn called(&mut self, worker: &str) {
        self.settings.author.worker = worker.into();
    }

    fn resumed(&self) -> Vec<(Value, Value, Value)> {
        let events = self.events_named("run.resumed");
        let told =
            |event: &Value| (event["worker"].clone(), event["from_step"].clone(), event["previous_worker"].clone());
        events.iter().map(told).collect()
    }
}

fn told(worker: &str, from_step: &str, previous: &str) -> (Value, Value, Value) {
    (json!(worker), json!(from_step), json!(previous))
}

#[tokio::test(start_paused = true)]
async fn the_next_worker_says_where_it_goes_on_and_after_whom() {
    let mut world = World::new();
    let chain = steps([json!({}), json!({}), json!({})]);
    world.actions.reply([good(100), good(100), never()]);
    world.gate.hold([0, 0, 60_000, 60_000, 0]);
    world.called("a");
    world.crash_after(&chain, 1_000).await;
    world.called("b");
    world.crash_after(&chain, 31_000).await;
    world.called("c");
    world.drive_after_crash(&chain).await;
    assert_eq!(world.resumed(), [told("b", "step_2", "a"), told("c", "step_2", "b")]);
    let resumed = &world.events_named("run.resumed")[0];
    insta::assert_snapshot!(resumed["schema"].as_str().unwrap(), @"cxchain.run.resumed.v1");
    assert_eq!(world.tape.count("publish r:4 t.run.resumed"), 2, "by both who came after");
    assert_eq!(world.result()["worker"], "c");
    assert_eq!(world.tape.count("send step_0"), 1);
}

#[tokio::test(start_paused = true)]
async fn it_says_so_durably_before_it_does_anything_else() {
    let world = World::new();
    let chain = one(json!({"idempotent": true}));
    world.actions.reply([good(10_000)]);
    world.crash_after(&chain, 5_000).await;
    let crashed = world.tape.lines().len();
    world.drive_after_crash(&chain).await;
    let after = world.tape.lines().split_off(crashed);
    let first = after.iter().position(|line| line.starts_with("journal")).unwrap();
    assert_eq!(after[first], "journal run.resumed@2");
    assert!(!after[..first].iter().any(|line| line.starts_with("token") || line.starts_with("permit")), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_over_or_never_accepted_is_not_resumed() {
    let world = World::new();
    let chain = one(json!({}));
    world.journal.fail_at(1, JournalError::Unavailable("disk full".into()));
    assert!(matches!(world.drive(&chain).await, Ended::Lost(_)));
    world.outbox.confirm_after("r:result", 10_000);
    world.crash_after(&chain, 5_000).await;
    world.drive_after_crash(&chain).await;
    world.drive(&chain).await;
    assert_eq!(world.resumed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_handed_back_is_resumed_however_often() {
    let world = World::new();
    let chain = one(json!({}));
    world.gate.hold([100_000; 8]);
    for nth in 0..8 {
        world.hand_back.send_replace(false);
        let stop = world.hand_back.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.send_replace(true);
        });
        assert_eq!(world.drive(&chain).await, Ended::HandedBack, "{nth}");
    }
    world.hand_back.send_replace(false);
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    assert_eq!(world.resumed(), vec![told("w", "step_0", "w"); 8]);
    assert_eq!(world.tape.count("journal handed back"), 8, "{}", world.tape.all());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_leaves_a_run_that_it_has_not_taken_up_as_it_is() {
    let world = World::new();
    let chain = one(json!({"idempotent": true}));
    world.actions.reply([good(10_000)]);
    world.crash_after(&chain, 5_000).await;
    world.hand_back.send_replace(true);
    let journaled = world.tape.count("journal");
    assert_eq!(world.drive_after_crash(&chain).await, Ended::HandedBack);
    assert_eq!(world.tape.count("journal"), journaled);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_kills_five_workers_in_a_row_ends_with_a_result() {
    let busy = || failed(100, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    for (step, reply, status, how) in [
        (json!({}), never(), "unknown", "indeterminate"),
        (json!({"idempotent": true}), never(), "unknown", "indeterminate"),
        (json!({"mode": "job"}), submitted(100), "unknown", "indeterminate"),
        (json!({}), busy(), "failed", "terminated_early"),
    ] {
        let world = World::new();
        let mut chain = one(step);
        (chain.global_timeout, chain.steps[0].on_failure) = (Duration::from_secs(900), OnFailure::Continue);
        world.actions.reply([reply]);
        world.crash_after(&chain, 1_000).await;
        for _ in 0..4 {
            // Each of them gets as far as to say that it goes on, and no further.
            world.journal.slow.lock().unwrap().extend([0, 1_000_000].map(Duration::from_secs));
            world.crash_after(&chain, 10_000).await;
        }
        let ended = world.drive_after_crash(&chain).await;
        let Ended::Settled { reason: Some(reason), .. } = ended else { panic!("{ended:?}") };
        assert_eq!(reason.code.as_str(), "crash_loop");
        let result = world.result();
        assert_eq!((&result["final_status"], &result["reason"]["step_id"]), (&json!(how), &json!("step_0")));
        assert_eq!(result["aggregated_responses"][0]["status"], status);
        assert_eq!(result["aggregated_responses"][0]["directive"], Value::Null);
        assert_eq!((world.resumed().len(), world.tape.count("send")), (5, 1), "{}", world.tape.all());
    }
}
