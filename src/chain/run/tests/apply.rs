//! A log that could not have been written is refused at the record that could not have followed.

use super::*;

const OK: StepStatus = StepStatus::Success;
const NONE: ErrorClass = ErrorClass::None;

fn begun() -> Log {
    Log::accepted(&of_steps(3))
}

fn over() -> Log {
    begun().event(1, run_finished())
}

fn attempted(index: u16) -> Private {
    Private::Attempted { step: StepPath::top(index), unknown: false, spent_ms: 1, gate_wait_ms: 0 }
}

fn withdrawn(index: u16, attempt: u32) -> Private {
    Private::Withdrawn { step: StepPath::top(index), attempt }
}

fn step_data(index: u16) -> Private {
    Private::StepData {
        step: StepPath::top(index),
        data: None,
        extracted: serde_json::Map::new(),
        child: None,
        message: None,
        omitted: false,
        redaction: crate::chain::action::Redaction::default(),
    }
}

#[test]
fn what_a_run_writes_is_taken() {
    let log = begun()
        .intent(0, 1)
        .private(withdrawn(0, 1))
        .retried(0, 1, ErrorClass::RateLimited, false)
        .private(Private::CancelRequested)
        .intent(0, 2)
        .private(step_data(0))
        .event(9, finished(0, 2, OK, NONE))
        .event(10, finished(1, 0, StepStatus::Failed, ErrorClass::Authentication))
        .event(11, run_finished())
        .private(result())
        .private(Private::CancelRequested)
        .private(Private::Settled);
    let state = log.state();
    assert!(state.is_settled());
    assert_eq!(state.head().seq, 5);
    assert_eq!(state.steps().len(), 2);
}

#[test]
fn what_cannot_follow_is_refused() {
    let new = || Log::of(&of_steps(3));
    let accept = || new().acceptance();
    let other = || Log::of(&Chain { canonical: "{}".into(), ..of_steps(3) }).acceptance();
    let table: Vec<(&str, Log, &str)> = vec![
        ("an intent before acceptance", new().intent(0, 1), "intent"),
        ("an outcome before acceptance", new().event(0, finished(0, 0, OK, NONE)), "step.finished"),
        ("a retry before acceptance", new().event(0, retried(0, 1, NONE)), "step.retried"),
        ("an end before acceptance", new().event(0, run_finished()), "run.finished"),
        ("a result before acceptance", new().private(result()), "result"),
        ("settled before acceptance", new().private(Private::Settled), "settled"),
        ("the acceptance of another definition", new().event(0, other()), "run.accepted"),
        ("a second acceptance", begun().event(1, accept()), "run.accepted"),
        ("a second definition", begun().private(definition()), "definition"),
        ("a first attempt that is not number one", begun().intent(0, 2), "intent"),
        ("attempt number nought", begun().intent(0, 0), "intent"),
        ("an intent for a later step", begun().intent(1, 1), "intent"),
        ("a second intent", begun().intent(0, 1).intent(0, 1), "intent"),
        ("a second intent of a higher number", begun().intent(0, 1).intent(0, 2), "intent"),
        ("an intent for an earlier step", begun().ended(1, 0, 1, OK, NONE).intent(0, 2), "intent"),
        ("an intent beyond the chain", Log::accepted(&of_steps(1)).ended(1, 0, 1, OK, NONE).intent(1, 1), "intent"),
        ("an attempt number twice", begun().retried(0, 1, NONE, false).intent(0, 1), "intent"),
        ("a withdrawal without an intent", begun().private(withdrawn(0, 1)), "withdrawn"),
        ("a withdrawal of another attempt", begun().intent(0, 1).private(withdrawn(0, 2)), "withdrawn"),
        ("a second withdrawal", begun().intent(0, 1).private(withdrawn(0, 1)).private(withdrawn(0, 1)), "withdrawn"),
        ("an attempt without an intent", begun().private(attempted(0)), "attempted"),
        ("an attempt of another step", begun().intent(0, 1).private(attempted(1)), "attempted"),
        ("a retry without an intent", begun().event(1, retried(0, 1, NONE)), "step.retried"),
        ("a retry of another attempt", begun().intent(0, 1).event(1, retried(0, 2, NONE)), "step.retried"),
        ("a second retry", begun().retried(0, 1, NONE, false).event(1, retried(0, 1, NONE)), "step.retried"),
        ("a step out of order", begun().event(1, finished(1, 0, OK, NONE)), "step.finished"),
        ("a step twice", begun().ended(1, 0, 1, OK, NONE).event(1, finished(0, 1, OK, NONE)), "step.finished"),
        ("an exchange without an intent", begun().event(1, finished(0, 1, OK, NONE)), "step.finished"),
        ("an exchange left out", begun().intent(0, 1).event(1, finished(0, 0, OK, NONE)), "step.finished"),
        ("the response of a later step", begun().private(step_data(1)), "step_data"),
        ("a result before the end", begun().private(result()), "result"),
        ("an end with a step open", begun().intent(0, 1).event(1, run_finished()), "run.finished"),
        ("a second end", over().event(1, run_finished()), "run.finished"),
        ("an intent after the end", over().intent(0, 1), "intent"),
        ("an outcome after the end", over().event(1, finished(0, 0, OK, NONE)), "step.finished"),
        ("a response after the end", over().private(step_data(0)), "step_data"),
        ("settled without a result", over().private(Private::Settled), "settled"),
        ("a second result", over().private(result()).private(result()), "result"),
        ("settled twice", over().private(result()).private(Private::Settled).private(Private::Settled), "settled"),
        ("a result after settled", over().private(result()).private(Private::Settled).private(result()), "result"),
    ];
    for (what, log, record) in table {
        assert_eq!(log.refused(), Some(record), "{what}");
    }
}

#[test]
fn the_sequence_has_no_gap_and_the_hashes_link() {
    let event = |log: Log| log.event(1, finished(0, 0, OK, NONE));
    assert_eq!(event(begun()).refused(), None);
    for wrong in [
        Head { seq: 0, ..begun().head },
        Head { seq: 2, ..begun().head },
        Head { hash: "0".repeat(64), ..begun().head },
        Head { hash: begun().definition_hash, ..begun().head },
    ] {
        let log = Log { head: wrong.clone(), ..begun() };
        assert_eq!(event(log).refused(), Some("step.finished"), "{wrong:?}");
    }
}

#[test]
fn a_retry_costs_an_attempt_unless_it_was_a_429_or_the_repeat_after_a_401() {
    let open = |log: Log| log.state().open().unwrap().clone();
    let log = begun().retried(0, 1, ErrorClass::Network, false);
    assert_eq!((open(log.clone()).attempts, open(log.clone()).counted), (1, 1));
    let log = log.retried(0, 2, ErrorClass::RateLimited, false);
    assert_eq!((open(log.clone()).attempts, open(log.clone()).counted), (2, 1));
    let log = log.retried(0, 3, ErrorClass::Authentication, false);
    assert_eq!((open(log.clone()).attempts, open(log.clone()).counted, open(log.clone()).reauthorized), (3, 1, true));
    let log = log.retried(0, 4, ErrorClass::RateLimited, false);
    assert!(open(log.clone()).reauthorized, "a 429 is no new request");
    let log = log.retried(0, 5, ErrorClass::ComputeClusterUnavailable, true);
    let open = open(log);
    assert_eq!((open.attempts, open.counted, open.reauthorized), (5, 2, false));
    assert!(open.maybe_carried_out);
    assert_eq!((open.spent_ms, open.gate_wait_ms, open.last_status), (700, 30, Some(503)));
    assert_eq!(open.last_class, Some(ErrorClass::ComputeClusterUnavailable));
}

#[test]
fn what_may_have_been_carried_out_is_not_forgotten_by_a_later_attempt() {
    let log = begun().retried(0, 1, ErrorClass::Timeout, true).retried(0, 2, ErrorClass::Network, false);
    assert!(log.state().open().unwrap().maybe_carried_out);
}
