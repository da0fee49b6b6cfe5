//! What has to be true of every run in the end, whenever and however often its workers died. Three witnesses are compared: the
//! log in the journal, what was published, and the simulator's count of calls.

use std::collections::{BTreeMap, BTreeSet};

use cxchain::chain::log::{EventBody, Private, Record, Sealed};
use cxchain::chain::{ErrorClass, StepStatus};
use cxchain::simulator::{Calls, StepCalls};
use serde_json::{Value, json};

use crate::standing::id;
use crate::support::{Caught, run_log};

/// All that was published, by run.
pub(crate) struct Published {
    results: BTreeMap<String, Vec<Caught>>,
    events: BTreeMap<String, Vec<Caught>>,
    heads: BTreeMap<String, (u64, String)>,
}

/// What came of an exchange, as the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// A worker died before it could record the answer.
    Lost,
}

/// A run that is over and proven.
pub(crate) struct Proven {
    pub(crate) result: Value,
    /// How often its result was published.
    pub(crate) published: usize,
    /// Steps with an exchange that is unknown and was never made.
    pub(crate) unknown_uncalled: Vec<String>,
    /// How often somebody took it up again.
    pub(crate) resumed: usize,
    /// Steps that say of themselves that they may have been carried out twice.
    pub(crate) repeated: Vec<String>,
}

impl Published {
    /// Every log among the events is gapless, linked and without a fork: see [`run_log::heads`].
    pub(crate) fn new(results: Vec<Caught>, events: Vec<Caught>) -> Self {
        let heads = run_log::heads(&events);
        Self { results: by_run(results), events: by_run(events), heads }
    }

    /// The runs that have a result.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &str> {
        self.results.keys().map(String::as_str)
    }

    /// Compares what the three witnesses say of a run that is over.
    pub(crate) fn prove(&self, run: &str, log: &[Record], calls: &Calls) -> Proven {
        let results = self.results.get(run).unwrap_or_else(|| panic!("run {run} has no result"));
        assert!(results.iter().all(|result| result.raw == results[0].raw), "run {run} has two different results");
        let ids = results.iter().map(|result| result.properties.message_id().as_ref().map(ToString::to_string));
        assert!(ids.into_iter().all(|id| id == Some(format!("{run}:result"))), "the result's id is that of run {run}");
        let result = results[0].body.clone();
        let (seq, hash) = self.heads.get(run).unwrap_or_else(|| panic!("run {run} has no events"));
        assert_eq!(result["audit_head"], json!({"seq": seq, "hash": hash}), "run {run}");
        self.assert_published_is_journaled(run, log, &results[0].raw);
        let unknown_uncalled = assert_calls(run, log, calls);
        let resumed = events(log).filter(|sealed| matches!(sealed.event.body, EventBody::RunResumed(_))).count();
        let repeated = events(log).filter_map(|sealed| match &sealed.event.body {
            EventBody::StepFinished(step) if step.maybe_repeated => Some(step.step_id.clone()),
            _ => None,
        });
        let repeated = repeated.collect();
        Proven { result, published: results.len(), unknown_uncalled, resumed, repeated }
    }

    /// Byte for byte.
    fn assert_published_is_journaled(&self, run: &str, log: &[Record], result: &[u8]) {
        let mut published: BTreeMap<u64, &[u8]> = BTreeMap::new();
        for event in &self.events[run] {
            published.insert(event.body["seq"].as_u64().expect("a number"), &event.raw);
        }
        let journaled: BTreeMap<u64, &[u8]> =
            events(log).map(|sealed| (sealed.event.seq, sealed.bytes.as_bytes())).collect();
        assert_eq!(journaled.len(), events(log).count(), "run {run} has two events of one number");
        assert!(published == journaled, "the events of run {run} are not those in its log");
        let bodies = log.iter().filter_map(|record| match record {
            Record::Private(Private::Result { body }) => Some(body.as_bytes()),
            _ => None,
        });
        assert_eq!(bodies.collect::<Vec<_>>(), [result], "the result of run {run} is the one in its log");
    }
}

impl Proven {
    /// `success`, `unknown`, … of each step that was reached.
    pub(crate) fn statuses(&self) -> Vec<&str> {
        let steps = self.result["aggregated_responses"].as_array().expect("an array");
        steps.iter().map(|step| step["status"].as_str().expect("text")).collect()
    }

    /// How the run ended, and why.
    pub(crate) fn end(&self) -> (&str, Option<&str>) {
        (self.result["final_status"].as_str().expect("text"), self.result["reason"]["code"].as_str())
    }
}

fn by_run(messages: Vec<Caught>) -> BTreeMap<String, Vec<Caught>> {
    let mut runs: BTreeMap<String, Vec<Caught>> = BTreeMap::new();
    for message in messages {
        let run = message.body["run_id"].as_str().expect("a run id").to_owned();
        runs.entry(run).or_default().push(message);
    }
    runs
}

fn events(log: &[Record]) -> impl Iterator<Item = &Sealed> {
    log.iter().filter_map(|record| match record {
        Record::Event(sealed) => Some(&**sealed),
        Record::Private(_) => None,
    })
}

/// Every call has an intent of its own, and every intent that was answered a call of its own; one that was lost has one at most. No
/// step has an intent after its outcome. Answers with the steps that have an exchange that is unknown and was never made.
fn assert_calls(run: &str, log: &[Record], calls: &Calls) -> Vec<String> {
    let mut uncalled = Vec::new();
    for (step, exchanges) in exchanges(run, log) {
        let seen = calls.step(run, &step);
        for attempt in &seen.attempts {
            assert!(exchanges.contains_key(attempt), "run {run}: attempt {attempt} of {step} has no intent");
        }
        for (attempt, fate) in exchanges {
            let made = seen.attempts.iter().filter(|seen| **seen == attempt).count();
            match (fate, made) {
                (Fate::Answered | Fate::Lost, 1) => {}
                (Fate::Lost, 0) => uncalled.push(step.clone()),
                _ => panic!("run {run}: attempt {attempt} of {step} was made {made} times and is {fate:?}"),
            }
        }
        assert_keys(run, &step, &seen);
    }
    let steps = calls.runs.get(run).into_iter().flatten();
    let reached = |id: &str| events(log).any(|sealed| of_step(sealed).is_some_and(|(step, _)| step == id));
    steps.for_each(|(id, _)| assert!(reached(id), "run {run}: {id} was called and is not in the log"));
    uncalled
}

/// A step has one key and one payload, whoever sends it, and its fallback another one each.
fn assert_keys(run: &str, step: &str, seen: &StepCalls) {
    let own = format!("{run}:{step}");
    let instead = format!("{own}:fallback");
    assert!(seen.idempotency_keys.iter().all(|key| *key == own || *key == instead), "{:?}", seen.idempotency_keys);
    assert_eq!(seen.idempotency_keys.len(), seen.actions.len(), "run {run}: the keys of {step}");
    assert!(seen.payload_hashes.len() <= seen.actions.len(), "run {run}: the payload of {step} has changed");
}

/// An intent that nothing closes yet.
#[derive(Debug, PartialEq)]
struct Open {
    step: String,
    attempt: u32,
    /// Whether somebody has taken the run up since.
    resumed: bool,
}

/// By step and attempt.
fn exchanges(run: &str, log: &[Record]) -> BTreeMap<String, BTreeMap<u32, Fate>> {
    let mut all: BTreeMap<String, BTreeMap<u32, Fate>> = BTreeMap::new();
    let (mut known, mut jobs) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Option<Open> = None;
    for record in log {
        match record {
            Record::Private(Private::Intent { step, attempt, .. }) => {
                let step = id(step);
                assert_eq!(open, None, "run {run}: an intent within an intent");
                assert!(!known.contains(&step), "run {run}: {step} is sent again after its outcome");
                assert!(!jobs.contains(&step), "run {run}: the job of {step} is submitted again");
                open = Some(Open { step, attempt: *attempt, resumed: false });
            }
            Record::Private(Private::Withdrawn { .. }) => open = None,
            Record::Private(Private::Submitted { step, .. }) => {
                jobs.insert(id(step));
                close(run, open.take(), &mut all, None);
            }
            // What comes now is another call.
            Record::Private(Private::FellBack { step, .. }) => drop(jobs.remove(&id(step))),
            Record::Private(_) => {}
            Record::Event(sealed) => {
                if let (EventBody::RunResumed(_), Some(open)) = (&sealed.event.body, &mut open) {
                    open.resumed = true;
                }
                if let Some((step, lost)) = of_step(sealed) {
                    close(run, open.take(), &mut all, Some(lost));
                    if matches!(sealed.event.body, EventBody::StepFinished(_)) {
                        assert!(known.insert(step.to_owned()), "run {run}: {step} has two outcomes");
                    }
                }
            }
        }
    }
    assert_eq!(open, None, "run {run} ended within an exchange");
    all
}

/// `lost`: whether what closes it may say, and whether it has to say, that nobody knows what came of it.
fn close(run: &str, open: Option<Open>, all: &mut BTreeMap<String, BTreeMap<u32, Fate>>, lost: Option<(bool, bool)>) {
    let (may, must) = lost.unwrap_or_default();
    let Some(Open { step, attempt, resumed }) = open else {
        assert!(!must, "run {run}: an exchange is unknown that nobody was about to make");
        return;
    };
    assert!(resumed || !must, "run {run}: an exchange is unknown though no worker died in it");
    assert!(!resumed || may, "run {run}: a worker died in an exchange, and what came of it is known");
    let fate = if resumed { Fate::Lost } else { Fate::Answered };
    let before = all.entry(step.clone()).or_default().insert(attempt, fate);
    assert_eq!(before, None, "run {run}: attempt {attempt} of {step} was made twice");
}

/// The step, and whether the event may say, and has to say, that a worker died within its last exchange.
fn of_step(sealed: &Sealed) -> Option<(&str, (bool, bool))> {
    let lost = |class: ErrorClass| class == ErrorClass::OutcomeUnknown;
    match &sealed.event.body {
        EventBody::StepRetried(step) => {
            Some((&step.step_id, (lost(step.error_classification), lost(step.error_classification))))
        }
        // The class is that of what the step did itself.
        EventBody::StepFinished(step) if step.fallback_used => {
            Some((&step.step_id, (lost(step.error_classification) || step.status == StepStatus::Unknown, false)))
        }
        EventBody::StepFinished(step) if step.action_id.is_none() => Some((&step.step_id, (false, false))),
        EventBody::StepFinished(step) => {
            Some((&step.step_id, (lost(step.error_classification), lost(step.error_classification))))
        }
        _ => None,
    }
}
