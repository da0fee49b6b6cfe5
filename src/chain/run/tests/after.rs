//! What follows from one exchange: every verdict, under every condition that it may depend on.

use super::*;

const ALL_CLASSES: [ErrorClass; 4] =
    [ErrorClass::Validation, ErrorClass::Network, ErrorClass::ComputeClusterUnavailable, ErrorClass::Timeout];

fn every_verdict() -> Vec<Verdict> {
    let retries = [Retryable::No, Retryable::Yes, Retryable::IfIdempotent];
    let failed = ALL_CLASSES.into_iter().flat_map(|class| retries.map(|retry| Verdict::Failed { class, retry }));
    let others = [
        Verdict::Success { class: ErrorClass::None },
        Verdict::Success { class: ErrorClass::ResponseTooLarge },
        Verdict::Unknown { class: ErrorClass::Timeout },
        Verdict::Unknown { class: ErrorClass::Network },
        Verdict::Throttled,
        Verdict::Unauthorized,
    ];
    others.into_iter().chain(failed).collect()
}

/// The conditions under which the verdicts are tried, one combination.
#[derive(Debug, Clone, Copy)]
struct Given {
    idempotent: bool,
    on_unknown: OnUnknown,
    own_max: Option<u8>,
    counted: u32,
    reauthorized: bool,
    maybe_carried_out: bool,
    left: Duration,
    delay: Duration,
}

fn every_condition() -> Vec<Given> {
    let ms = Duration::from_millis;
    let mut all = Vec::new();
    for idempotent in [false, true] {
        for on_unknown in [OnUnknown::AsFailure, OnUnknown::Retry, OnUnknown::Stop] {
            for (own_max, counted) in [(None, 0), (None, 2), (None, 3), (None, 9), (Some(1), 0), (Some(5), 3)] {
                for (reauthorized, maybe_carried_out) in [(false, false), (true, false), (false, true), (true, true)] {
                    for (left, delay) in [(9, 0), (9, 8), (9, 9), (9, 10), (0, 0)] {
                        let (left, delay) = (ms(left), ms(delay));
                        all.push(Given {
                            idempotent,
                            on_unknown,
                            own_max,
                            counted,
                            reauthorized,
                            maybe_carried_out,
                            left,
                            delay,
                        });
                    }
                }
            }
        }
    }
    all
}

fn answer(given: Given, verdict: Verdict) -> After {
    let mut step = Step { on_unknown: given.on_unknown, ..super::step(0) };
    (step.call_mut().idempotent, step.call_mut().max_attempts) = (given.idempotent, given.own_max);
    let open = OpenStep {
        counted: given.counted,
        reauthorized: given.reauthorized,
        maybe_carried_out: given.maybe_carried_out,
        ..OpenStep::new(StepPath::top(0))
    };
    after(&step, &open, verdict, Room { left: given.left, delay: given.delay, max_attempts: 4 })
}

/// The right-hand columns of the table of 4.5, written down a second time.
fn expected(given: Given, verdict: Verdict) -> After {
    let attempts_left = given.counted + 1 < u32::from(given.own_max.unwrap_or(4));
    let room = given.delay < given.left;
    let undone = if given.maybe_carried_out { StepStatus::Unknown } else { StepStatus::Failed };
    let (allowed, status, class, delay) = match verdict {
        Verdict::Submitted => return After::Poll,
        Verdict::Success { class } => (false, StepStatus::Success, class, given.delay),
        Verdict::Failed { class, retry: Retryable::No } => (false, StepStatus::Failed, class, given.delay),
        Verdict::Failed { class, retry: Retryable::Yes } => (attempts_left && room, undone, class, given.delay),
        Verdict::Failed { class, retry: Retryable::IfIdempotent } => {
            (attempts_left && room && given.idempotent, StepStatus::Failed, class, given.delay)
        }
        Verdict::Unknown { class } => {
            let safe = given.idempotent || given.on_unknown == OnUnknown::Retry;
            (attempts_left && room && safe, StepStatus::Unknown, class, given.delay)
        }
        Verdict::Throttled => (given.left > Duration::ZERO, undone, ErrorClass::RateLimited, Duration::ZERO),
        Verdict::Unauthorized => {
            let first = !given.reauthorized && given.left > Duration::ZERO;
            (first, undone, ErrorClass::Authentication, Duration::ZERO)
        }
    };
    if allowed { After::Retry { class, delay } } else { After::Finish { status, class } }
}

#[test]
fn every_verdict_under_every_condition() {
    for given in every_condition() {
        for verdict in every_verdict() {
            assert_eq!(answer(given, verdict), expected(given, verdict), "{verdict:?} {given:?}");
        }
    }
}

#[test]
fn nothing_is_sent_again_unless_it_was_not_carried_out_or_its_author_says_that_it_may_be() {
    for given in every_condition().into_iter().filter(|given| !given.idempotent) {
        for verdict in every_verdict() {
            let harmless = match verdict {
                Verdict::Throttled | Verdict::Unauthorized => true,
                Verdict::Failed { retry, .. } => retry == Retryable::Yes,
                Verdict::Unknown { .. } => given.on_unknown == OnUnknown::Retry,
                Verdict::Success { .. } | Verdict::Submitted => false,
            };
            if matches!(answer(given, verdict), After::Retry { .. }) {
                assert!(harmless, "{verdict:?} {given:?}");
            }
        }
    }
}

#[test]
fn the_steps_own_max_attempts_goes_before_the_tenants() {
    let given = Given {
        idempotent: false,
        on_unknown: OnUnknown::AsFailure,
        own_max: None,
        counted: 3,
        reauthorized: false,
        maybe_carried_out: false,
        left: LIMIT,
        delay: Duration::ZERO,
    };
    let verdict = Verdict::Failed { class: ErrorClass::Network, retry: Retryable::Yes };
    let again = |given| matches!(answer(given, verdict), After::Retry { .. });
    assert!(!again(given), "the tenant's four are used up");
    assert!(again(Given { own_max: Some(10), ..given }));
    assert!(!again(Given { own_max: Some(2), counted: 1, ..given }));
}

#[test]
fn an_exchange_that_was_refused_does_not_undo_an_earlier_one_that_may_have_been_carried_out() {
    let once_unknown = OpenStep { maybe_carried_out: true, ..OpenStep::new(StepPath::top(0)) };
    assert_eq!(undone(&once_unknown), StepStatus::Unknown);
    assert_eq!(undone(&OpenStep::new(StepPath::top(0))), StepStatus::Failed);
    let (limit, redaction) = (Duration::from_secs(120), Redaction::default());
    let job = Job { id: JobId::parse("j").unwrap(), progress: JobProgress::Queued, polls: 0, limit, redaction };
    let under_way = OpenStep { job: Some(job), ..OpenStep::new(StepPath::top(0)) };
    assert_eq!(undone(&under_way), StepStatus::Unknown, "nobody knows how its job ends");
    for status in [StepStatus::Failed, StepStatus::Unknown] {
        let first = First {
            status,
            class: ErrorClass::Network,
            http_status: None,
            attempts: 1,
            polls: 0,
            job_id: None,
            spent_ms: 0,
            maybe_repeated: false,
            closing: false,
        };
        let fallback = OpenStep { attempts: 1, first: Some(first), ..OpenStep::new(StepPath::top(0)) };
        assert_eq!(undone(&fallback), status, "a fallback that came to nothing undoes nothing");
    }
}

#[test]
fn a_directive_applies_to_failed_and_unknown_alike_and_to_nothing_else() {
    for on_failure in [OnFailure::Abort, OnFailure::Continue, OnFailure::Fallback] {
        for on_unknown in [OnUnknown::AsFailure, OnUnknown::Retry, OnUnknown::Stop] {
            let step = Step { on_failure, on_unknown, ..super::step(0) };
            let stops = on_unknown == OnUnknown::Stop;
            assert_eq!(directive(&step, StepStatus::Success), None);
            assert_eq!(directive(&step, StepStatus::Skipped), None);
            assert_eq!(directive(&step, StepStatus::Failed), Some(on_failure));
            assert_eq!(directive(&step, StepStatus::Unknown), (!stops).then_some(on_failure));
        }
    }
}

#[test]
fn no_directive_applies_to_a_step_that_the_run_clock_or_a_cancel_ended() {
    let chain = of_steps(1);
    let (state, step) = (Log::accepted(&chain).state(), &chain.steps[0]);
    let of = |end, ms| match conclude(&state, step, 1, end, at(ms)) {
        Conclusion::Finish { directive } => directive,
        other => panic!("{other:?}"),
    };
    assert_eq!(of((StepStatus::Failed, ErrorClass::Validation), 299_999), Some(OnFailure::Abort));
    assert_eq!(of((StepStatus::Failed, ErrorClass::Validation), 300_000), None);
    assert_eq!(of((StepStatus::Unknown, ErrorClass::Timeout), 300_000), None);
    assert_eq!(of((StepStatus::Failed, ErrorClass::Cancelled), 10), None);
    assert_eq!(of((StepStatus::Success, ErrorClass::None), 300_000), None);
}
