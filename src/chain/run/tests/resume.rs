//! A run that is taken up again: what it says, and when it was once too often.

use super::super::Command::*;
use super::*;
use crate::chain::log::RunResumed;
use crate::chain::result::ReasonCode;

const REOPENED: Inputs =
    Inputs { clock_over: false, nested_over: None, expired: false, cancel: false, hand_back: false, reopened: true };
const NOTHING: Inputs = Inputs { reopened: false, ..REOPENED };

type Happens = Box<dyn Fn(Log) -> Log>;

impl Log {
    /// Another worker takes the run up.
    fn resumed(self) -> Self {
        let body = RunResumed { from_step: "step_0".into(), previous_worker: "w".into() };
        self.event(1, EventBody::RunResumed(body))
    }

    fn resumed_times(self, times: usize) -> Self {
        (0..times).fold(self, |log, _| log.resumed())
    }
}

fn from_step(log: &Log, chain: &Chain) -> String {
    let Resume(RunResumed { from_step, previous_worker }) = decide(chain, &log.state(), REOPENED) else {
        panic!("it is not resumed");
    };
    assert_eq!(previous_worker, "w", "who wrote the last event");
    from_step
}

/// How it ends, at which step.
fn ends(chain: &Chain, log: &Log) -> (FinalStatus, Option<(ReasonCode, Option<String>)>) {
    let Finish { status, reason } = decide(chain, &log.state(), NOTHING) else { panic!("it goes on") };
    (status, reason.map(|reason| (reason.code, reason.step_id)))
}

fn looped(index: u16, status: FinalStatus) -> (FinalStatus, Option<(ReasonCode, Option<String>)>) {
    (status, Some((ReasonCode::CrashLoop, Some(format!("step_{index}")))))
}

#[test]
fn it_goes_on_at_the_first_step_without_an_outcome_and_names_the_last_one_when_all_have_one() {
    let chain = of_steps(2);
    let accepted = Log::accepted(&chain);
    assert_eq!(from_step(&accepted, &chain), "step_0");
    assert_eq!(from_step(&accepted.clone().intent(0, 1), &chain), "step_0");
    let one = accepted.ended(1, 0, 1, StepStatus::Success, ErrorClass::None);
    assert_eq!(from_step(&one, &chain), "step_1");
    let both = one.ended(2, 1, 1, StepStatus::Success, ErrorClass::None);
    assert_eq!(from_step(&both, &chain), "step_1");
}

#[test]
fn it_says_so_before_anything_else_unless_it_is_over_or_was_never_accepted() {
    let chain = of_steps(2);
    let every = Inputs { clock_over: true, expired: true, cancel: true, ..REOPENED };
    let open = Log::accepted(&chain).intent(0, 1);
    assert!(matches!(decide(&chain, &open.state(), every), Resume(_)));
    assert_eq!(decide(&chain, &Log::of(&chain).state(), every), Accept);
    let finished = Log::accepted(&chain).event(1, run_finished()).private(result());
    assert_eq!(decide(&chain, &finished.state(), every), Deliver);
    let settled = finished.private(Private::Settled);
    assert_eq!(decide(&chain, &settled.state(), every), Acknowledge);
}

#[test]
fn a_worker_that_stops_does_not_take_it_up() {
    let chain = of_steps(2);
    let stop = Inputs { hand_back: true, clock_over: true, ..REOPENED };
    for log in [Log::accepted(&chain), Log::accepted(&chain).intent(0, 1)] {
        assert_eq!(decide(&chain, &log.state(), stop), HandBack);
    }
}

#[test]
fn the_fifth_resume_in_a_row_without_progress_ends_it() {
    let chain = of_steps(2);
    let accepted = Log::accepted(&chain);
    assert_eq!(decide(&chain, &accepted.clone().resumed_times(4).state(), NOTHING), Try { step: StepPath::top(0) });
    assert_eq!(ends(&chain, &accepted.resumed_times(5)), looped(0, FinalStatus::TerminatedEarly));
    let second = Log::accepted(&chain).ended(1, 0, 1, StepStatus::Success, ErrorClass::None).resumed_times(5);
    assert_eq!(ends(&chain, &second), looped(1, FinalStatus::TerminatedEarly));
    let cancelled = second.private(Private::CancelRequested);
    assert_eq!(ends(&chain, &cancelled), looped(1, FinalStatus::TerminatedEarly));
}

#[test]
fn what_is_learnt_of_a_step_is_progress_and_what_merely_happened_is_not() {
    let chain = of_steps(3);
    let at_second = |log: Log| log.ended(1, 0, 1, StepStatus::Success, ErrorClass::None);
    let path = || StepPath::top(1);
    let polled =
        |step, polls| Private::Progressed { step, progress: JobProgress::Running, polls, spent_ms: 0, gate_wait_ms: 0 };
    let run = move |step| polled(step, 1);
    let known = move |log: Log| log.intent(1, 1).private(submitted(path())).private(run(path())).resumed_times(4);
    let table: Vec<(&str, bool, Happens)> = vec![
        ("an outcome", true, Box::new(|log| log.ended(1, 1, 1, StepStatus::Failed, ErrorClass::Validation))),
        (
            "an unknown outcome",
            true,
            Box::new(|log| log.ended(1, 1, 1, StepStatus::Unknown, ErrorClass::OutcomeUnknown)),
        ),
        ("an answer of no use", true, Box::new(|log| log.retried(1, 1, ErrorClass::Network, false))),
        ("a job", true, Box::new(move |log| log.intent(1, 1).private(submitted(path())))),
        (
            "a job that runs",
            true,
            Box::new(move |log| log.intent(1, 1).private(submitted(path())).resumed().private(run(path()))),
        ),
        ("an answer about a job", true, Box::new(move |log| known(log).private(polled(path(), 2)))),
        (
            "polls that are counted and were not answered",
            false,
            Box::new(move |log| known(log).private(polled(path(), 1))),
        ),
        (
            "an exchange that was lost and is made again",
            false,
            Box::new(|log| log.retried(1, 1, ErrorClass::OutcomeUnknown, true)),
        ),
        (
            "an intent withdrawn",
            false,
            Box::new(move |log| log.intent(1, 1).private(Private::Withdrawn { step: path(), attempt: 1 })),
        ),
        ("a cancel", false, Box::new(|log| log.private(Private::CancelRequested))),
    ];
    for (what, progress, happens) in table {
        let log = happens(at_second(Log::accepted(&chain)).resumed_times(4)).resumed();
        assert_eq!(log.state().looped_at().is_none(), progress, "{what}");
        let log = log.resumed_times(4);
        assert!(log.state().looped_at().is_some(), "{what}: five more are five");
    }
}

#[test]
fn a_resume_after_a_hand_back_does_not_count() {
    let chain = of_steps(1);
    let handed = |log: Log| log.private(Private::HandedBack).resumed();
    let log = (0..20).fold(Log::accepted(&chain), |log, _| handed(log)).resumed_times(4);
    assert_eq!(decide(&chain, &log.state(), NOTHING), Try { step: StepPath::top(0) });
    let log = handed(log);
    assert_eq!(log.state().looped_at(), None, "nor is it progress:");
    assert_eq!(log.resumed().state().looped_at(), Some(0));
}

#[test]
fn the_step_at_work_gets_its_outcome_first_and_says_how_the_run_ends() {
    use {FinalStatus::*, StepStatus::*};
    for on_failure in [OnFailure::Abort, OnFailure::Continue, OnFailure::Fallback] {
        let mut chain = of_steps(2);
        chain.steps[0].on_failure = on_failure;
        chain.steps[0].call_mut().idempotent = true;
        let path = || StepPath::top(0);
        let gives_up = GiveUp { step: path(), class: ErrorClass::System };
        let accepted = || Log::accepted(&chain);
        for (log, command, status, end) in [
            (accepted().intent(0, 1), Lost { step: path(), resend: false }, Unknown, Indeterminate),
            (accepted().intent(0, 1).private(submitted(path())), gives_up.clone(), Unknown, Indeterminate),
            (accepted().retried(0, 1, ErrorClass::Network, false), gives_up, Failed, TerminatedEarly),
        ] {
            let log = log.resumed_times(5);
            assert_eq!(decide(&chain, &log.state(), NOTHING), command);
            let step = &chain.steps[0];
            let none = Conclusion::Finish { directive: None };
            assert_eq!(conclude(&log.state(), step, 1, (status, ErrorClass::System), at(9)), none, "no directive");
            let log = log.event(400_000, finished(0, 1, status, ErrorClass::System));
            assert_eq!(ends(&chain, &log), looped(0, end), "also after the run clock");
        }
    }
}

#[test]
fn a_run_that_was_over_but_for_its_last_record_ends_as_it_would_have() {
    let chain = of_steps(1);
    let done = Log::accepted(&chain).ended(1, 0, 1, StepStatus::Success, ErrorClass::None).resumed_times(5);
    assert_eq!(ends(&chain, &done), (FinalStatus::Completed, None));
    let chain = of_steps(2);
    let failed = Log::accepted(&chain).ended(1, 0, 1, StepStatus::Failed, ErrorClass::Validation).resumed_times(5);
    let code = Some((ReasonCode::StepFailed, Some("step_0".into())));
    assert_eq!(ends(&chain, &failed), (FinalStatus::TerminatedEarly, code));
}

#[test]
fn it_is_handed_back_and_resumed_only_while_it_is_open_and_nothing_is_in_flight() {
    let accepted = || Log::accepted(&of_steps(2));
    let over = || accepted().event(1, run_finished());
    let handed = || Private::HandedBack;
    assert_eq!(accepted().private(handed()).refused(), None);
    assert_eq!(accepted().retried(0, 1, ErrorClass::Network, false).private(handed()).refused(), None);
    assert_eq!(Log::of(&of_steps(2)).private(handed()).refused(), Some("handed_back"));
    assert_eq!(accepted().intent(0, 1).private(handed()).refused(), Some("handed_back"));
    assert_eq!(over().private(handed()).refused(), Some("handed_back"));
    assert_eq!(Log::of(&of_steps(2)).resumed().refused(), Some("run.resumed"));
    assert_eq!(over().resumed().refused(), Some("run.resumed"));
}
