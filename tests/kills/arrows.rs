//! Every arrow of a run, at every step of a chain of four, of which one is a job.
//!
//! Two grounds: on one, each call needs a new token, so that outcome and next intent are appends of their own and every arrow is
//! there at every step; on the other, token and permit are at hand, and what may share an append does.

use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use serde_json::{Value, json};

use crate::case::{Case, Unknown, play};
use crate::course::{Course, Exchange};
use crate::ground::Ground;

/// How many steps the chain has.
const STEPS: u16 = 4;
/// The one that is a job.
const JOB: &str = "2";
/// Events of a run that nothing disturbs: accepted, each step, finished.
const EVENTS: u16 = STEPS + 2;

/// One exchange a step.
static FOUR: Course = Course {
    definition,
    exchanges: &[
        Exchange { place: "0", after: 0 },
        Exchange { place: "1", after: 1 },
        Exchange { place: JOB, after: 2 },
        Exchange { place: "3", after: 3 },
    ],
    job: JOB,
    outcomes: STEPS,
};

fn definition(unknown: Unknown, _slow: &[&str]) -> Value {
    let step = |exchange: &Exchange| {
        let mode = if exchange.place == JOB { "job" } else { "sync" };
        unknown
            .of(json!({"action_id": format!("da-{}", exchange.place), "mode": mode, "payload": {"n": exchange.place}}))
    };
    let steps: Vec<Value> = FOUR.exchanges.iter().map(step).collect();
    json!({"chain_id": "killed", "global_timeout_seconds": 300, "steps": steps})
}

fn case<P: ToString>(places: impl IntoIterator<Item = P>, unknown: Unknown) -> Case {
    Case::new(&FOUR, places, unknown)
}

/// Calls outlast their token, whose last quarter second is not used, so each has to wait for a new one, which takes long enough to be
/// waited for. The first poll of a job
/// comes to nothing, so there are two.
async fn every_append_by_itself() -> Ground {
    let simulator = SimulatorSettings {
        latency: Duration::from_millis(800),
        token_life: Duration::from_secs(1),
        faults: [&*format!("da-{JOB}@poll=status:503,times:1,per:run"), "@token=slow:50ms"]
            .map(|rule| rule.parse().expect("a rule"))
            .into(),
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
    FOUR.each(place)
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
    places.into_iter().map(|place| case([place], Unknown::Abort)).collect()
}

/// The arrows between a step's intent and its outcome.
fn in_flight(unknown: &[Unknown]) -> Vec<Case> {
    let places = ["intent", "sent"].into_iter().flat_map(steps);
    places.flat_map(|place| unknown.iter().map(move |unknown| case([&place], *unknown))).collect()
}

/// Beside the steps, events go out: the worker may be anywhere when one is confirmed.
fn events() -> Vec<Case> {
    (1..=EVENTS).map(|n| case([format!("event_published:{n}")], Unknown::Continue)).collect()
}

/// Whoever takes the run up dies, too: as soon as it has said so, or as soon as it has said what is unknown.
fn twice() -> Vec<Case> {
    let again = |place: &'static str, then: &'static str, unknown: Unknown| {
        steps(place).enumerate().map(move |(step, first)| {
            let then = if then == "outcome" { format!("{then}@{step}") } else { then.to_owned() };
            case([first, then], unknown)
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
    let alone = places.map(|place| case([place], Unknown::Abort));
    let job = [format!("submitted@{JOB}"), format!("polled@{JOB}")].map(|place| case([place], Unknown::Abort));
    let cases = [alone.to_vec(), job.to_vec(), in_flight(&[Unknown::Continue, Unknown::Retry]), events()].concat();
    all_go_on_well(&appends_together().await, cases).await;
}

async fn all_go_on_well(ground: &Ground, cases: Vec<Case>) {
    let (played, published) = play(ground, cases).await;
    for played in played {
        if !played.case.places[0].starts_with("event_published") {
            FOUR.died_there(&played);
        }
        let unknown = played.case.unknown;
        let (proven, loss) = FOUR.went_on_well((ground, &published), &played, unknown.ends());
        let lost = loss.filter(|loss| !loss.resent).map(|loss| loss.exchange);
        let ended_at = lost.filter(|_| unknown.ends());
        let statuses: Vec<&str> = (0..=ended_at.unwrap_or(usize::from(STEPS) - 1))
            .map(|step| if lost == Some(step) { "unknown" } else { "success" })
            .collect();
        assert_eq!(proven.statuses(), statuses, "{}", played.run);
        let end = if ended_at.is_some() { ("indeterminate", Some("outcome_unknown")) } else { ("completed", None) };
        assert_eq!(proven.end(), end, "{}", played.run);
    }
}
