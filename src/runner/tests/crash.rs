//! A log that a dead worker left: what the next one makes of it.

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, JobEnd, JobProgress, Retryable};

const SENT: [&str; 2] = ["send", "CRASH"];

fn outcome(world: &World) -> (Value, Value) {
    let step = &world.events_named("step.finished")[0];
    (step["status"].clone(), step["error_classification"].clone())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_was_in_flight_is_unknown_and_not_sent_again() {
    for (on_unknown, on_failure, ends) in [
        ("as_failure", "abort", FinalStatus::Indeterminate),
        ("as_failure", "continue", FinalStatus::Completed),
        ("stop", "continue", FinalStatus::Indeterminate),
    ] {
        let world = World::new();
        let chain = steps([json!({"on_unknown": on_unknown, "on_failure": on_failure})]);
        world.actions.reply([good(10_000)]);
        world.crash_after(&chain, 5_000).await;
        assert_eq!(status(&world.drive_after_crash(&chain).await), ends);
        assert_eq!(world.tape.only(&SENT), ["send step_0 #1 with token 1", "CRASH"]);
        assert_eq!(outcome(&world), (json!("unknown"), json!("OUTCOME_UNKNOWN")));
        let step = &world.events_named("step.finished")[0];
        assert_eq!((&step["attempts"], &step["maybe_repeated"]), (&json!(1), &json!(false)));
        assert_eq!(step["payload_hash"].as_str().map(str::len), Some(64), "it was sent, as far as anybody knows");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_was_in_flight_is_sent_again_where_that_is_harmless() {
    for step in [json!({"idempotent": true}), json!({"on_unknown": "retry"})] {
        let world = World::new();
        let chain = one(step);
        world.actions.reply([good(10_000)]);
        world.crash_after(&chain, 5_000).await;
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
        let sent = ["send step_0 #1 with token 1", "CRASH", "send step_0 #2 with token 1"];
        assert_eq!(world.tape.only(&SENT), sent);
        let retried = &world.events_named("step.retried")[0];
        assert_eq!(retried["error_classification"], "OUTCOME_UNKNOWN");
        assert_eq!((&retried["attempt"], &retried["delay_ms"]), (&json!(1), &json!(0)));
        let step = &world.events_named("step.finished")[0];
        assert_eq!((&step["attempts"], &step["maybe_repeated"]), (&json!(2), &json!(true)));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_again_after_the_run_clock() {
    let world = World::new();
    let mut chain = one(json!({"idempotent": true, "on_failure": "continue"}));
    chain.global_timeout = Duration::from_secs(60);
    world.actions.reply([good(10_000)]);
    world.crash_after(&chain, 5_000).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::TimedOut);
    assert_eq!(world.tape.count("send"), 1);
    assert_eq!(outcome(&world), (json!("unknown"), json!("OUTCOME_UNKNOWN")));
}

#[tokio::test(start_paused = true)]
async fn a_crash_in_back_off_or_at_the_gate_leaves_nothing_unknown() {
    let busy = || failed(100, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    for gate in [vec![], vec![0, 100_000]] {
        let world = World::new();
        let chain = one(json!({}));
        world.gate.hold(gate);
        world.actions.reply([busy()]);
        world.crash_after(&chain, 1_500).await;
        assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
        assert_eq!(outcome(&world), (json!("success"), json!("NONE")));
        assert_eq!(world.events_named("step.finished")[0]["maybe_repeated"], false);
    }
}

#[tokio::test(start_paused = true)]
async fn steps_with_an_outcome_are_never_sent_again() {
    let world = World::new();
    let chain = steps([json!({"on_failure": "continue"}), json!({}), json!({})]);
    world.actions.reply([failed(100, 400, ErrorClass::Validation, Retryable::No), good_with(100, json!({"kept": 1}))]);
    world.actions.reply([never()]);
    world.crash_after(&chain, 1_000).await;
    world.drive_after_crash(&chain).await;
    assert_eq!(world.tape.count("send step_0"), 1);
    assert_eq!(world.tape.count("send step_1"), 1);
    assert_eq!(world.result()["aggregated_responses"][1]["response_data"], json!({"kept": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_finished_run_is_published_again_byte_for_byte() {
    let world = World::new();
    let chain = steps([json!({}), json!({})]);
    world.outbox.confirm_after("r:result", 10_000);
    world.crash_after(&chain, 5_000).await;
    let before = world.outbox.sent.lock().unwrap().clone();
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
    let sent = world.outbox.sent.lock().unwrap();
    assert_eq!(before.len(), 5);
    assert_eq!(sent[5..], before[..]);
    assert_eq!(world.tape.count("send"), 2);
    assert_eq!(world.tape.count("journal settled"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_settled_run_gives_its_result_again_and_nothing_else() {
    let world = World::new();
    let chain = one(json!({}));
    let mut run = world.claim(&chain).await;
    run.origin.reply_to = Some("asker".into());
    let first = world.drive_from(run).await;
    let before = world.outbox.sent.lock().unwrap().len();
    assert_eq!(world.drive(&chain).await, first);
    let sent = world.outbox.sent.lock().unwrap();
    assert_eq!(sent.len(), before + 1, "no event and no reply");
    assert_eq!(sent[before].message_id, "r:result");
    let earlier = sent[..before].iter().find(|message| message.message_id == "r:result").unwrap();
    assert_eq!(&sent[before], earlier);
    assert_eq!(world.tape.count("journal settled"), 1);
}

impl World {
    /// Another worker comes; whatever the dead one had in flight is cut off.
    pub(super) async fn drive_after_crash(&self, chain: &Chain) -> Ended {
        self.drive_from(self.claim(chain).await).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_job_takes_long_outlives_as_many_workers_as_it_takes() {
    for (answers, ends) in [(true, FinalStatus::Completed), (false, FinalStatus::Indeterminate)] {
        let world = World::new();
        let chain = one(json!({"mode": "job", "timeout_seconds": 300}));
        world.actions.reply([submitted(100)]);
        // Either each of them hears of the job before it dies, or each dies of asking.
        let late = if answers { 0 } else { 60_000 };
        world.actions.poll((0..7).map(|_| pending(late, JobProgress::Running)));
        for _ in 0..8 {
            world.crash_after(&chain, 2_000).await;
            if !answers && world.tape.count("CRASH") == 5 {
                break;
            }
        }
        world.actions.poll([over(0, JobEnd::Completed)]);
        assert_eq!(status(&world.drive_after_crash(&chain).await), ends, "{}", world.tape.all());
        assert_eq!(world.tape.count("send"), 1, "{}", world.tape.all());
        // One record for each that heard of it.
        assert_eq!(
            world.tape.all().matches("journal progressed").count(),
            if answers { 7 } else { 0 },
            "{}",
            world.tape.all()
        );
    }
}
