//! Every arrow of a run, at every step of a chain of four, of which one is a job.
//!
//! Two grounds: on one, each call needs a new token, so that outcome and next intent are appends of their own and every arrow is
//! there at every step; on the other, token and permit are at hand, and what may share an append does.

use std::time::Duration;

use cxchain::simulator::SimulatorSettings;

use crate::case::{Case, JOB, Played, STEPS, Unknown, called, play};
use crate::evidence::Published;
use crate::ground::Ground;
use crate::standing::Standing;

/// Events of a run that nothing disturbs: accepted, each step, finished.
const EVENTS: u16 = STEPS + 2;

/// Calls outlast their token, whose last quarter second is not used, so each has to wait for a new one. The first poll of a job
/// comes to nothing, so there are two.
async fn every_append_by_itself() -> Ground {
    let simulator = SimulatorSettings {
        latency: Duration::from_millis(800),
        token_life: Duration::from_secs(1),
        faults: vec![format!("da-{JOB}@poll=status:503,times:1,per:run").parse().expect("a rule")],
        ..SimulatorSettings::default()
    };
    Ground::new(simulator, &[("tenants.default.jobs.poll", "100ms")]).await
}

/// One token for all, an ample gate.
async fn appends_together() -> Ground {
    let simulator = SimulatorSettings { latency: Duration::from_millis(20), ..SimulatorSettings::default() };
    Ground::new(simulator, &[("tenants.default.jobs.poll", "200ms")]).await
}

fn steps(place: &str) -> impl Iterator<Item = String> {
    (0..STEPS).map(move |step| format!("{place}@{step}"))
}

/// The arrows where all is known, whatever comes after.
fn known() -> Vec<Case> {
    let mut places: Vec<String> = ["claimed", "accepted", "finished", "result_published", "settled", "acked"]
        .map(str::to_owned)
        .into_iter()
        .chain(["token", "permit", "outcome"].into_iter().flat_map(steps))
        .collect();
    places.extend([format!("submitted@{JOB}"), format!("polled@{JOB}"), format!("polled@{JOB}:2")]);
    // Any unknown outcome would end the run.
    places.into_iter().map(|place| Case::new([place], Unknown::Abort)).collect()
}

/// The arrows between a step's intent and its outcome.
fn in_flight(unknown: &[Unknown]) -> Vec<Case> {
    let places = ["intent", "sent"].into_iter().flat_map(steps);
    places.flat_map(|place| unknown.iter().map(move |unknown| Case::new([&place], *unknown))).collect()
}

/// Beside the steps, events go out: the worker may be anywhere when one is confirmed.
fn events() -> Vec<Case> {
    (1..=EVENTS).map(|n| Case::new([format!("event_published:{n}")], Unknown::Continue)).collect()
}

/// Whoever takes the run up dies, too: as soon as it has said so, or as soon as it has said what is unknown.
fn twice() -> Vec<Case> {
    let again = |place: &'static str, then: &'static str, unknown: Unknown| {
        steps(place).enumerate().map(move |(step, first)| {
            let then = if then == "outcome" { format!("{then}@{step}") } else { then.to_owned() };
            Case::new([first, then], unknown)
        })
    };
    again("permit", "resumed", Unknown::Abort)
        .chain(again("sent", "resumed", Unknown::Continue))
        .chain(again("sent", "outcome", Unknown::Continue))
        .chain(again("intent", "outcome", Unknown::Retry))
        .collect()
}

#[tokio::test]
async fn wherever_it_dies_no_known_step_is_sent_again_and_there_is_one_result() {
    let cases = [known(), in_flight(&Unknown::ALL), events(), twice()].concat();
    all_go_on_well(&every_append_by_itself().await, cases).await;
}

#[tokio::test]
async fn wherever_it_dies_when_records_share_their_appends_no_known_step_is_sent_again() {
    let places = ["claimed", "accepted", "finished", "result_published", "settled", "acked"];
    let alone = places.map(|place| Case::new([place], Unknown::Abort));
    let job = [format!("submitted@{JOB}"), format!("polled@{JOB}")].map(|place| Case::new([place], Unknown::Abort));
    let cases = [alone.to_vec(), job.to_vec(), in_flight(&[Unknown::Continue, Unknown::Retry]), events()].concat();
    all_go_on_well(&appends_together().await, cases).await;
}

async fn all_go_on_well(ground: &Ground, cases: Vec<Case>) {
    let (played, published) = play(ground, cases).await;
    for played in played {
        if !played.case.places[0].starts_with("event_published") {
            died_there(&played);
        }
        went_on_well(ground, &played, &published);
    }
}

/// The first worker died exactly where it should: log and calls are those of this arrow.
fn died_there(played: &Played) {
    let place = played.case.places[0].as_str();
    let (name, at) = place.split_once('@').unwrap_or((place, "0"));
    let step: u16 = at.split(':').next().and_then(|step| step.parse().ok()).expect("a step");
    let at = Standing { accepted: true, outcomes: step, ..Standing::default() };
    let over = Standing { outcomes: STEPS, finished: true, ..at };
    let (standing, called) = match name {
        "claimed" => (Standing::default(), 0),
        "accepted" | "token" | "permit" => (at, step),
        "intent" => (Standing { open: Some(step), ..at }, step),
        "sent" => (Standing { open: Some(step), ..at }, step + 1),
        "submitted" | "polled" => (Standing { job: true, ..at }, step + 1),
        // The end of the run goes the same way as the outcome of its last step.
        "outcome" => (Standing { outcomes: step + 1, finished: step + 1 == STEPS, ..at }, step + 1),
        "finished" | "result_published" => (over, STEPS),
        "settled" | "acked" => (Standing { settled: true, ..over }, STEPS),
        other => panic!("{other} is no arrow of a run's first worker"),
    };
    let death = &played.deaths[0];
    assert_eq!(death.standing, standing, "{}", played.run);
    let calls: [u64; STEPS as usize] = std::array::from_fn(|index| u64::from(index < usize::from(called)));
    assert_eq!(death.calls, calls, "{}", played.run);
}

/// Whoever came after the dead did what the log that they left asks for, and no more.
fn went_on_well(ground: &Ground, played: &Played, published: &Published) {
    let Played { case, run, deaths, came_again, log } = played;
    let calls = ground.stage.simulator.calls();
    let proven = published.prove(run, log, &calls);
    // The exchange that was in flight when the first one died: at most one, since each of these runs loses one at most.
    let lost = deaths[0].standing.open.map(usize::from);
    let unknown = lost.filter(|_| !case.unknown.is_resent());
    let ended_at = unknown.filter(|_| case.unknown.ends());
    let statuses: Vec<&str> = (0..=ended_at.unwrap_or(usize::from(STEPS) - 1))
        .map(|step| if unknown == Some(step) { "unknown" } else { "success" })
        .collect();
    assert_eq!(proven.statuses(), statuses, "{run}");
    let end = if ended_at.is_some() { ("indeterminate", Some("outcome_unknown")) } else { ("completed", None) };
    assert_eq!(proven.end(), end, "{run}");

    let now = called(&calls, run);
    for (step, times) in now.into_iter().enumerate() {
        let before = deaths[0].calls[step];
        match lost {
            Some(lost) if step == lost && case.unknown.is_resent() => assert_eq!(times, before + 1, "{run}: {now:?}"),
            // What was about to be sent when an event was confirmed may have got out, or not.
            Some(lost) if step == lost => assert!(times <= 1, "{run}: {now:?}"),
            _ => assert_eq!(times, u64::from(step < statuses.len()), "{run}: {now:?}"),
        }
    }
    let never_made = &proven.unknown_uncalled;
    assert!(never_made.iter().all(|step| lost == Some(usize::from(*step))), "{run}: {never_made:?}");
    if !case.places[0].starts_with("event_published") {
        // With the intent durable and not a byte sent, nobody can know. There is no other arrow where that is so.
        assert_eq!(!never_made.is_empty(), case.places[0].starts_with("intent@"), "{run}");
    }
    assert_eq!(proven.resumed, deaths.iter().filter(|death| death.standing.is_to_be_resumed()).count(), "{run}");
    assert_eq!(proven.repeated, lost.filter(|_| case.unknown.is_resent()).into_iter().collect::<Vec<_>>(), "{run}");

    let by_the_dead = deaths[0].standing.settled || case.places[0] == "result_published";
    let at_least = if by_the_dead && *came_again { 2 } else { 1 };
    assert!(proven.published >= at_least, "{run}: the result comes again");
}
