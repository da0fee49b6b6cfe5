//! A journal that does not write: nothing is sent, nothing is published that is not in it.

use std::sync::atomic::Ordering;

use super::fakes::*;
use super::*;
use crate::chain::{ErrorClass, Retryable};
use crate::ports::JournalError;

fn unavailable() -> JournalError {
    JournalError::Unavailable("disk full".into())
}

/// Two steps, of which the first needs two attempts.
fn script(world: &World) -> Chain {
    let busy = failed(100, 503, ErrorClass::ComputeClusterUnavailable, Retryable::Yes);
    world.actions.reply([busy, good(100), good(100)]);
    steps([json!({}), json!({})])
}

#[tokio::test(start_paused = true)]
async fn whichever_append_fails_nothing_is_sent_or_published_after_it() {
    let world = World::new();
    let chain = script(&world);
    world.drive(&chain).await;
    let appends = world.tape.count("journal");
    assert_eq!(appends, 6, "{}", world.tape.all());
    for error in [unavailable(), JournalError::Fenced] {
        for nth in 1..=appends {
            let world = World::new();
            let chain = script(&world);
            world.journal.fail_at(nth, error.clone());
            assert_eq!(world.drive(&chain).await, Ended::Lost(error.clone()), "append {nth}");
            let lines = world.tape.lines();
            let (journaled, after) =
                lines.split_at(lines.iter().position(|line| line.starts_with("NOT JOURNALED")).unwrap());
            let events =
                journaled.iter().filter(|line| line.starts_with("journal")).map(|line| line.matches('@').count());
            assert!(after.iter().all(|line| !line.starts_with("send")), "append {nth}: {lines:?}");
            assert_eq!(world.tape.count("confirmed r:"), events.sum::<usize>() + usize::from(nth == appends));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_after_a_failed_append_goes_on_and_sends_no_known_outcome_again() {
    for nth in 1..=6 {
        let world = World::new();
        let chain = script(&world);
        world.journal.fail_at(nth, unavailable());
        world.drive(&chain).await;
        let ended = world.drive(&chain).await;
        // The exchange whose answer was not journaled is unknown: the retry, and the two outcomes.
        let lost = [2, 4, 5].contains(&nth);
        let expected = if lost { FinalStatus::Indeterminate } else { FinalStatus::Completed };
        assert_eq!(status(&ended), expected, "append {nth}:\n{}", world.tape.all());
        assert!(world.tape.count("send") <= 3);
        assert_eq!(world.tape.count("journal settled"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_in_flight_is_not_cut_off_by_a_journal_in_trouble() {
    let world = World::new();
    world.actions.reply([good(12_000)]);
    world.journal.renewals.lock().unwrap().push_back((Duration::ZERO, Err(unavailable())));
    assert_eq!(status(&world.drive(&one(json!({}))).await), FinalStatus::Completed);
    assert_eq!(world.tape.count("renew"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_does_not_hold_an_answer_up() {
    let world = World::new();
    world.actions.reply([good(6_000)]);
    world.journal.renewals.lock().unwrap().push_back((Duration::from_secs(20), Ok(())));
    world.drive(&one(json!({}))).await;
    assert_eq!(world.events_named("step.finished")[0]["latency_ms"], 6_000);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_and_is_taken_over_stops() {
    let world = World::new();
    world.gate.hold([100_000]);
    world.journal.renewals.lock().unwrap().push_back((Duration::ZERO, Err(JournalError::Fenced)));
    assert_eq!(world.drive(&one(json!({}))).await, Ended::Lost(JournalError::Fenced));
    assert_eq!(world.tape.count("send"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_is_given_up_for_missed_renewals_only_once_its_lease_is_over() {
    for (missed, sends) in [(3, 1), (20, 0)] {
        let world = World::new();
        world.gate.hold([100_000]);
        world.journal.renewals.lock().unwrap().extend(vec![(Duration::ZERO, Err(unavailable())); missed]);
        let ended = world.drive(&one(json!({}))).await;
        assert_eq!(world.tape.count("send"), sends, "{missed} missed");
        if sends == 0 {
            assert_eq!(ended, Ended::Lost(unavailable()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_over_before_the_first_byte_sends_nothing() {
    let world = World::new();
    world.journal.lease_over_after.store(1, Ordering::Relaxed);
    assert_eq!(world.drive(&one(json!({}))).await, Ended::Lost(JournalError::Fenced));
    let journaled = world.tape.only(&["journal", "send"]);
    assert_eq!(journaled, ["journal definition + run.accepted@1 + intent step_0 #1"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_thought_dead_writes_and_sends_nothing_any_more() {
    let world = World::new();
    let chain = one(json!({}));
    let old = world.claim(&chain).await;
    assert_eq!(status(&world.drive(&chain).await), FinalStatus::Completed);
    let before = world.tape.count("");
    assert_eq!(world.drive_from(old).await, Ended::Lost(JournalError::Fenced));
    assert_eq!(world.tape.lines()[before..], ["token 1", "permit"]);
}

#[tokio::test(start_paused = true)]
async fn a_log_of_another_definition_or_without_its_result_is_not_acted_upon() {
    let world = World::new();
    world.drive(&one(json!({}))).await;
    let other = one(json!({"payload": {"other": 1}}));
    let run = world.claim(&other).await;
    assert!(matches!(world.drive_from(run).await, Ended::Lost(JournalError::Unavailable(_))));

    let mut run = world.claim(&one(json!({}))).await;
    let cut = run.log.len() - 2;
    run.log.truncate(cut);
    let before = world.tape.count("publish r:result");
    assert!(matches!(world.drive_from(run).await, Ended::Lost(JournalError::Unavailable(_))));
    assert_eq!(world.tape.count("publish r:result"), before);
}
