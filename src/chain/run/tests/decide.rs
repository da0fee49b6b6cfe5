//! What comes next: each answer, and which question is asked first.

use super::super::Command::*;
use super::*;
use crate::chain::result::{Reason, ReasonCode};

const NOTHING: Inputs =
    Inputs { clock_over: false, nested_over: None, expired: false, cancel: false, hand_back: false, reopened: false };
const OVER: Inputs = Inputs { clock_over: true, ..NOTHING };
const EXPIRED: Inputs = Inputs { expired: true, ..NOTHING };
const STOP: Inputs = Inputs { hand_back: true, ..NOTHING };
const CANCEL: Inputs = Inputs { cancel: true, ..NOTHING };
/// All but a cancel, which is journaled before anything else is asked.
const ALL: Inputs =
    Inputs { clock_over: true, nested_over: None, expired: true, cancel: false, hand_back: true, reopened: false };
const LATE: u64 = 300_000;

fn path(index: u16) -> StepPath {
    StepPath::top(index)
}

fn with(edit: impl Fn(&mut Step)) -> Chain {
    let mut chain = of_steps(2);
    chain.steps.iter_mut().for_each(edit);
    chain
}

/// `status` and `code`, and the step, of how it ends.
fn ends(command: Command) -> (FinalStatus, Option<(ReasonCode, Option<String>)>) {
    let Finish { status, reason } = command else { panic!("{command:?} is no end") };
    (status, reason.map(|Reason { code, step_id, .. }| (code, step_id)))
}

fn at_step(code: ReasonCode, index: u16) -> Option<(ReasonCode, Option<String>)> {
    Some((code, Some(format!("step_{index}"))))
}

#[test]
fn a_new_run_is_accepted_or_given_back() {
    let (chain, state) = (of_steps(1), Log::of(&of_steps(1)).state());
    assert_eq!(decide(&chain, &state, NOTHING), Accept);
    assert_eq!(decide(&chain, &state, EXPIRED), Accept, "an expired run, too, ends in a result");
    assert_eq!(decide(&chain, &state, STOP), HandBack);
}

#[test]
fn a_finished_run_is_delivered_and_a_settled_one_acknowledged_whatever_the_world_asks() {
    let chain = of_steps(2);
    let finished = Log::accepted(&chain).event(1, run_finished()).private(result());
    let cancelled = finished.clone().private(Private::CancelRequested);
    let settled = cancelled.clone().private(Private::Settled);
    for inputs in [NOTHING, OVER, EXPIRED, STOP, CANCEL, ALL] {
        assert_eq!(decide(&chain, &finished.state(), inputs), Deliver);
        assert_eq!(decide(&chain, &cancelled.state(), inputs), Deliver);
        assert_eq!(decide(&chain, &settled.state(), inputs), Acknowledge);
    }
}

#[test]
fn a_cancel_is_journaled_before_it_counts_and_only_once() {
    let chain = of_steps(2);
    let accepted = Log::accepted(&chain);
    assert_eq!(decide(&chain, &Log::of(&chain).state(), CANCEL), Accept, "a run that is not accepted has no log yet");
    assert_eq!(decide(&chain, &accepted.state(), CANCEL), Cancel);
    let journaled = accepted.private(Private::CancelRequested).state();
    assert_eq!(ends(decide(&chain, &journaled, CANCEL)), (FinalStatus::Cancelled, Some((ReasonCode::Cancelled, None))));
}

#[test]
fn an_open_intent_comes_first_of_all() {
    for (idempotent, on_unknown, resend) in [
        (false, OnUnknown::AsFailure, false),
        (false, OnUnknown::Stop, false),
        (false, OnUnknown::Retry, true),
        (true, OnUnknown::AsFailure, true),
        (true, OnUnknown::Stop, true),
    ] {
        let chain = with(|step| (step.call_mut().idempotent, step.on_unknown) = (idempotent, on_unknown));
        let log = Log::accepted(&chain).intent(0, 1).private(Private::CancelRequested);
        let lost = |resend| Lost { step: path(0), resend };
        assert_eq!(decide(&chain, &log.state(), NOTHING), lost(resend));
        assert_eq!(decide(&chain, &log.state(), Inputs { clock_over: false, ..ALL }), lost(resend));
        assert_eq!(decide(&chain, &log.state(), ALL), lost(false), "nothing is sent after the run clock");
    }
}

#[test]
fn a_step_between_two_attempts_is_given_up_for_a_cancel_then_for_the_clock() {
    let chain = of_steps(2);
    let log = Log::accepted(&chain).retried(0, 1, ErrorClass::Network, false);
    let cancelled = log.clone().private(Private::CancelRequested);
    let give_up = |class| GiveUp { step: path(0), class };
    assert_eq!(decide(&chain, &cancelled.state(), ALL), give_up(ErrorClass::Cancelled));
    assert_eq!(decide(&chain, &log.state(), ALL), give_up(ErrorClass::Network));
    assert_eq!(decide(&chain, &log.state(), STOP), HandBack);
    assert_eq!(decide(&chain, &log.state(), EXPIRED), Try { step: path(0) }, "it has started");
    let withdrawn = Private::Withdrawn { step: path(0), attempt: 1 };
    let unsent = Log::accepted(&chain).intent(0, 1).private(withdrawn);
    assert_eq!(decide(&chain, &unsent.state(), OVER), give_up(ErrorClass::Timeout));
}

#[test]
fn a_step_that_was_given_up_for_a_cancel_ends_the_run_cancelled_whatever_its_directive() {
    for on_failure in [OnFailure::Abort, OnFailure::Continue, OnFailure::Fallback] {
        for status in [StepStatus::Failed, StepStatus::Unknown] {
            let chain = with(|step| (step.on_failure, step.on_unknown) = (on_failure, OnUnknown::Stop));
            let log = Log::accepted(&chain).private(Private::CancelRequested);
            let log = log.ended(5, 0, 1, status, ErrorClass::Cancelled);
            for inputs in [NOTHING, ALL] {
                let end = ends(decide(&chain, &log.state(), inputs));
                assert_eq!(end, (FinalStatus::Cancelled, at_step(ReasonCode::Cancelled, 0)));
            }
        }
    }
}

#[test]
fn how_a_step_ended_decides_before_anything_that_is_asked_now() {
    use {FinalStatus as F, OnFailure::*, OnUnknown::*, StepStatus::*};
    let stopped = Some((F::Indeterminate, ReasonCode::OutcomeUnknown));
    let aborted = Some((F::TerminatedEarly, ReasonCode::StepFailed));
    for (on_failure, on_unknown, status, end) in [
        (Abort, AsFailure, Success, None),
        (Abort, AsFailure, Skipped, None),
        (Abort, AsFailure, Failed, aborted),
        (Abort, AsFailure, Unknown, stopped),
        (Abort, Retry, Failed, aborted),
        (Abort, Retry, Unknown, stopped),
        (Abort, Stop, Failed, aborted),
        (Abort, Stop, Unknown, stopped),
        (Continue, AsFailure, Failed, None),
        (Continue, AsFailure, Unknown, None),
        (Continue, Retry, Unknown, None),
        (Continue, Stop, Failed, None),
        (Continue, Stop, Unknown, stopped),
        (Fallback, AsFailure, Failed, None),
        (Fallback, AsFailure, Unknown, None),
        (Fallback, Retry, Unknown, None),
        (Fallback, Stop, Failed, None),
        (Fallback, Stop, Unknown, stopped),
    ] {
        let chain = with(|step| (step.on_failure, step.on_unknown) = (on_failure, on_unknown));
        let log = Log::accepted(&chain).ended(5, 0, 1, status, ErrorClass::Validation);
        let cancelled = log.clone().private(Private::CancelRequested);
        match end {
            None => assert_eq!(decide(&chain, &log.state(), NOTHING), Try { step: path(1) }),
            Some((status, code)) => {
                for log in [&log, &cancelled] {
                    for inputs in [NOTHING, ALL] {
                        assert_eq!(ends(decide(&chain, &log.state(), inputs)), (status, at_step(code, 0)));
                    }
                }
            }
        }
    }
}

#[test]
fn a_step_that_the_run_clock_ended_ends_the_run_timed_out_whatever_its_directive() {
    for on_failure in [OnFailure::Abort, OnFailure::Continue, OnFailure::Fallback] {
        for status in [StepStatus::Failed, StepStatus::Unknown] {
            let chain = with(|step| (step.on_failure, step.on_unknown) = (on_failure, OnUnknown::Stop));
            let log = Log::accepted(&chain).ended(LATE, 0, 1, status, ErrorClass::Timeout);
            let end = ends(decide(&chain, &log.state(), OVER));
            assert_eq!(end, (FinalStatus::TimedOut, at_step(ReasonCode::GlobalTimeout, 0)));
        }
    }
}

#[test]
fn a_run_whose_last_step_was_reached_has_completed_even_after_its_clock() {
    let chain = with(|step| step.on_failure = OnFailure::Continue);
    let log = Log::accepted(&chain).ended(1, 0, 1, StepStatus::Failed, ErrorClass::NotFound);
    for (ms, status, class) in
        [(2, StepStatus::Failed, ErrorClass::NotFound), (LATE, StepStatus::Success, ErrorClass::None)]
    {
        let log = log.clone().ended(ms, 1, 1, status, class).private(Private::CancelRequested);
        assert_eq!(ends(decide(&chain, &log.state(), ALL)), (FinalStatus::Completed, None));
    }
}

#[test]
fn between_two_steps_a_cancel_goes_before_the_clock_and_the_clock_before_handing_back() {
    let chain = of_steps(2);
    let log = Log::accepted(&chain).ended(1, 0, 1, StepStatus::Success, ErrorClass::None);
    let cancelled = log.clone().private(Private::CancelRequested);
    let end = ends(decide(&chain, &cancelled.state(), ALL));
    assert_eq!(end, (FinalStatus::Cancelled, Some((ReasonCode::Cancelled, None))));
    let end = ends(decide(&chain, &log.state(), ALL));
    assert_eq!(end, (FinalStatus::TimedOut, at_step(ReasonCode::GlobalTimeout, 1)));
    assert_eq!(decide(&chain, &log.state(), Inputs { expired: true, ..STOP }), HandBack);
    assert_eq!(decide(&chain, &log.state(), EXPIRED), Try { step: path(1) }, "it has started");
}

#[test]
fn a_run_expires_only_before_its_first_call_and_before_it_is_given_back() {
    let chain = of_steps(2);
    let accepted = Log::accepted(&chain);
    let expired = (FinalStatus::Expired, Some((ReasonCode::Expired, None)));
    for inputs in [EXPIRED, Inputs { expired: true, ..STOP }] {
        assert_eq!(ends(decide(&chain, &accepted.state(), inputs)), expired);
    }
    assert_eq!(ends(decide(&chain, &accepted.state(), ALL)).0, FinalStatus::TimedOut);
    assert_eq!(decide(&chain, &accepted.state(), STOP), HandBack);
    assert_eq!(decide(&chain, &accepted.state(), NOTHING), Try { step: path(0) });
}

#[test]
fn the_reason_names_the_step_its_action_and_its_class_and_quotes_nothing() {
    let chain = of_steps(1);
    let log = Log::accepted(&chain).ended(5, 0, 1, StepStatus::Failed, ErrorClass::Validation);
    let Finish { reason: Some(reason), .. } = decide(&chain, &log.state(), NOTHING) else { panic!() };
    insta::assert_snapshot!(reason.message, @"step step_0 (a) failed: VALIDATION");
}
