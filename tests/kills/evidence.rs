//! What has to be true of every run in the end, whenever and however often its workers died. Three witnesses are compared: the
//! log in the journal, what was published, and the simulator's count of calls.

use std::collections::BTreeMap;

use cxchain::chain::ErrorClass;
use cxchain::chain::log::{EventBody, Private, Record, Sealed};
use cxchain::simulator::Calls;
use serde_json::{Value, json};

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
    /// Steps (by index) with an exchange that is unknown and was never made.
    pub(crate) unknown_uncalled: Vec<u16>,
    /// How often somebody took it up again.
    pub(crate) resumed: usize,
    /// Steps (by index) that say of themselves that they may have been carried out twice.
    pub(crate) repeated: Vec<usize>,
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
            EventBody::StepFinished(step) if step.maybe_repeated => Some(usize::from(step.step_index)),
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
fn assert_calls(run: &str, log: &[Record], calls: &Calls) -> Vec<u16> {
    let mut uncalled = Vec::new();
    for (step, exchanges) in exchanges(run, log) {
        let seen = calls.step(run, &format!("step_{step}")).attempts;
        for attempt in &seen {
            assert!(exchanges.contains_key(attempt), "run {run}: attempt {attempt} of step {step} has no intent");
        }
        for (attempt, fate) in exchanges {
            let made = seen.iter().filter(|seen| **seen == attempt).count();
            match (fate, made) {
                (Fate::Answered | Fate::Lost, 1) => {}
                (Fate::Lost, 0) => uncalled.push(step),
                _ => panic!("run {run}: attempt {attempt} of step {step} was made {made} times and is {fate:?}"),
            }
        }
    }
    let steps = calls.runs.get(run).into_iter().flatten();
    let reached =
        |id: &str| events(log).any(|sealed| of_step(sealed).is_some_and(|(step, _)| format!("step_{step}") == id));
    steps.for_each(|(id, _)| assert!(reached(id), "run {run}: {id} was called and is not in the log"));
    uncalled
}

/// By step and attempt.
fn exchanges(run: &str, log: &[Record]) -> BTreeMap<u16, BTreeMap<u32, Fate>> {
    let mut all: BTreeMap<u16, BTreeMap<u32, Fate>> = BTreeMap::new();
    let mut known: Vec<u16> = Vec::new();
    let mut jobs: Vec<u16> = Vec::new();
    // The intent that is open, and whether somebody has taken the run up since.
    let mut open: Option<(u16, u32, bool)> = None;
    for record in log {
        match record {
            Record::Private(Private::Intent { step, attempt, .. }) => {
                let step = step.index();
                assert!(open.is_none(), "run {run}: an intent within an intent");
                assert!(!known.contains(&step), "run {run}: step {step} is sent again after its outcome");
                assert!(!jobs.contains(&step), "run {run}: the job of step {step} is submitted again");
                open = Some((step, *attempt, false));
            }
            Record::Private(Private::Withdrawn { .. }) => open = None,
            Record::Private(Private::Submitted { step, .. }) => {
                jobs.push(step.index());
                close(run, &mut open, &mut all, Fate::Answered);
            }
            Record::Private(_) => {}
            Record::Event(sealed) => {
                if let EventBody::RunResumed(_) = sealed.event.body {
                    open = open.map(|(step, attempt, _)| (step, attempt, true));
                }
                if let Some((step, class)) = of_step(sealed) {
                    let lost = class == ErrorClass::OutcomeUnknown;
                    close(run, &mut open, &mut all, if lost { Fate::Lost } else { Fate::Answered });
                    if matches!(sealed.event.body, EventBody::StepFinished(_)) {
                        assert!(!known.contains(&step), "run {run}: step {step} has two outcomes");
                        known.push(step);
                    }
                }
            }
        }
    }
    assert_eq!(open, None, "run {run} ended within an exchange");
    all
}

fn close(run: &str, open: &mut Option<(u16, u32, bool)>, all: &mut BTreeMap<u16, BTreeMap<u32, Fate>>, fate: Fate) {
    let Some((step, attempt, resumed)) = open.take() else {
        assert_eq!(fate, Fate::Answered, "run {run}: an exchange is unknown that nobody was about to make");
        return;
    };
    assert!(fate == Fate::Answered || resumed, "run {run}: an exchange is unknown though no worker died in it");
    let before = all.entry(step).or_default().insert(attempt, fate);
    assert_eq!(before, None, "run {run}: attempt {attempt} of step {step} was made twice");
}

fn of_step(sealed: &Sealed) -> Option<(u16, ErrorClass)> {
    match &sealed.event.body {
        EventBody::StepRetried(step) => Some((step.step_index, step.error_classification)),
        EventBody::StepFinished(step) => Some((step.step_index, step.error_classification)),
        _ => None,
    }
}
