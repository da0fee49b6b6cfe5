//! One run through faked ports, under a paused clock.

mod appends;
mod catalogue;
mod contract;
mod crash;
mod directives;
pub(crate) mod fakes;
mod fallbacks;
mod gate;
mod hand_back;
mod invariants;
mod jobs;
mod journal;
mod nested;
mod nested_ends;
mod order;
mod reconfigured;
mod result;
mod resume;
mod time;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::chain::check::{Catalogue, Submission, check};
use crate::chain::log::Origin;
use crate::chain::result::FinalStatus;
use crate::chain::{Chain, RunId};
use crate::ports::{Claimed, Destination, RunAge, RunKey};
use fakes::{FakeActions, FakeGate, FakeJournal, FakeOutbox, FixedDice, Tape, TapeClock};

/// A worker's surroundings.
pub(crate) struct World {
    pub(crate) tape: Tape,
    pub(crate) actions: Arc<FakeActions>,
    pub(crate) gate: Arc<FakeGate>,
    pub(crate) journal: Arc<FakeJournal>,
    pub(crate) outbox: Arc<FakeOutbox>,
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    hand_back: watch::Sender<bool>,
}

pub(crate) fn tenant() -> TenantName {
    TenantName::parse("t").unwrap()
}

pub(crate) fn author() -> Author {
    Author { worker: "w".into(), compliance_tag: "TAG".into() }
}

/// A chain as a message asks for it.
pub(crate) fn chain(definition: &Value) -> Chain {
    let body = definition.to_string();
    let submission = Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant() };
    check(&submission, &Catalogue::any()).unwrap()
}

/// A chain of these steps, with `a-0`, `a-1`, … for actions that are not given.
fn steps(steps: impl IntoIterator<Item = Value>) -> Chain {
    let steps: Vec<Value> = steps
        .into_iter()
        .enumerate()
        .map(|(index, mut step)| {
            step["action_id"] = json!(format!("a-{index}"));
            step
        })
        .collect();
    chain(&json!({"chain_id": "c", "steps": steps}))
}

fn one(step: Value) -> Chain {
    steps([step])
}

impl World {
    pub(crate) fn new() -> Self {
        let tape = Tape::new();
        let actions = Arc::new(FakeActions::new(tape.clone()));
        let gate = Arc::new(FakeGate::new(tape.clone()));
        let journal = Arc::new(FakeJournal::new(tape.clone()));
        let outbox = Arc::new(FakeOutbox::new(tape.clone()));
        let ports = Ports {
            actions: actions.clone(),
            gate: gate.clone(),
            journal: journal.clone(),
            outbox: outbox.clone(),
            clock: Arc::new(TapeClock(Instant::now())),
            dice: Arc::new(FixedDice),
        };
        let secs = Duration::from_secs;
        let backoff = Backoff { base: secs(2), multiplier: 1.5, max: secs(12), max_attempts: 4 };
        let settings = Settings {
            author: author(),
            hasher: BodyHasher::Plain,
            backoff: BTreeMap::from([(tenant(), backoff)]),
            poll: BTreeMap::from([(tenant(), secs(3))]),
            max_result_bytes: 8 * 1024 * 1024,
        };
        Self { tape, actions, gate, journal, outbox, ports, settings, hand_back: watch::Sender::new(false) }
    }

    fn key() -> RunKey {
        RunKey { queue: "q".into(), run_id: RunId::parse("r").unwrap() }
    }

    async fn claim(&self, chain: &Chain) -> Run {
        let (lease, log) = loop {
            match self.ports.journal.claim(&Self::key()).await.unwrap() {
                Claimed::Ours { lease, log } => break (lease, log),
                Claimed::Elsewhere { retry_after } => tokio::time::sleep(retry_after).await,
            }
        };
        Run {
            chain: Arc::new(chain.clone()),
            run_id: Self::key().run_id,
            origin: Origin { queue: "q".into(), ..Origin::default() },
            lease,
            log,
            age: RunAge(0),
            hand_back: self.hand_back.subscribe(),
        }
    }

    /// Claims the run and drives it until it ends here.
    async fn drive(&self, chain: &Chain) -> Ended {
        let ended = self.drive_from(self.claim(chain).await).await;
        assert_eq!(self.tape.count("CUT"), 0, "an exchange was cut off:\n{}", self.tape.all());
        ended
    }

    async fn drive_from(&self, run: Run) -> Ended {
        let ended = Runner::new(self.ports.clone(), self.settings.clone()).drive(run).await;
        // The line of events of a run that is lost empties itself.
        tokio::time::sleep(Duration::from_millis(1)).await;
        invariants::hold(&self.tape);
        ended
    }

    /// Drives it and kills the worker after `ms`.
    async fn crash_after(&self, chain: &Chain, ms: u64) {
        let run = self.claim(chain).await;
        let runner = Runner::new(self.ports.clone(), self.settings.clone());
        let driven = tokio::time::timeout(Duration::from_millis(ms), runner.drive(run)).await;
        assert!(driven.is_err(), "it was over before it could crash:\n{}", self.tape.all());
        self.tape.say("CRASH");
    }

    /// The events as published, each once.
    fn events(&self) -> Vec<Value> {
        let sent = self.outbox.sent.lock().unwrap();
        let mut events: Vec<Value> = sent
            .iter()
            .filter(|message| matches!(message.to, Destination::Audit { .. }))
            .map(|message| serde_json::from_slice(&message.body).unwrap())
            .collect();
        events.sort_by_key(|event| event["seq"].as_u64());
        events.dedup();
        events
    }

    fn events_named(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }

    /// The one result; published again only byte for byte.
    fn result(&self) -> Value {
        let sent = self.outbox.sent.lock().unwrap();
        let results = sent.iter().filter(|message| message.message_id == "r:result");
        let mut bodies: Vec<_> = results.map(|message| message.body.clone()).collect();
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "one result");
        serde_json::from_slice(&bodies[0]).unwrap()
    }
}

fn status(ended: &Ended) -> FinalStatus {
    let Ended::Settled { status, .. } = ended else { panic!("{ended:?}") };
    *status
}

#[test]
fn a_back_off_grows_to_its_maximum() {
    let backoff =
        Backoff { base: Duration::from_secs(2), multiplier: 1.5, max: Duration::from_secs(12), max_attempts: 4 };
    let most: Vec<f64> = [1, 2, 3, 5, 6, 1_000_000].map(|n| backoff.most(n).as_secs_f64()).into();
    assert_eq!(most, [2.0, 3.0, 4.5, 10.125, 12.0, 12.0]);
}
