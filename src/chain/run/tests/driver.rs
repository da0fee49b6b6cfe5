//! A driver without ports: does what the core says, with a script in the place of the world.

use proptest::prelude::*;

use super::*;
use crate::chain::result::Reason;

/// One thing that the world does: to the exchange that is made next, or in its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// It answers so after `took`; a back-off of `delay` is drawn.
    Answer { verdict: Verdict, took: u64, delay: u64 },
    /// The worker dies with the exchange in flight; another one comes `later`.
    Crash { later: u64 },
    /// The permit grows old while the intent is journaled.
    Withdraw,
    /// Time goes by at the gate.
    Wait { ms: u64 },
    /// No token, ever.
    NoToken,
    /// Somebody asks for the run's end.
    Cancel,
    /// The worker stops; another one comes `later`.
    HandBack { later: u64 },
}

/// A state as it was when the log had that many records.
pub(super) struct Moment {
    pub(super) records: usize,
    pub(super) state: RunState,
}

/// A run from its beginning to its end.
pub(super) struct Driven {
    pub(super) chain: Chain,
    pub(super) log: Log,
    pub(super) moments: Vec<Moment>,
    /// The exchanges made, in order: which step, and whether the worker came to know what came of it.
    pub(super) sent: Vec<(u16, Option<Verdict>)>,
    state: RunState,
    now: u64,
}

const FOREVER: u64 = 1_000_000;

pub(super) fn drive(chain: Chain, script: Vec<Turn>) -> Driven {
    let log = Log::of(&chain);
    let state = RunState::new(log.definition_hash.clone());
    let moments = vec![Moment { records: 0, state: state.clone() }];
    let mut run = Driven { chain, log, moments, sent: Vec::new(), state, now: 0 };
    let mut script = script.into_iter();
    for _ in 0..1_000 {
        let command = decide(&run.chain, &run.state, run.inputs());
        match command {
            Command::Accept => run.append(|log| {
                let acceptance = log.acceptance();
                log.private(definition()).event(0, acceptance)
            }),
            Command::Try { step } => run.turn(step, script.next()),
            Command::Poll { step } => run.poll(&step, script.next()),
            Command::Lost { step, resend: true } => run.retry(&step, ErrorClass::OutcomeUnknown, true),
            Command::Lost { step, .. } => run.finish_step(&step, StepStatus::Unknown, ErrorClass::OutcomeUnknown),
            Command::GiveUp { step, class } => {
                let status = undone(run.state.open().unwrap());
                run.finish_step(&step, status, class);
            }
            Command::Finish { status, reason } => run.end(status, reason),
            Command::Deliver => run.append(|log| log.private(Private::Settled)),
            Command::Acknowledge => return run,
            Command::Cancel => run.append(|log| log.private(Private::CancelRequested)),
            Command::HandBack => unreachable!("nobody stops this worker"),
        }
    }
    panic!("the run does not end");
}

impl Driven {
    fn inputs(&self) -> Inputs {
        Inputs { clock_over: at(self.now) >= Millis::EPOCH.plus(LIMIT), ..Inputs::default() }
    }

    fn append(&mut self, more: impl FnOnce(Log) -> Log) {
        let before = self.log.records.len();
        self.log = more(self.log.clone());
        for (index, record) in self.log.records.iter().enumerate().skip(before) {
            self.state = self.state.clone().apply(record).expect("the driver writes what may follow");
            self.moments.push(Moment { records: index + 1, state: self.state.clone() });
        }
    }

    fn turn(&mut self, step: StepPath, turn: Option<Turn>) {
        let success = Verdict::Success { class: ErrorClass::None };
        let turn = turn.unwrap_or(Turn::Answer { verdict: success, took: 1, delay: 0 });
        match turn {
            Turn::Wait { ms } => self.now += ms,
            Turn::Cancel => self.append(|log| log.private(Private::CancelRequested)),
            Turn::HandBack { later } => self.resume(later),
            Turn::NoToken => {
                let status = self.state.open().map_or(StepStatus::Failed, undone);
                self.finish_step(&step, status, ErrorClass::Authentication);
            }
            Turn::Withdraw => {
                let attempt = self.intent(&step);
                self.append(|log| log.private(Private::Withdrawn { step, attempt }));
            }
            Turn::Crash { later } => {
                self.intent(&step);
                self.sent.push((step.index(), None));
                self.resume(later);
            }
            Turn::Answer { verdict, took, delay } => {
                self.intent(&step);
                self.sent.push((step.index(), Some(verdict)));
                self.now += took;
                let left = Millis::EPOCH.plus(LIMIT).since(at(self.now));
                let room = Room { left, delay: Duration::from_millis(delay), max_attempts: 4 };
                let open = self.state.open().unwrap();
                match after(&self.chain.steps[usize::from(step.index())], open, verdict, room) {
                    After::Finish { status, class } => self.finish_step(&step, status, class),
                    After::Retry { class, delay } => {
                        self.retry(&step, class, matches!(verdict, Verdict::Unknown { .. }));
                        self.now += u64::try_from(delay.as_millis()).unwrap();
                    }
                    After::Poll => {
                        let job_id = JobId::parse("j").unwrap();
                        let submitted = Private::Submitted {
                            step,
                            job_id,
                            progress: JobProgress::Queued,
                            spent_ms: self.now,
                            gate_wait_ms: 0,
                        };
                        self.append(|log| log.private(submitted));
                    }
                }
            }
        }
    }

    /// A question after a job: what was meant for an exchange decides it, or comes to nothing.
    fn poll(&mut self, step: &StepPath, turn: Option<Turn>) {
        self.now += 1_000;
        match turn {
            None => self.finish_step(step, StepStatus::Success, ErrorClass::None),
            Some(Turn::Answer { verdict: Verdict::Success { class }, .. }) => {
                self.finish_step(step, StepStatus::Success, class);
            }
            Some(Turn::Answer { verdict: Verdict::Failed { class, .. }, .. }) => {
                self.finish_step(step, StepStatus::Failed, class);
            }
            Some(Turn::Answer { verdict: Verdict::Submitted, .. }) => {
                let progress = JobProgress::Running;
                let step = step.clone();
                let progressed = Private::Progressed { step, progress, polls: 1, spent_ms: self.now, gate_wait_ms: 0 };
                self.append(|log| log.private(progressed));
            }
            Some(Turn::Crash { later } | Turn::HandBack { later }) => self.resume(later),
            Some(Turn::Cancel) => self.append(|log| log.private(Private::CancelRequested)),
            Some(Turn::Wait { ms }) => self.now += ms,
            Some(Turn::Answer { took, .. }) => self.now += took,
            Some(Turn::Withdraw | Turn::NoToken) => {}
        }
    }

    fn intent(&mut self, step: &StepPath) -> u32 {
        let attempt = self.state.open().map_or(0, |open| open.attempts) + 1;
        self.append(|log| log.intent(step.index(), attempt));
        attempt
    }

    fn retry(&mut self, step: &StepPath, class: ErrorClass, unknown: bool) {
        let attempt = self.state.open().and_then(|open| open.intent).unwrap();
        let attempted = Private::Attempted { step: step.clone(), unknown, spent_ms: self.now, gate_wait_ms: 0 };
        let now = self.now;
        self.append(|log| log.private(attempted).event(now, retried(step.index(), attempt, class)));
    }

    fn finish_step(&mut self, step: &StepPath, status: StepStatus, class: ErrorClass) {
        let attempts = self.state.open().map_or(0, |open| open.intent.unwrap_or(open.attempts));
        let data = Private::StepData { step: step.clone(), data: None, message: None, omitted: false };
        let now = self.now;
        self.append(|log| log.private(data).event(now, finished(step.index(), attempts, status, class)));
    }

    fn end(&mut self, final_status: FinalStatus, reason: Option<Reason>) {
        let finished = crate::chain::result::summary(&self.state, at(self.now), final_status, reason);
        let now = self.now;
        self.append(|log| log.event(now, EventBody::RunFinished(finished)).private(result()));
    }

    /// Another worker goes on, with the log and nothing else.
    fn resume(&mut self, later: u64) {
        self.now += later;
        self.state = self.log.state();
    }
}

pub(super) fn chains() -> impl Strategy<Value = Chain> {
    let on_failure = prop_oneof![Just(OnFailure::Abort), Just(OnFailure::Continue), Just(OnFailure::Fallback)];
    let on_unknown = prop_oneof![Just(OnUnknown::AsFailure), Just(OnUnknown::Retry), Just(OnUnknown::Stop)];
    let one = (on_failure, on_unknown, any::<bool>(), prop::option::of(1_u8..=10));
    prop::collection::vec(one, 1..=5).prop_map(|steps| {
        let steps = steps.into_iter().enumerate();
        chain(
            steps
                .map(|(index, (on_failure, on_unknown, idempotent, max_attempts))| Step {
                    on_failure,
                    on_unknown,
                    idempotent,
                    max_attempts,
                    ..step(index)
                })
                .collect(),
        )
    })
}

pub(super) fn scripts() -> impl Strategy<Value = Vec<Turn>> {
    let class = prop_oneof![Just(ErrorClass::Network), Just(ErrorClass::Validation), Just(ErrorClass::Timeout)];
    let retry = prop_oneof![Just(Retryable::No), Just(Retryable::Yes), Just(Retryable::IfIdempotent)];
    let verdict = prop_oneof![
        3 => Just(Verdict::Success { class: ErrorClass::None }),
        3 => (class.clone(), retry).prop_map(|(class, retry)| Verdict::Failed { class, retry }),
        2 => class.prop_map(|class| Verdict::Unknown { class }),
        1 => Just(Verdict::Throttled),
        1 => Just(Verdict::Unauthorized),
        2 => Just(Verdict::Submitted),
    ];
    let later = || prop_oneof![4 => 0..1_000_u64, 1 => Just(FOREVER)];
    let turn = prop_oneof![
        8 => (verdict, 0..20_000_u64, 0..5_000_u64).prop_map(|(verdict, took, delay)| Turn::Answer { verdict, took, delay }),
        2 => later().prop_map(|later| Turn::Crash { later }),
        1 => Just(Turn::Withdraw),
        1 => (0..60_000_u64).prop_map(|ms| Turn::Wait { ms }),
        1 => Just(Turn::NoToken),
        1 => Just(Turn::Cancel),
        1 => later().prop_map(|later| Turn::HandBack { later }),
    ];
    prop::collection::vec(turn, 0..25)
}
