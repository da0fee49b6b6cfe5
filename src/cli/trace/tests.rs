//! Logs as they are written, and what is shown of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::chain::hash::sha256_hex;
use crate::chain::log::{
    Author, EventBody, Head, Origin, Private, RunAccepted, RunFinished, RunResumed, StepFinished, StepRetried, Subject,
    seal,
};
use crate::chain::result::{FinalStatus, Reason, ReasonCode};
use crate::chain::{ActionId, ChainId, ErrorClass, JobId, JobProgress, OnFailure, RunId, StepPath, StepStatus, TenantName};

const BEGIN: u64 = 1_700_000_000_000;

fn at(ms: u64) -> Millis {
    Millis::EPOCH.plus(std::time::Duration::from_millis(BEGIN + ms))
}

/// A run of the chain `find`, `export`, `mail`, record by record.
struct Log {
    records: Vec<Record>,
    head: Head,
    worker: &'static str,
}

impl Log {
    fn accepted() -> Self {
        let definition = json!({"chain_id": "order-export", "steps": [
            {"id": "find", "action_id": "da-find"},
            {"id": "export", "action_id": "da-export", "mode": "job"},
            {"action_id": "da-mail"},
        ]});
        let canonical = definition.to_string();
        let definition_hash = sha256_hex(canonical.as_bytes());
        let head = Head { seq: 0, hash: definition_hash.clone() };
        let origin = Origin { queue: "q".into(), correlation_id: Some("c-1".into()), ..Origin::default() };
        let mut log = Self { records: Vec::new(), head, worker: "w-1" };
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

    fn private(&mut self, private: Private) {
        self.records.push(Record::Private(private));
    }

    fn event(&mut self, ms: u64, body: EventBody) {
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

    fn intent(&mut self, step: u16, attempt: u32, ms: u64) {
        self.private(Private::Intent { step: StepPath::top(step), attempt, at: at(ms) });
    }

    fn withdrawn(&mut self, step: u16, attempt: u32) {
        self.private(Private::Withdrawn { step: StepPath::top(step), attempt });
    }

    /// `clock` and `gate`: the step's so far.
    fn retried(&mut self, (step, attempt): (u16, u32), ms: u64, class: ErrorClass, (clock, gate, delay): (u64, u64, u64)) {
        let unknown = class == ErrorClass::OutcomeUnknown;
        self.private(Private::Attempted { step: StepPath::top(step), unknown, spent_ms: clock, gate_wait_ms: gate });
        let (step_id, action_id) = named(step);
        self.event(
            ms,
            EventBody::StepRetried(StepRetried {
                step_index: step,
                step_id,
                action_id,
                attempt,
                payload_hash: "p".into(),
                response_hash: None,
                hash_alg: None,
                error_classification: class,
                http_status: (!unknown).then_some(if class == ErrorClass::RateLimited { 429 } else { 503 }),
                delay_ms: delay,
            }),
        );
    }

    fn finished(&mut self, step: u16, ms: u64, change: impl FnOnce(&mut StepFinished)) {
        self.private(Private::StepData { step: StepPath::top(step), data: None, message: None, omitted: false });
        let (step_id, action_id) = named(step);
        let mut finished = StepFinished {
            step_index: step,
            step_id,
            action_id,
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
            maybe_repeated: false,
        };
        change(&mut finished);
        self.event(ms, EventBody::StepFinished(finished));
    }

    fn resumed(&mut self, ms: u64, worker: &'static str, from_step: &str) {
        let previous_worker = std::mem::replace(&mut self.worker, worker).to_owned();
        self.event(ms, EventBody::RunResumed(RunResumed { from_step: from_step.into(), previous_worker }));
    }

    fn over(&mut self, ms: u64, final_status: FinalStatus, reason: Option<Reason>) {
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

    fn trace(&self, acknowledged: Option<Millis>) -> Trace {
        let key = RunKey { queue: "q".into(), run_id: RunId::parse("run-1").unwrap() };
        Trace::of(&key, &self.records, acknowledged)
    }
}

fn named(step: u16) -> (String, ActionId) {
    let (id, action) = [("find", "da-find"), ("export", "da-export"), ("step_2", "da-mail")][usize::from(step)];
    (id.into(), ActionId::parse(action).unwrap())
}

/// Everything that a log can tell.
fn eventful() -> Log {
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
        spent_ms: 60,
        gate_wait_ms: 5,
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

fn shown(trace: &Trace, columns: usize) -> String {
    let lines = trace.lines(at(20_000), columns).join("\n");
    anstream::adapter::strip_str(&lines).to_string()
}

#[test]
fn everything_that_a_log_can_tell_is_told() {
    insta::assert_snapshot!(shown(&eventful().trace(Some(at(12_050))), usize::MAX), @"");
}

#[test]
fn a_narrow_terminal_gets_no_bars_and_lines_that_fit() {
    let narrow = shown(&eventful().trace(None), 48);
    insta::assert_snapshot!(narrow, @"");
}

#[test]
fn the_bars_have_room_from_80_columns_on() {
    let shown = shown(&eventful().trace(None), 80);
    assert!(shown.contains('█'));
    let too_long: Vec<_> = shown.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn json_has_the_run_the_sums_and_every_entry() {
    let trace: Value = serde_json::from_str(&eventful().trace(None).json()).unwrap();
    insta::assert_json_snapshot!(trace["run"], @"");
    insta::assert_json_snapshot!(trace["totals"], @"");
    insta::assert_json_snapshot!(trace["entries"][1], @"");
}

/// What an open run waits for, read off every cut of a log.
#[test]
fn an_open_run_says_what_it_waits_for() {
    let log = eventful();
    let key = RunKey { queue: "q".into(), run_id: RunId::parse("run-1").unwrap() };
    let mut waits = Vec::new();
    for end in 0..=log.records.len() {
        let words = Standing::of(&key, &log.records[..end], false).state_words(at(2500));
        if waits.last() != Some(&words) {
            waits.push(words);
        }
    }
    insta::assert_snapshot!(waits.join("\n"), @"");
}

#[test]
fn a_log_with_a_record_out_of_its_place_is_called_damaged_and_still_shown() {
    let mut log = eventful();
    log.records.remove(4);
    let shown = shown(&log.trace(None), usize::MAX);
    assert!(shown.contains("✖ damaged: "), "{shown}");
    assert!(shown.contains("✔ settled"), "{shown}");
}

/// The journal is a file, and whoever may write to it may write what they like.
#[test]
fn a_log_cannot_speak_to_the_terminal() {
    let mut log = Log::accepted();
    log.resumed(10, "w\u{1b}]0;title\u{7}\u{9b}2J\u{202e}", "x\u{1b}[2J");
    let trace = log.trace(None);
    let lines = trace.lines(at(20), usize::MAX).join("\n");
    let shown = anstream::adapter::strip_str(&lines).to_string();
    assert!(shown.contains(r"w\u{1b}]0;title\u{7}\u{9b}2J\u{202e}"), "{shown}");
    for text in [&lines, &trace.json()] {
        assert!(!text.contains("\u{1b}]") && !text.contains("\u{1b}[2J") && !text.contains(['\u{9b}', '\u{202e}']));
    }
}
