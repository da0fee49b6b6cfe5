//! Run logs as a runner writes them, record by record.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::chain::action::Redaction;
use crate::chain::hash::sha256_hex;
use crate::chain::log::{
    Author, EventBody, Head, Origin, Private, Record, RunAccepted, RunFinished, RunResumed, StepFinished, StepRetried,
    Subject, seal,
};
use crate::chain::result::{FinalStatus, Reason, ReasonCode};
use crate::chain::run::RunState;
use crate::chain::stamp::Millis;
use crate::chain::{
    ActionId, ChainId, ErrorClass, JobId, JobProgress, OnFailure, RunId, StepPath, StepStatus, TenantName,
};
use crate::cli::trace::Trace;
use crate::journal::sqlite::{RunPhase, RunSummary};

const BEGIN: u64 = 1_700_000_000_000;

pub(super) fn at(ms: u64) -> Millis {
    Millis::EPOCH.plus(std::time::Duration::from_millis(BEGIN + ms))
}

/// A run of the chain `find`, `export`, `mail`, record by record.
pub(super) struct Log {
    pub(super) records: Vec<Record>,
    head: Head,
    definition_hash: String,
    worker: &'static str,
}

impl Log {
    pub(super) fn accepted() -> Self {
        Self::of(&json!({"chain_id": "order-export", "steps": [
            {"id": "find", "action_id": "da-find"},
            {"id": "export", "action_id": "da-export", "mode": "job"},
            {"action_id": "da-mail"},
        ]}))
    }

    pub(super) fn of(definition: &Value) -> Self {
        let canonical = definition.to_string();
        let definition_hash = sha256_hex(canonical.as_bytes());
        let head = Head { seq: 0, hash: definition_hash.clone() };
        let origin = Origin { queue: "q".into(), correlation_id: Some("c-1".into()), ..Origin::default() };
        let mut log = Self { records: Vec::new(), head, definition_hash: definition_hash.clone(), worker: "w-1" };
        log.private(Private::Definition { canonical, origin });
        log.event(
            0,
            EventBody::RunAccepted(RunAccepted {
                definition_hash,
                steps_total: 3,
                deadline: at(300_000),
                redelivered: false,
                run_id_assigned: false,
                redrive_of: None,
            }),
        );
        log
    }

    pub(super) fn private(&mut self, private: Private) {
        self.records.push(Record::Private(private));
    }

    pub(super) fn event(&mut self, ms: u64, body: EventBody) {
        let subject = Subject {
            run_id: RunId::parse("run-1").unwrap(),
            chain_id: ChainId::parse("order-export").unwrap(),
            tenant: TenantName::parse("default").unwrap(),
        };
        let author = Author { worker: self.worker.into(), compliance_tag: "T".into() };
        let sealed = seal(&self.head, &subject, &author, at(ms), body);
        self.head = sealed.head();
        self.records.push(Record::Event(Arc::new(sealed)));
    }

    pub(super) fn intent(&mut self, step: u16, attempt: u32, ms: u64) {
        self.private(Private::Intent { step: StepPath::top(step), attempt, at: at(ms), payload_hash: "p".into() });
    }

    pub(super) fn withdrawn(&mut self, step: u16, attempt: u32) {
        self.private(Private::Withdrawn { step: StepPath::top(step), attempt });
    }

    /// `clock` and `gate`: the step's so far.
    pub(super) fn retried(
        &mut self,
        (step, attempt): (u16, u32),
        ms: u64,
        class: ErrorClass,
        (clock, gate, delay): (u64, u64, u64),
    ) {
        let unknown = class == ErrorClass::OutcomeUnknown;
        self.private(Private::Attempted { step: StepPath::top(step), unknown, spent_ms: clock, gate_wait_ms: gate });
        let http_status = (!unknown).then_some(if class == ErrorClass::RateLimited { 429 } else { 503 });
        self.told_again((step, attempt), ms, (class, http_status), delay);
    }

    fn told_again(
        &mut self,
        (step, attempt): (u16, u32),
        ms: u64,
        (error_classification, http_status): (ErrorClass, Option<u16>),
        delay_ms: u64,
    ) {
        let (step_id, action_id) = named(step);
        let retried = StepRetried {
            step_index: step,
            step_id,
            action_id,
            attempt,
            payload_hash: "p".into(),
            response_hash: None,
            hash_alg: None,
            error_classification,
            http_status,
            delay_ms,
        };
        self.event(ms, EventBody::StepRetried(retried));
    }

    /// The call `attempt` did not succeed (403), and the step's fallback takes its place.
    pub(super) fn fell_back(&mut self, (step, attempt): (u16, u32), ms: u64, clock: u64) {
        let (class, http_status) = (ErrorClass::Authorization, Some(403));
        let path = StepPath::top(step);
        let (status, polls) = (StepStatus::Failed, 0);
        self.private(Private::FellBack {
            step: path,
            status,
            class,
            http_status,
            polls,
            spent_ms: clock,
            gate_wait_ms: 0,
        });
        self.told_again((step, attempt), ms, (class, http_status), 0);
    }

    pub(super) fn finished(&mut self, step: u16, ms: u64, change: impl FnOnce(&mut StepFinished)) {
        self.private(Private::StepData {
            step: StepPath::top(step),
            data: None,
            extracted: serde_json::Map::new(),
            child: None,
            message: None,
            omitted: false,
            redaction: Redaction::default(),
        });
        let (step_id, action_id) = named(step);
        let mut finished = StepFinished {
            step_index: step,
            step_id,
            action_id: Some(action_id),
            status: StepStatus::Success,
            http_status: Some(200),
            attempts: 1,
            polls: 0,
            latency_ms: 50,
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
        change(&mut finished);
        self.event(ms, EventBody::StepFinished(finished));
    }

    pub(super) fn resumed(&mut self, ms: u64, worker: &'static str, from_step: &str) {
        let previous_worker = std::mem::replace(&mut self.worker, worker).to_owned();
        self.event(ms, EventBody::RunResumed(RunResumed { from_step: from_step.into(), previous_worker }));
    }

    pub(super) fn over(&mut self, ms: u64, final_status: FinalStatus, reason: Option<Reason>) {
        self.event(
            ms,
            EventBody::RunFinished(RunFinished {
                final_status,
                reason,
                steps_executed: 3,
                completion_rate_percent: 100.0,
                total_latency_ms: ms,
            }),
        );
        self.private(Private::Result { body: "r".repeat(1500) });
    }

    /// What the journal's columns say of it.
    pub(super) fn summary(&self, end: usize) -> RunSummary {
        let log = &self.records[..end];
        let hash = self.definition_hash.clone();
        let state = RunState::replay(hash, log).ok();
        let state = state.as_ref();
        let phase = match state {
            Some(state) if state.is_settled() => RunPhase::Settled,
            Some(state) if state.finished().is_some() => RunPhase::Finished,
            Some(state) if !state.is_accepted() => RunPhase::Claimed,
            Some(_) | None => RunPhase::Open,
        };
        RunSummary {
            queue: "q".into(),
            run_id: "run-1".into(),
            chain_id: Some("order-export".into()),
            tenant: Some("default".into()),
            phase,
            final_status: state.and_then(|state| Some(state.finished()?.final_status.as_str().to_owned())),
            steps_done: state.map_or(0, |state| state.steps().len() as u64),
            steps_total: Some(3),
            started_at: Some(at(0)),
            finished_at: (phase > RunPhase::Open).then(|| at(12_002)),
            deadline: Some(at(300_000)),
            acknowledged_at: None,
            worker: Some("w-1".into()),
            leased_until: Some(at(30_000)),
            records: end as u64,
        }
    }

    pub(super) fn trace(&self) -> Trace {
        Trace::of(&self.summary(self.records.len()), &self.records)
    }

    pub(super) fn acknowledged(&self) -> Trace {
        let summary = self.summary(self.records.len());
        let summary = RunSummary {
            phase: RunPhase::Acknowledged,
            acknowledged_at: Some(at(12_050)),
            leased_until: None,
            ..summary
        };
        Trace::of(&summary, &self.records)
    }
}

fn named(step: u16) -> (String, ActionId) {
    let (id, action) = [("find", "da-find"), ("export", "da-export"), ("step_2", "da-mail")][usize::from(step)];
    (id.into(), ActionId::parse(action).unwrap())
}

/// Everything that a log can tell.
pub(super) fn eventful() -> Log {
    let mut log = Log::accepted();
    log.intent(0, 1, 2);
    log.withdrawn(0, 1);
    log.intent(0, 1, 30);
    log.retried((0, 1), 80, ErrorClass::RateLimited, (52, 28, 2000));
    log.intent(0, 2, 2100);
    log.retried((0, 2), 2150, ErrorClass::ComputeClusterUnavailable, (104, 2046, 900));
    log.intent(0, 3, 3060);
    log.finished(0, 3110, |step| {
        (step.attempts, step.latency_ms, step.gate_wait_ms) = (3, 1054, 2056);
    });
    log.intent(1, 1, 3120);
    log.private(Private::Submitted {
        step: StepPath::top(1),
        job_id: JobId::parse("job-7").unwrap(),
        progress: JobProgress::Queued,
        spent_ms: 60,
        gate_wait_ms: 5,
        limit_ms: 120_000,
        redaction: Redaction::default(),
    });
    log.private(Private::Progressed {
        step: StepPath::top(1),
        progress: JobProgress::Running,
        polls: 2,
        spent_ms: 1060,
        gate_wait_ms: 5,
    });
    log.resumed(9000, "w-2", "export");
    log.finished(1, 9500, |step| {
        (step.polls, step.latency_ms, step.gate_wait_ms, step.job_id) = (4, 1560, 5, Some("job-7".into()));
    });
    log.intent(2, 1, 9510);
    log.resumed(12_000, "w-1", "step_2");
    log.finished(2, 12_001, |step| {
        (step.status, step.http_status, step.latency_ms) = (StepStatus::Unknown, None, 0);
        (step.error_classification, step.directive) = (ErrorClass::OutcomeUnknown, Some(OnFailure::Abort));
    });
    log.private(Private::CancelRequested);
    let message = "step step_2 (da-mail): nobody knows".into();
    let reason = Reason { code: ReasonCode::OutcomeUnknown, step_id: Some("step_2".into()), message };
    log.over(12_002, FinalStatus::Indeterminate, Some(reason));
    log.private(Private::Settled);
    log
}
