//! SIGKILL at random times, over chains of all kinds, with one worker that is started again each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cxchain::chain::ErrorClass;
use cxchain::chain::log::{EventBody, Private, Record};
use cxchain::simulator::SimulatorSettings;
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::evidence::{Proven, Published};
use crate::ground::{Ground, Place};
use crate::mixture::{Mixture, Outcome, Outcomes};
use crate::support::load::{LONG, left_over};
use crate::support::proof::{as_long_as, dice, seeds};
use crate::support::{Caught, Worker, eventually};

/// So many resumes in a row without progress end a run.
const LOOP: usize = 5;

#[tokio::test]
async fn whenever_it_dies_no_known_step_is_sent_again_and_every_chain_has_one_result() {
    let (kills, chains) = as_long_as((12, 60), (200, 500));
    for seed in seeds(1) {
        eprintln!("CXCHAIN_PROOF_SEED={seed}: {kills} kills over {chains} chains");
        let mut dice = dice(seed);
        let ground = ground(&mut dice).await;
        let place = ground.place();
        let mut mixture = Mixture::default();
        // Declares the queue.
        place.stops(place.worker().await).await;
        for round in 0..kills {
            // Some new ones for each worker, so that there is always something begun and something that is not.
            while mixture.len() < chains * (round + 1) / kills {
                let (message_id, body) = mixture.draw(&mut dice);
                place.submit(body.as_bytes(), message_id.as_deref()).await;
            }
            dies_at_random(&place, &mut dice).await;
        }
        let (results, events) = last_ones(&ground, &place, chains).await;
        let looped = assert_all_well(&ground, &place, &mixture, &Published::new(results, events));
        // A message can be copied twice: its worker may die of something else, right after.
        let dead = ground.stage.dead_depth(&ground.channel).await as usize;
        assert!(
            dead >= looped && (looped > 0 || dead == 0),
            "{looped} runs were given up, and {dead} messages are dead"
        );
    }
}

async fn ground(dice: &mut StdRng) -> Ground {
    let fault = |rule: &str| rule.parse().expect("a rule");
    // By what the action's name says, whichever number it has in its chain.
    let faults = (0..Mixture::OPERATIONS).flat_map(|n| {
        [
            fault(&format!("da-busy-{n}=status:503,times:1,per:run")),
            fault(&format!("da-wrong-{n}=status:400")),
            fault(&format!("da-token-{n}=status:401,times:1,per:run")),
        ]
    });
    let simulator = SimulatorSettings {
        latency: Duration::from_millis(50),
        latency_jitter: Duration::from_millis(350),
        token_life: Duration::from_secs(2),
        faults: faults.collect(),
        ..SimulatorSettings::default()
    };
    let limits = if dice.random_bool(0.5) {
        "[{limit = 100, per = \"1s\", burst = 10}]"
    } else {
        "[{limit = 100000, per = \"1s\", burst = 50000}]"
    };
    let keys = [
        ("tenants.default.limits", limits),
        ("tenants.default.jobs.poll", "100ms"),
        ("tenants.default.retry.base", "100ms"),
        ("tenants.default.retry.max", "400ms"),
    ];
    Ground::new(simulator, &keys).await
}

/// Sometimes while it starts, mostly at work.
async fn dies_at_random(place: &Place<'_>, dice: &mut StdRng) {
    let mut worker: Worker = if dice.random_bool(0.1) {
        let worker = place.spawn();
        sleep(Duration::from_millis(dice.random_range(0..300))).await;
        worker
    } else {
        let worker = place.worker().await;
        sleep(Duration::from_millis(dice.random_range(0..1500))).await;
        worker
    };
    worker.signal("KILL").await;
    assert_eq!(worker.ended(LONG).await, 137, "{}", worker.log());
}

/// Lets workers be until every chain has a result and no message is left. Answers with all that was published.
async fn last_ones(ground: &Ground, place: &Place<'_>, chains: usize) -> (Vec<Caught>, Vec<Caught>) {
    let mut results: Vec<Caught> = Vec::new();
    let worker = place.worker().await;
    eventually("every chain has a result", LONG, async || {
        results.extend(left_over(&ground.stage, &ground.channel).await);
        let done: BTreeSet<&str> = results.iter().map(|result| text(result, "chain_id")).collect();
        (done.len() == chains).then_some(())
    })
    .await;
    place.stops(worker).await;
    // What had its result before the last worker came may have been given back by it.
    let left = place.abandoned().await as usize;
    if left > 0 {
        let worker = place.worker().await;
        eventually("the rest is settled", LONG, async || {
            (worker.log().matches("run finished").count() == left).then_some(())
        })
        .await;
        place.stops(worker).await;
        assert_eq!(place.abandoned().await, 0, "messages are left over");
    }
    let (late, events) = ground.caught().await;
    results.extend(late);
    (results, events)
}

fn text<'a>(message: &'a Caught, key: &str) -> &'a str {
    message.body[key].as_str().expect("text")
}

/// Answers with how many runs were given up.
fn assert_all_well(ground: &Ground, place: &Place<'_>, mixture: &Mixture, published: &Published) -> usize {
    let calls = ground.stage.simulator.calls();
    let runs: Vec<&str> = published.runs().collect();
    assert!(calls.runs.keys().all(|run| runs.contains(&run.as_str())), "runs were called that have no result");
    let mut of_chain: BTreeMap<String, &str> = BTreeMap::new();
    let (mut resumed, mut unknown, mut looped) = (0, 0, 0);
    let (mut fallbacks, mut nested) = (0, 0);
    for run in runs {
        let log = place.log(run);
        let proven = published.prove(run, &log, &calls);
        let chain = proven.result["chain_id"].as_str().expect("text").to_owned();
        if let Some(id) = mixture.message_id(&chain) {
            assert_eq!(id, run, "{chain} ran under another id");
        }
        let other = of_chain.insert(chain.clone(), run);
        assert_eq!(other, None, "two runs of {chain}: {other:?} and {run}");
        resumed += proven.resumed;
        for (id, outcome) in log.iter().filter_map(outcome) {
            fallbacks += usize::from(outcome.fallback_used);
            nested += usize::from(id.contains('.'));
        }
        unknown += proven.statuses().into_iter().filter(|status| *status == "unknown").count();
        if proven.end().1 == Some("crash_loop") {
            looped += 1;
            assert!(most_resumes_in_a_row(&log) >= LOOP, "run {run} was given up too early");
        } else {
            assert!(most_resumes_in_a_row(&log) < LOOP, "run {run} goes round and round");
            assert_end(run, &chain, mixture, &proven, &log);
        }
    }
    assert_eq!(of_chain.len(), mixture.len(), "every chain has a run");
    for key in calls.ran_again() {
        let (run, step) = key.split_once(':').expect("run:step");
        let chain = of_chain.iter().find(|(_, of)| **of == run).map(|(chain, _)| chain).expect("one of ours");
        assert!(mixture.is_resent(chain, step), "{step} of run {run} was carried out twice");
    }
    eprintln!("{resumed} times a run was resumed, {unknown} steps are unknown, {looped} runs were given up");
    eprintln!("{fallbacks} fallbacks acted, {nested} steps were nested ones");
    assert!(resumed > 0, "no worker died in the middle of a run");
    assert!(fallbacks > 0 && nested > 0, "chance has left something out");
    looped
}

/// The run ended as its steps, and what its author says of them, ask for.
fn assert_end(run: &str, chain: &str, mixture: &Mixture, proven: &Proven, log: &[Record]) {
    let steps: Vec<(String, Outcome)> = log.iter().filter_map(outcome).collect();
    let outermost = steps.iter().filter(|(id, _)| !id.contains('.'));
    let names: Vec<&str> = outermost.map(|(_, outcome)| outcome.status.as_str()).collect();
    assert_eq!(proven.statuses(), names, "run {run}");
    let outcomes: Outcomes = steps.into_iter().collect();
    assert_eq!(proven.end().0, mixture.end(chain, &outcomes), "run {run}: {names:?}");
}

fn outcome(record: &Record) -> Option<(String, Outcome)> {
    match record {
        Record::Event(sealed) => match &sealed.event.body {
            EventBody::StepFinished(step) => {
                Some((step.step_id.clone(), Outcome { status: step.status, fallback_used: step.fallback_used }))
            }
            _ => None,
        },
        Record::Private(_) => None,
    }
}

/// Without progress between them: that a worker died within an exchange that is to be sent again is none.
fn most_resumes_in_a_row(log: &[Record]) -> usize {
    let (mut most, mut in_a_row) = (0, 0);
    let mut handed_back = false;
    for record in log {
        match record {
            Record::Event(sealed) => match &sealed.event.body {
                EventBody::RunResumed(_) => in_a_row += usize::from(!std::mem::take(&mut handed_back)),
                EventBody::StepFinished(_) => in_a_row = 0,
                EventBody::StepRetried(step) if step.error_classification != ErrorClass::OutcomeUnknown => in_a_row = 0,
                _ => {}
            },
            Record::Private(Private::Submitted { .. } | Private::Progressed { .. } | Private::FellBack { .. }) => {
                in_a_row = 0;
            }
            Record::Private(Private::HandedBack) => handed_back = true,
            Record::Private(_) => {}
        }
        most = most.max(in_a_row);
    }
    most
}
