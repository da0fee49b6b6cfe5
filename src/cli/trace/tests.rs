//! What is shown of logs.

mod log;

use serde_json::{Value, json};

use super::*;
use crate::chain::log::Private;
use crate::chain::result::FinalStatus;
use crate::chain::{ErrorClass, JobProgress, OnFailure, StepPath, StepStatus};
use log::{Log, at, eventful};

fn shown(trace: &Trace, columns: usize) -> String {
    let lines = trace.lines(at(20_000), columns).join("\n");
    anstream::adapter::strip_str(&lines).to_string()
}

#[test]
fn everything_that_a_log_can_tell_is_told() {
    insta::assert_snapshot!(shown(&eventful().acknowledged(), usize::MAX), @r#"
    Run run-1 of order-export for tenant default, in q
    ■ indeterminate  3 of 3 steps, 12.0 s
    began 2023-11-14T22:13:20.000Z

                 0             12.1 s
           0 ms ▏█                   ▏ ▸ accepted by w-1  3 steps · deadline in 5 min 00 s · correlation id c-1
                ▏                    ▏ find  da-find
           2 ms ▏█                   ▏   ⊘ call 1  not made: its permit was too old
          30 ms ▏█                   ▏   ↻ call 1  429 · RATE_LIMITED · 50 ms · after 28 ms at the gate · again in 2.0 s
          2.1 s ▏░░░█                ▏   ↻ call 2  503 · COMPUTE_CLUSTER_UNAVAILABLE · 50 ms · after 2.0 s at the gate · again in 900 ms
          3.1 s ▏   ░░█              ▏   → call 3  200 · 50 ms · after 10 ms at the gate
          3.1 s ▏     █              ▏   ✔ success  1.1 s · 3 calls · 2.1 s at the gate besides
                ▏                    ▏ export  da-export
          3.1 s ▏     █              ▏   → call 1  is job job-7 · 55 ms
          4.2 s ▏     ▒▒             ▏   … job running  2 polls
          9.0 s ▏      ╌╌╌╌╌╌╌╌╌     ▏ ↺ taken up by w-2  at export · 4.8 s after the last record · w-1 had it before
          9.5 s ▏              ▒▒    ▏   ✔ success  1.6 s · 4 polls
                ▏                    ▏ step_2  da-mail
          9.5 s ▏               █    ▏   ? call 1  sent? nobody knows · its worker was gone before the answer · OUTCOME_UNKNOWN
         12.0 s ▏               ╌╌╌╌╌▏ ↺ taken up by w-1  at step_2 · 2.5 s after the last record · w-2 had it before
         12.0 s ▏                   █▏   ? unknown  OUTCOME_UNKNOWN · 0 ms · → abort
                ▏                    ▏ ■ somebody asked for its end
         12.0 s ▏                   █▏ ■ indeterminate  12.0 s · step step_2 (da-mail): nobody knows · a result of 1.4 KiB
                ▏                    ▏ ✔ settled  the broker has confirmed all of it
         12.1 s ▏                   █▏ ✔ acknowledged

    9 exchanges: 5 calls (1 answered 429, 1 of which nobody knows), 4 polls  205 ms in calls · 2.1 s at the gate · 900 ms of back-off · taken up again 2 times, after 7.3 s without a record
    "#);
}

/// A step that is skipped is none that is done, and a call that is followed by a fallback is none that is made again.
#[test]
fn steps_that_are_skipped_and_fallbacks_are_told_for_what_they_are() {
    let mut log = Log::accepted();
    log.finished(0, 10, |step| {
        (step.status, step.http_status, step.attempts, step.latency_ms) = (StepStatus::Skipped, None, 0, 0);
    });
    log.intent(1, 1, 20);
    log.fell_back((1, 1), 70, 50);
    log.intent(1, 2, 80);
    log.finished(1, 130, |step| {
        (step.attempts, step.fallback_used, step.directive) = (2, true, Some(OnFailure::Fallback));
        (step.error_classification, step.latency_ms) = (ErrorClass::Authorization, 100);
    });
    let trace = log.trace();
    insta::assert_snapshot!(shown(&trace, usize::MAX), @r"
    Run run-1 of order-export for tenant default, in q
    … open at step_2: waits for a token or the gate  1 done, 1 skipped of 3 steps, 20.0 s
    began 2023-11-14T22:13:20.000Z

                 0             130 ms
           0 ms ▏█                   ▏ ▸ accepted by w-1  3 steps · deadline in 5 min 00 s · correlation id c-1
                ▏                    ▏ find  da-find
          10 ms ▏ █                  ▏   ○ skipped  0 ms · no call was made
                ▏                    ▏ export  da-export
          20 ms ▏ ░░████████         ▏   → call 1  403 · AUTHORIZATION · 50 ms
          60 ms ▏         █          ▏   ⤵ failed  AUTHORIZATION · its fallback is called
                ▏                    ▏ export
          80 ms ▏         ░░░████████▏   → call 2  200 · 50 ms
                ▏                    ▏ export  da-export
         130 ms ▏                   █▏   ✔ success  AUTHORIZATION · 100 ms · 2 calls · by its fallback · → fallback

    2 calls  100 ms in calls
    ");
    let json: Value = serde_json::from_str(&trace.json()).unwrap();
    assert_eq!((&json["totals"]["skipped"], &json["run"]["steps_done"]), (&1.into(), &2.into()));
    let calls = json["entries"].as_array().unwrap().iter().filter(|entry| entry["entry"] == "call");
    let outcomes: Vec<&Value> = calls.map(|call| &call["outcome"]).collect();
    assert_eq!(outcomes, ["fell_back", "decided"]);
}

/// The clock of a step with a nested chain is a sum over the inner steps: no point in time follows from it.
#[test]
fn time_does_not_run_backwards_where_a_nested_chain_falls_back() {
    let mut log = Log::of(&json!({"chain_id": "order-export", "steps": [
        {"id": "n", "chain": {"steps": [{"id": "g", "action_id": "da-g"}, {"id": "h", "action_id": "da-h"}]},
         "on_failure": "fallback", "fallback": {"output": {}}},
        {"id": "j", "action_id": "da-j", "mode": "job"},
    ]}));
    let n = StepPath::top(0);
    log.private(Private::Entered { step: n.clone(), at: at(5), deadline: None });
    for (inner, id, ms) in [(0, "n.g", 30), (1, "n.h", 2044)] {
        log.private(Private::Intent { step: n.child(inner), attempt: 1, at: at(ms - 18), payload_hash: "p".into() });
        log.finished(0, ms, |step| (step.step_id, step.latency_ms) = (id.into(), 18));
    }
    log.private(Private::FellBack {
        step: n,
        status: StepStatus::Failed,
        class: ErrorClass::Authorization,
        http_status: None,
        polls: 0,
        spent_ms: 36,
        gate_wait_ms: 0,
    });
    log.finished(0, 2045, |step| (step.step_id, step.fallback_used, step.latency_ms) = ("n".into(), true, 36));
    log.intent(1, 1, 2046);
    // Readings are rounded: the step's clock may be a millisecond ahead of the next record.
    let (step, progress) = (StepPath::top(1), JobProgress::Running);
    log.private(Private::Progressed { step, progress, polls: 1, spent_ms: 16, gate_wait_ms: 0 });
    log.finished(1, 2060, |step| step.latency_ms = 16);
    log.over(2061, FinalStatus::Completed, None);
    let json: Value = serde_json::from_str(&log.trace().json()).unwrap();
    let told = json["entries"].as_array().unwrap().iter();
    let told: Vec<_> =
        told.map(|entry| (entry["entry"].as_str().unwrap(), entry["offset_ms"].as_u64().unwrap())).collect();
    let falls = told.iter().position(|(entry, _)| *entry == "fell_back").unwrap();
    assert_eq!(
        told[falls..],
        [("fell_back", 2044), ("step", 2045), ("call", 2046), ("job", 2060), ("step", 2060), ("finished", 2061)]
    );
    assert!(told.is_sorted_by_key(|(_, offset)| *offset), "{told:?}");
}

#[test]
fn a_narrow_terminal_gets_no_bars_and_lines_that_fit() {
    let narrow = shown(&eventful().trace(), 48);
    insta::assert_snapshot!(narrow, @r#"
    Run run-1 of order-export for tenant default, in q
    ■ indeterminate, not yet acknowledged  3 of 3 steps, 12.0 s
    began 2023-11-14T22:13:20.000Z

           0 ms ▸ accepted by w-1  3 steps
                  deadline in 5 min 00 s
                  correlation id c-1
                find  da-find
           2 ms   ⊘ call 1
                    not made: its permit was too old
          30 ms   ↻ call 1  429 · RATE_LIMITED
                    50 ms · after 28 ms at the gate
                    again in 2.0 s
          2.1 s   ↻ call 2  503
                    COMPUTE_CLUSTER_UNAVAILABLE
                    50 ms · after 2.0 s at the gate
                    again in 900 ms
          3.1 s   → call 3  200 · 50 ms
                    after 10 ms at the gate
          3.1 s   ✔ success  1.1 s · 3 calls
                    2.1 s at the gate besides
                export  da-export
          3.1 s   → call 1  is job job-7 · 55 ms
          4.2 s   … job running  2 polls
          9.0 s ↺ taken up by w-2  at export
                  4.8 s after the last record
                  w-1 had it before
          9.5 s   ✔ success  1.6 s · 4 polls
                step_2  da-mail
          9.5 s   ? call 1  sent? nobody knows
                    its worker was gone before the answer
                    OUTCOME_UNKNOWN
         12.0 s ↺ taken up by w-1  at step_2
                  2.5 s after the last record
                  w-2 had it before
         12.0 s   ? unknown  OUTCOME_UNKNOWN · 0 ms
                    → abort
                ■ somebody asked for its end
         12.0 s ■ indeterminate  12.0 s
                  step step_2 (da-mail): nobody knows
                  a result of 1.4 KiB
                ✔ settled
                  the broker has confirmed all of it

    9 exchanges: 5 calls (1 answered 429, 1 of which nobody knows), 4 polls
      205 ms in calls · 2.1 s at the gate
      900 ms of back-off
      taken up again 2 times, after 7.3 s without a record
    "#);
}

#[test]
fn the_bars_have_room_from_80_columns_on() {
    let shown = shown(&eventful().trace(), 80);
    assert!(shown.contains('█'));
    let too_long: Vec<_> = shown.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
}

#[test]
fn json_has_the_run_the_sums_and_every_entry() {
    let trace: Value = serde_json::from_str(&eventful().trace().json()).unwrap();
    insta::assert_json_snapshot!(trace["run"], @r#"
    {
      "accepted_at": "2023-11-14T22:13:20.000Z",
      "acknowledged_at": null,
      "at_step": null,
      "chain_id": "order-export",
      "damage": null,
      "deadline": "2023-11-14T22:18:20.000Z",
      "final_status": "indeterminate",
      "finished_at": "2023-11-14T22:13:32.002Z",
      "leased_until": "2023-11-14T22:13:50.000Z",
      "queue": "q",
      "run_id": "run-1",
      "state": "settled",
      "steps_done": 3,
      "steps_total": 3,
      "tenant": "default",
      "waits_for": null,
      "worker": "w-1"
    }
    "#);
    insta::assert_json_snapshot!(trace["totals"], @r#"
    {
      "away_ms": 7315,
      "back_off_ms": 900,
      "calls": 5,
      "gate_wait_ms": 2061,
      "polls": 4,
      "resumed": 2,
      "skipped": 0,
      "throttled": 1,
      "unrecorded": 1,
      "working_ms": 205
    }
    "#);
    insta::assert_json_snapshot!(trace["entries"][1], @r#"
    {
      "action_id": "da-find",
      "at": "2023-11-14T22:13:20.002Z",
      "attempt": 1,
      "delay_ms": null,
      "entry": "call",
      "error_classification": null,
      "gate_wait_ms": null,
      "http_status": null,
      "job_id": null,
      "offset_ms": 2,
      "outcome": "withdrawn",
      "step_id": "find",
      "step_index": 0,
      "took_ms": null
    }
    "#);
}

/// What an open run waits for, read off every cut of a log.
#[test]
fn an_open_run_says_what_it_waits_for() {
    let log = eventful();
    let mut waits = Vec::new();
    for end in 0..=log.records.len() {
        let words = Standing::with_log(&log.summary(end), &log.records[..end]).words(at(2500));
        if waits.last() != Some(&words) {
            waits.push(words);
        }
    }
    insta::assert_snapshot!(waits.join("\n"), @r#"
    not yet accepted
    open at find: waits for a token or the gate
    open at find: call 1 is on its way
    open at find: waits for a token or the gate
    open at find: call 1 is on its way
    open at find: waits out the tenant's pause after a 429
    open at find: call 2 is on its way
    open at find: backs off for 550 ms
    open at find: call 3 is on its way
    open at export: waits for a token or the gate
    open at export: call 1 is on its way
    open at export: job job-7 is queued
    open at export: job job-7 is running
    open at step_2: waits for a token or the gate
    open at step_2: call 1 is on its way
    open: every step has its outcome
    indeterminate, not yet published
    indeterminate, not yet acknowledged
    "#);
}

#[test]
fn an_open_run_that_no_worker_has_or_that_is_late_says_so() {
    let log = eventful();
    let end =
        log.records.iter().position(|record| matches!(record, Record::Private(Private::Submitted { .. }))).unwrap();
    let standing = Standing::with_log(&log.summary(end), &log.records[..end]);
    let words: Vec<String> = [29_999, 30_000, 300_001].map(|ms| standing.words(at(ms))).to_vec();
    insta::assert_snapshot!(words.join("\n"), @r#"
    open at export: call 1 is on its way
    open at export: call 1 was on its way; no worker has it
    open at export, past its deadline for 1 ms
    "#);
}

#[test]
fn a_log_with_a_record_out_of_its_place_is_called_damaged_and_still_shown() {
    let mut log = eventful();
    log.records.remove(4);
    let shown = shown(&log.trace(), usize::MAX);
    assert!(shown.contains("(damaged: "), "{shown}");
    assert!(shown.contains("✔ settled"), "{shown}");
}

/// The journal is a file, and whoever may write to it may write what they like.
#[test]
fn a_log_cannot_speak_to_the_terminal() {
    let mut log = Log::accepted();
    log.resumed(10, "w\u{1b}]0;title\u{7}\u{9b}2J\u{202e}", "x\u{1b}[2J");
    let trace = log.trace();
    let lines = trace.lines(at(20), usize::MAX).join("\n");
    let shown = anstream::adapter::strip_str(&lines).to_string();
    assert!(shown.contains(r"w\u{1b}]0;title\u{7}\u{9b}2J\u{202e}"), "{shown}");
    for text in [&lines, &trace.json()] {
        assert!(!text.contains("\u{1b}]") && !text.contains("\u{1b}[2J") && !text.contains(['\u{9b}', '\u{202e}']));
    }
}
