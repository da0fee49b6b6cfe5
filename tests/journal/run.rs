//! Runs to be journaled.

use std::sync::Arc;
use std::time::Duration;

use cxchain::chain::action::Redaction;
use cxchain::chain::hash::sha256_hex;
use cxchain::chain::log::{
    Author, EventBody, Head, Origin, Private, Record, RunAccepted, RunFinished, StepFinished, Subject, seal,
};
use cxchain::chain::result::FinalStatus;
use cxchain::chain::run::RunState;
use cxchain::chain::stamp::Millis;
use cxchain::chain::{ActionId, ChainId, ErrorClass, RunId, StepPath, StepStatus, TenantName};
use cxchain::ports::RunKey;
use serde_json::{Map, json};

pub(crate) fn key(queue: &str, run: &str) -> RunKey {
    RunKey { queue: queue.into(), run_id: RunId::parse(run).unwrap() }
}

pub(crate) fn definition_hash() -> String {
    sha256_hex(b"{}")
}

/// Writes a run's records; the batches are its own affair.
pub(crate) struct Writer {
    subject: Subject,
    head: Head,
}

impl Writer {
    pub(crate) fn new(run: &str) -> Self {
        let subject = Subject {
            run_id: RunId::parse(run).unwrap(),
            chain_id: ChainId::parse("c").unwrap(),
            tenant: TenantName::parse("t").unwrap(),
        };
        Self { subject, head: Head { seq: 0, hash: definition_hash() } }
    }

    fn event(&mut self, body: EventBody) -> Record {
        let author = Author { worker: "w".into(), compliance_tag: "TAG".into() };
        let sealed = seal(&self.head, &self.subject, &author, Millis::EPOCH, body);
        self.head = sealed.head();
        Record::Event(Arc::new(sealed))
    }

    pub(crate) fn accepted(&mut self, assigned: bool) -> Vec<Record> {
        let origin = Origin { queue: "q".into(), correlation_id: Some("corr".into()), assigned, ..Origin::default() };
        let accepted = RunAccepted {
            definition_hash: definition_hash(),
            steps_total: 1,
            deadline: Millis::EPOCH.plus(Duration::from_secs(300)),
            redelivered: false,
            run_id_assigned: assigned,
            redrive_of: None,
        };
        let definition = Private::Definition { canonical: "{}".into(), origin };
        vec![Record::Private(definition), self.event(EventBody::RunAccepted(accepted))]
    }

    pub(crate) fn intent(&self) -> Vec<Record> {
        let intent =
            Private::Intent { step: StepPath::top(0), attempt: 1, at: Millis::EPOCH, payload_hash: "p".into() };
        vec![Record::Private(intent)]
    }

    /// An outcome with a response that a careless store would spoil.
    pub(crate) fn outcome(&mut self) -> Vec<Record> {
        let data = json!({
            "large": 9_007_199_254_740_993_u64, "small": i64::MIN, "float": 0.1, "exponent": 1e-300, "nul": "a\u{0}b",
            "text": "\u{1f600} \" \\ \u{2028} ä", "empty": "", "null": null, "nested": [[], {}],
        });
        let data = Private::StepData {
            step: StepPath::top(0),
            data: Some(Arc::new(data)),
            extracted: Map::new(),
            child: None,
            message: Some("line\nbreak".into()),
            omitted: false,
            redaction: Redaction::new(["/text", "/nested/*"]).expect("pointers"),
        };
        let finished = StepFinished {
            step_index: 0,
            step_id: "step_0".into(),
            action_id: ActionId::parse("a").ok(),
            status: StepStatus::Success,
            http_status: Some(200),
            attempts: 1,
            polls: 0,
            latency_ms: 1,
            gate_wait_ms: 0,
            job_id: None,
            payload_hash: Some("p".into()),
            response_hash: None,
            hash_alg: None,
            error_classification: ErrorClass::None,
            directive: None,
            fallback_used: false,
            fallback_action_id: None,
            maybe_repeated: false,
        };
        vec![Record::Private(data), self.event(EventBody::StepFinished(finished))]
    }

    pub(crate) fn finished(&mut self, result_bytes: usize) -> Vec<Record> {
        let finished = RunFinished {
            final_status: FinalStatus::Completed,
            reason: None,
            steps_executed: 1,
            completion_rate_percent: 33.33,
            total_latency_ms: 1,
        };
        let body = "x".repeat(result_bytes);
        vec![self.event(EventBody::RunFinished(finished)), Record::Private(Private::Result { body })]
    }

    pub(crate) fn settled(&self) -> Vec<Record> {
        vec![Record::Private(Private::Settled)]
    }

    /// A whole run, batch by batch.
    pub(crate) fn whole(run: &str, assigned: bool) -> Vec<Vec<Record>> {
        let mut writer = Self::new(run);
        vec![writer.accepted(assigned), writer.intent(), writer.outcome(), writer.finished(100), writer.settled()]
    }
}

pub(crate) fn replay(log: &[Record]) -> RunState {
    RunState::replay(definition_hash(), log).expect("a log that can be replayed")
}
