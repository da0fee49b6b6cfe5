//! The run core, rule by rule, and as a fold that any crash may cut.

mod after;
mod apply;
mod decide;
mod driver;
mod fold;
mod resume;
mod scripts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::chain::action::Redaction;
use crate::chain::expression::{Extract, Template};
use crate::chain::hash::sha256_hex;
use crate::chain::log::{
    Author, EventBody, Head, Origin, Private, Record, RunAccepted, RunFinished, StepFinished, StepRetried, Subject,
    seal,
};
use crate::chain::result::FinalStatus;
use crate::chain::stamp::Millis;
use crate::chain::*;

/// The run clock of every chain in here.
const LIMIT: Duration = Duration::from_secs(300);

fn step(index: usize) -> Step {
    Step {
        id: StepId::parse(&format!("step_{index}")).unwrap(),
        work: Work::Call(Box::new(operation(&format!("a-{index}")))),
        when: None,
        extract: Extract::default(),
        on_failure: OnFailure::Abort,
        on_unknown: OnUnknown::AsFailure,
        fallback: None,
    }
}

fn operation(action: &str) -> Operation {
    Operation {
        action: ActionId::parse(action).unwrap(),
        payload: Template::of(json!({})),
        mode: Mode::Sync,
        required_params: Vec::new(),
        timeout: Duration::from_secs(30),
        idempotent: false,
        max_attempts: None,
        rules: None,
    }
}

fn chain(steps: Vec<Step>) -> Chain {
    Chain {
        chain_id: ChainId::parse("c").unwrap(),
        run_id: None,
        tenant: TenantName::parse("t").unwrap(),
        global_timeout: LIMIT,
        expires_at: None,
        metadata: BTreeMap::new(),
        steps,
        canonical: json!({"chain_id": "c"}).to_string(),
    }
}

fn of_steps(count: usize) -> Chain {
    chain((0..count).map(step).collect())
}

/// Milliseconds after the run was accepted.
fn at(ms: u64) -> Millis {
    Millis::EPOCH.plus(Duration::from_millis(ms))
}

/// A run log as it is written, record by record.
#[derive(Clone)]
struct Log {
    records: Vec<Record>,
    head: Head,
    definition_hash: String,
    steps_total: u32,
}

impl Log {
    fn of(chain: &Chain) -> Self {
        let definition_hash = sha256_hex(chain.canonical.as_bytes());
        let head = Head { seq: 0, hash: definition_hash.clone() };
        let steps_total = chain.steps_total();
        Self { records: Vec::new(), head, definition_hash, steps_total }
    }

    /// The log of a run that was accepted at zero.
    fn accepted(chain: &Chain) -> Self {
        Self::of(chain).private(definition()).event(0, Self::of(chain).acceptance())
    }

    fn acceptance(&self) -> EventBody {
        EventBody::RunAccepted(RunAccepted {
            definition_hash: self.definition_hash.clone(),
            steps_total: self.steps_total,
            deadline: Millis::EPOCH.plus(LIMIT),
            redelivered: false,
            run_id_assigned: false,
            redrive_of: None,
        })
    }

    fn private(mut self, private: Private) -> Self {
        self.records.push(Record::Private(private));
        self
    }

    fn event(mut self, ms: u64, body: EventBody) -> Self {
        let subject = Subject {
            run_id: RunId::parse("r").unwrap(),
            chain_id: ChainId::parse("c").unwrap(),
            tenant: TenantName::parse("t").unwrap(),
        };
        let author = Author { worker: "w".into(), compliance_tag: "TAG".into() };
        let sealed = seal(&self.head, &subject, &author, at(ms), body);
        self.head = sealed.head();
        self.records.push(Record::Event(Arc::new(sealed)));
        self
    }

    fn intent(self, index: u16, attempt: u32) -> Self {
        self.private(intent(index, attempt))
    }

    /// One exchange that failed with `class` and is to be made again.
    fn retried(self, index: u16, attempt: u32, class: ErrorClass, unknown: bool) -> Self {
        let attempted = Private::Attempted { step: StepPath::top(index), unknown, spent_ms: 700, gate_wait_ms: 30 };
        self.intent(index, attempt).private(attempted).event(u64::from(attempt), retried(index, attempt, class))
    }

    /// One exchange that ended the step.
    fn ended(self, ms: u64, index: u16, attempt: u32, status: StepStatus, class: ErrorClass) -> Self {
        self.intent(index, attempt).event(ms, finished(index, attempt, status, class))
    }

    fn state(&self) -> RunState {
        RunState::replay(self.definition_hash.clone(), &self.records).unwrap()
    }

    /// The record's kind, if the last record cannot follow those before it.
    fn refused(&self) -> Option<&'static str> {
        let (last, before) = self.records.split_last().unwrap();
        let state = RunState::replay(self.definition_hash.clone(), before).expect("a log that is legal so far");
        state.apply(last).err().map(|illegal| illegal.record)
    }
}

fn definition() -> Private {
    Private::Definition { canonical: String::new(), origin: Origin::default() }
}

fn intent(index: u16, attempt: u32) -> Private {
    Private::Intent { step: StepPath::top(index), attempt, at: at(0), payload_hash: "p".into() }
}

fn submitted(step: StepPath) -> Private {
    let (job_id, progress) = (JobId::parse("j").unwrap(), JobProgress::Queued);
    let redaction = Redaction::default();
    Private::Submitted { step, job_id, progress, spent_ms: 0, gate_wait_ms: 0, limit_ms: 120_000, redaction }
}

fn retried(index: u16, attempt: u32, class: ErrorClass) -> EventBody {
    EventBody::StepRetried(StepRetried {
        step_index: index,
        step_id: format!("step_{index}"),
        action_id: ActionId::parse("a").unwrap(),
        attempt,
        payload_hash: "p".into(),
        response_hash: None,
        hash_alg: None,
        error_classification: class,
        http_status: Some(503),
        delay_ms: 10,
    })
}

fn finished(index: u16, attempts: u32, status: StepStatus, class: ErrorClass) -> EventBody {
    EventBody::StepFinished(StepFinished {
        step_index: index,
        step_id: format!("step_{index}"),
        action_id: ActionId::parse("a").ok(),
        status,
        http_status: None,
        attempts,
        polls: 0,
        latency_ms: 1,
        gate_wait_ms: 0,
        job_id: None,
        payload_hash: None,
        response_hash: None,
        hash_alg: None,
        error_classification: class,
        directive: None,
        fallback_used: false,
        fallback_action_id: None,
        maybe_repeated: false,
    })
}

fn run_finished() -> EventBody {
    EventBody::RunFinished(RunFinished {
        final_status: FinalStatus::Completed,
        reason: None,
        steps_executed: 0,
        completion_rate_percent: 0.0,
        total_latency_ms: 0,
    })
}

fn result() -> Private {
    Private::Result { body: "{}".into() }
}
