//! A driver without ports: does what the core says, with a script in the place of the world. As in the runner, what is
//! staged is durable with the next append only, and a crash loses it.

use super::scripts::{Place, Turn};
use super::*;
use crate::chain::action::Redaction;
use crate::chain::result::Reason;

/// An exchange that was made, or that nobody knows not to have been made.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) step: StepPath,
    /// Whether it was made for the step's fallback.
    pub(super) fallback: bool,
    pub(super) attempt: u32,
    /// Whether the platform saw it.
    pub(super) sent: bool,
    /// What the log came to hold of it.
    pub(super) known: Option<Verdict>,
}

/// A run from its beginning to its end.
pub(super) struct Driven {
    pub(super) chain: Chain,
    pub(super) log: Log,
    /// The state when the log had so many records, from none on.
    pub(super) moments: Vec<RunState>,
    pub(super) exchanges: Vec<Exchange>,
    /// So many records are durable.
    durable: usize,
    state: RunState,
    now: u64,
    asked: Inputs,
    /// When somebody else comes after a hand-back.
    later: u64,
}

pub(super) fn drive(chain: Chain, script: Vec<Turn>) -> Driven {
    let log = Log::of(&chain);
    let state = RunState::new(log.definition_hash.clone());
    let (moments, asked) = (vec![state.clone()], Inputs::default());
    let mut run = Driven { chain, log, moments, exchanges: Vec::new(), durable: 0, state, now: 0, asked, later: 0 };
    let mut script = script.into_iter();
    for _ in 0..1_000 {
        let command = run.command();
        match command {
            Command::Accept => {
                let acceptance = run.log.acceptance();
                run.stage(|log| log.private(definition()).event(0, acceptance));
            }
            Command::Resume(resumed) => {
                run.stage_event(EventBody::RunResumed(resumed));
                run.commit();
                run.asked.reopened = false;
            }
            Command::Try { step } => run.try_step(step, &mut script),
            Command::Leave { step, child, status, class } => run.end_step(&step, (status, class), Some(child)),
            Command::Poll { step } => run.poll(&step, script.next()),
            Command::Lost { step, resend: true } => run.retry(&step, ErrorClass::OutcomeUnknown, true),
            Command::Lost { step, .. } => run.finish_step(&step, StepStatus::Unknown, ErrorClass::OutcomeUnknown),
            Command::GiveUp { step, class } => {
                let status = undone(run.state.open().unwrap());
                run.finish_step(&step, status, class);
            }
            Command::Finish { status, reason } => run.end(status, reason),
            Command::Deliver => run.append(Private::Settled),
            Command::Acknowledge => return run,
            Command::Cancel => run.append(Private::CancelRequested),
            Command::HandBack => {
                if run.state.is_accepted() && !run.asked.reopened {
                    run.append(Private::HandedBack);
                }
                run.reopen(run.later);
            }
        }
    }
    panic!("the run does not end");
}

impl Driven {
    fn command(&self) -> Command {
        let clock_over = at(self.now) >= Millis::EPOCH.plus(LIMIT);
        let over = |frame: &Frame| frame.deadline.is_some_and(|deadline| at(self.now) >= deadline);
        let nested_over = self.state.frames().iter().position(over);
        decide(&self.chain, &self.state, Inputs { clock_over, nested_over, ..self.asked })
    }

    fn stage(&mut self, more: impl FnOnce(Log) -> Log) {
        let before = self.log.records.len();
        self.log = more(self.log.clone());
        for record in &self.log.records[before..] {
            self.state = self.state.clone().apply(record).expect("the driver writes what may follow");
            self.moments.push(self.state.clone());
        }
    }

    fn stage_event(&mut self, body: EventBody) {
        let now = self.now;
        self.stage(|log| log.event(now, body));
    }

    fn commit(&mut self) {
        for record in &self.log.records[self.durable..] {
            if let Record::Private(Private::Withdrawn { step, attempt }) = record {
                self.exchanges.retain(|made| (&made.step, made.attempt) != (step, *attempt));
            }
        }
        self.durable = self.log.records.len();
    }

    fn append(&mut self, private: Private) {
        self.stage(|log| log.private(private));
        self.commit();
    }

    /// Sends the step, if it is one that is sent.
    fn try_step(&mut self, step: StepPath, script: &mut impl Iterator<Item = Turn>) {
        let run_id = RunId::parse("r").unwrap();
        match readiness(&self.chain, &self.state, &run_id, &step) {
            Readiness::Send(..) => self.turn(step, script.next()),
            Readiness::Enter => {
                let timeout = self.chain.level(Some(&step)).unwrap().timeout;
                let at = at(self.now);
                let deadline = timeout.map(|timeout| at.plus(timeout));
                self.stage(|log| log.private(Private::Entered { step, at, deadline }));
            }
            Readiness::Skip => self.end_step(&step, (StepStatus::Skipped, ErrorClass::None), None),
            Readiness::Refuse(_) => self.end_step(&step, (StepStatus::Failed, ErrorClass::Validation), None),
        }
    }

    fn turn(&mut self, step: StepPath, turn: Option<Turn>) {
        let success = Verdict::Success { class: ErrorClass::None };
        match turn.unwrap_or(Turn::Answer { held: 0, verdict: success, took: 1, delay: 0 }) {
            Turn::Wait { ms } => self.wait(ms),
            Turn::Cancel => self.asked.cancel = true,
            Turn::HandBack { later } => (self.asked.hand_back, self.later) = (true, later),
            Turn::NoToken => {
                let status = self.state.open().map_or(StepStatus::Failed, undone);
                self.finish_step(&step, status, ErrorClass::Authentication);
            }
            Turn::Withdraw => {
                let attempt = self.unsent(&step);
                self.stage(|log| log.private(Private::Withdrawn { step, attempt }));
            }
            Turn::Crash { there, later } => {
                self.until(there, &step);
                self.crash(later);
            }
            Turn::Answer { held, verdict, took, delay } => {
                if held > 0 {
                    self.wait(held);
                    if !matches!(self.command(), Command::Try { .. }) {
                        return;
                    }
                }
                self.send(&step);
                self.now += took;
                self.answered(&step, verdict, delay);
            }
        }
    }

    fn until(&mut self, there: Place, step: &StepPath) {
        match there {
            Place::Staged => {}
            Place::Gate => self.commit(),
            Place::Intent => {
                self.unsent(step);
            }
            Place::Sent => self.send(step),
            Place::Answered(verdict) => {
                self.send(step);
                self.answered(step, verdict, 0);
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        self.commit();
        self.now += ms;
    }

    /// An exchange that is not made, and of which the log does not say so yet.
    fn unsent(&mut self, step: &StepPath) -> u32 {
        self.push(step, false)
    }

    fn send(&mut self, step: &StepPath) {
        self.push(step, true);
    }

    fn push(&mut self, step: &StepPath, sent: bool) -> u32 {
        let attempt = self.intent(step);
        let fallback = self.state.open().is_some_and(|open| open.first.is_some());
        self.exchanges.push(Exchange { step: step.clone(), fallback, attempt, sent, known: None });
        attempt
    }

    fn answered(&mut self, step: &StepPath, verdict: Verdict, delay: u64) {
        self.exchanges.last_mut().unwrap().known = Some(verdict);
        let left = Millis::EPOCH.plus(LIMIT).since(at(self.now));
        let room = Room { left, delay: Duration::from_millis(delay), max_attempts: 4 };
        let open = self.state.open().unwrap();
        match after(self.chain.step(step).unwrap(), open, verdict, room) {
            After::Finish { status, class } => self.finish_step(step, status, class),
            After::Retry { class, delay } => {
                self.retry(step, class, matches!(verdict, Verdict::Unknown { .. }));
                if !delay.is_zero() {
                    self.wait(u64::try_from(delay.as_millis()).unwrap());
                }
            }
            After::Poll => {
                self.append(submitted(step.clone()));
            }
        }
    }

    /// A question after a job: what was meant for an exchange decides it, or comes to nothing.
    fn poll(&mut self, step: &StepPath, turn: Option<Turn>) {
        self.wait(1_000);
        match turn {
            None => self.finish_step(step, StepStatus::Success, ErrorClass::None),
            Some(Turn::Answer { verdict: Verdict::Success { class }, .. }) => {
                self.finish_step(step, StepStatus::Success, class);
            }
            Some(Turn::Answer { verdict: Verdict::Failed { class, .. }, .. }) => {
                self.finish_step(step, StepStatus::Failed, class);
            }
            Some(Turn::Answer { verdict: Verdict::Submitted, .. }) => {
                let (step, progress) = (step.clone(), JobProgress::Running);
                self.append(Private::Progressed { step, progress, polls: 1, spent_ms: self.now, gate_wait_ms: 0 });
            }
            Some(Turn::Crash { later, .. }) => self.crash(later),
            Some(Turn::HandBack { later }) => (self.asked.hand_back, self.later) = (true, later),
            Some(Turn::Cancel) => self.asked.cancel = true,
            Some(Turn::Wait { ms }) => self.now += ms,
            Some(Turn::Answer { took, .. }) => self.now += took,
            Some(Turn::Withdraw | Turn::NoToken) => {}
        }
    }

    /// The intent, in one append with what is staged.
    fn intent(&mut self, step: &StepPath) -> u32 {
        let attempt = self.state.open().map_or(0, |open| open.attempts) + 1;
        let intent = Private::Intent { step: step.clone(), attempt, at: at(0), payload_hash: "p".into() };
        self.stage(|log| log.private(intent));
        self.commit();
        attempt
    }

    fn retry(&mut self, step: &StepPath, class: ErrorClass, unknown: bool) {
        let attempt = self.state.open().and_then(|open| open.intent).unwrap();
        let attempted = Private::Attempted { step: step.clone(), unknown, spent_ms: self.now, gate_wait_ms: 0 };
        self.stage(|log| log.private(attempted));
        self.stage_event(self.retried(step, attempt, class));
    }

    fn retried(&self, step: &StepPath, attempt: u32, class: ErrorClass) -> EventBody {
        let EventBody::StepRetried(event) = retried(step.index(), attempt, class) else { unreachable!() };
        EventBody::StepRetried(StepRetried { step_id: self.chain.step_id(step), ..event })
    }

    fn finish_step(&mut self, step: &StepPath, status: StepStatus, class: ErrorClass) {
        self.end_step(step, (status, class), None);
    }

    /// It ends so, or its fallback takes its place.
    fn end_step(&mut self, path: &StepPath, (status, class): (StepStatus, ErrorClass), child: Option<FinalStatus>) {
        let chain = self.chain.clone();
        let step = chain.step(path).unwrap();
        match conclude(&self.state, step, path.indices().len(), (status, class), at(self.now)) {
            Conclusion::Finish { directive } => self.finished(path, (status, class), directive, child),
            Conclusion::Call(_) => {
                let open = self.state.open();
                let unclosed = open.and_then(OpenStep::untold);
                self.stage(|log| log.private(fell_back(path, status, class)));
                if let Some(attempt) = unclosed {
                    self.stage_event(self.retried(path, attempt, class));
                }
            }
            Conclusion::Output(_) => {
                if child.is_some() {
                    self.stage(|log| log.private(fell_back(path, status, class)));
                }
                self.finished(path, (StepStatus::Success, class), Some(OnFailure::Fallback), None);
            }
        }
    }

    fn finished(
        &mut self,
        path: &StepPath,
        (status, class): (StepStatus, ErrorClass),
        directive: Option<OnFailure>,
        child: Option<FinalStatus>,
    ) {
        let attempts = self.state.open().map_or(0, |open| open.intent.unwrap_or(open.attempts));
        let EventBody::StepFinished(event) = finished(path.index(), attempts, status, class) else { unreachable!() };
        let step_id = self.chain.step_id(path);
        let fallback_used = directive == Some(OnFailure::Fallback);
        let step = path.clone();
        let (extracted, message) = (serde_json::Map::new(), None);
        let data = Private::StepData {
            step,
            data: None,
            extracted,
            child,
            message,
            omitted: false,
            redaction: Redaction::default(),
        };
        self.stage(|log| log.private(data));
        self.stage_event(EventBody::StepFinished(StepFinished { step_id, directive, fallback_used, ..event }));
    }

    fn end(&mut self, final_status: FinalStatus, reason: Option<Reason>) {
        let finished = crate::chain::result::summary(&self.state, at(self.now), final_status, reason);
        self.stage_event(EventBody::RunFinished(finished));
        self.append(result());
    }

    /// What is not durable is lost, and with it what it knew.
    fn crash(&mut self, later: u64) {
        self.log.records.truncate(self.durable);
        self.moments.truncate(self.durable + 1);
        let in_flight = self.log.state().open().is_some_and(|open| open.intent.is_some());
        if let Some(last) = self.exchanges.last_mut().filter(|_| in_flight) {
            last.known = None;
        }
        self.reopen(later);
    }

    /// Another worker goes on, with the log and nothing else.
    fn reopen(&mut self, later: u64) {
        self.now += later;
        self.state = self.log.state();
        self.log.head = self.state.head().clone();
        let reopened = self.state.is_accepted() && self.state.finished().is_none();
        self.asked = Inputs { reopened, ..Inputs::default() };
    }
}

fn fell_back(path: &StepPath, status: StepStatus, class: ErrorClass) -> Private {
    Private::FellBack { step: path.clone(), status, class, http_status: None, polls: 0, spent_ms: 0, gate_wait_ms: 0 }
}
