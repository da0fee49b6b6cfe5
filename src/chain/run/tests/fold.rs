//! A run is a fold over its log: whatever cuts it, the log alone says how it goes on.

use std::collections::BTreeMap as Map;

use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::driver::{Driven, Exchange, drive};
use super::scripts::{chains, scripts};
use super::*;
use crate::chain::log::Sealed;
use crate::chain::result::ReasonCode;

fn every_input() -> impl Iterator<Item = Inputs> {
    (0..64_u8).map(|bits| Inputs {
        clock_over: bits & 1 > 0,
        nested_over: (bits & 32 > 0).then_some(1),
        expired: bits & 2 > 0,
        hand_back: bits & 4 > 0,
        cancel: bits & 8 > 0,
        reopened: bits & 16 > 0,
    })
}

/// The records as a journal has them: bytes, and read back.
fn stored(records: &[Record]) -> Vec<Record> {
    let one = |record: &Record| match record {
        Record::Event(sealed) => Record::Event(Arc::new(Sealed::parse(&sealed.bytes).unwrap())),
        Record::Private(private) => {
            Record::Private(serde_json::from_str(&serde_json::to_string(private).unwrap()).unwrap())
        }
    };
    records.iter().map(one).collect()
}

fn events(log: &Log) -> Vec<&Sealed> {
    fn event(record: &Record) -> Option<&Sealed> {
        match record {
            Record::Event(sealed) => Some(sealed),
            Record::Private(_) => None,
        }
    }
    log.records.iter().filter_map(event).collect()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Follows the intents through a log: each is closed once, and nothing closes what is not open.
fn closed_intents(log: &Log) -> Result<Map<(StepPath, u32), &'static str>, TestCaseError> {
    let mut open: Option<(StepPath, u32)> = None;
    let mut closed = Map::new();
    let mut close = |open: &mut Option<(StepPath, u32)>, by: &'static str| match open.take() {
        Some(intent) => {
            let before = if by == "withdrawn" { None } else { closed.insert(intent.clone(), by) };
            prop_assert_eq!(before, None, "{:?} is closed twice", intent);
            Ok(())
        }
        None => Err(TestCaseError::fail(format!("{by} closes nothing"))),
    };
    let mut job = false;
    for (n, record) in log.records.iter().enumerate() {
        let falls_back = n > 0 && matches!(log.records[n - 1], Record::Private(Private::FellBack { .. }));
        match record {
            Record::Private(Private::Intent { step, attempt, .. }) => {
                prop_assert_eq!(&open, &None, "two intents are open");
                open = Some((step.clone(), *attempt));
                job = false;
            }
            Record::Private(Private::Withdrawn { .. }) => close(&mut open, "withdrawn")?,
            Record::Private(Private::Submitted { .. }) => {
                close(&mut open, "submitted")?;
                job = true;
            }
            Record::Event(sealed) => match &sealed.event.body {
                // The submission of a job that did not succeed: it was closed when the platform had the job.
                EventBody::StepRetried(_) if open.is_none() && job && falls_back => {}
                EventBody::StepRetried(retried) => {
                    let intent = open.as_ref().map(|(step, attempt)| (step.index(), *attempt));
                    prop_assert_eq!(intent, Some((retried.step_index, retried.attempt)));
                    close(&mut open, "retried")?;
                }
                EventBody::StepFinished(finished) if open.is_some() => {
                    let intent = open.as_ref().map(|(step, attempt)| (step.index(), *attempt));
                    prop_assert_eq!(intent, Some((finished.step_index, finished.attempts)));
                    close(&mut open, "finished")?;
                }
                _ => {}
            },
            Record::Private(_) => {}
        }
    }
    prop_assert_eq!(open, None, "an intent is left open");
    Ok(closed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_prefix_of_a_log_says_what_the_live_run_said(chain in chains(), script in scripts()) {
        let Driven { chain, log, moments, .. } = drive(chain, script);
        let stored = stored(&log.records);
        prop_assert_eq!(moments.len(), stored.len() + 1);
        for (records, live) in moments.iter().enumerate() {
            let replayed = RunState::replay(log.definition_hash.clone(), &stored[..records]).unwrap();
            for inputs in every_input() {
                prop_assert_eq!(decide(&chain, &replayed, inputs), decide(&chain, live, inputs));
            }
            prop_assert_eq!(&replayed, live);
        }
    }

    #[test]
    fn what_has_ended_stays_as_it_is(chain in chains(), script in scripts()) {
        let Driven { chain, log, moments, .. } = drive(chain, script);
        for (records, state) in moments.iter().enumerate() {
            let Some(finished) = state.finished() else { continue };
            for record in &log.records {
                let harmless = matches!(record, Record::Private(Private::CancelRequested));
                let next = records < log.records.len() && *record == log.records[records];
                match state.clone().apply(record) {
                    Ok(after) => {
                        prop_assert!(harmless || next, "{:?} follows the end", record);
                        prop_assert_eq!(after.finished(), Some(finished));
                        prop_assert_eq!(after.ended(), state.ended());
                        prop_assert_eq!(after.head(), state.head());
                    }
                    Err(_) => prop_assert!(!harmless && !next),
                }
            }
            let command = if state.is_settled() { Command::Acknowledge } else { Command::Deliver };
            for inputs in every_input() {
                prop_assert_eq!(decide(&chain, state, inputs), command.clone());
            }
        }
    }

    #[test]
    fn the_hash_chain_has_no_gap_and_anybody_can_recompute_it(chain in chains(), script in scripts()) {
        let Driven { chain, log, .. } = drive(chain, script);
        let mut prev = sha256(&serde_json_canonicalizer::to_string(&serde_json::from_str::<Value>(&chain.canonical)?)?);
        for (sealed, seq) in events(&log).into_iter().zip(1_u64..) {
            let mut form: Value = serde_json::from_str(&sealed.bytes)?;
            prop_assert_eq!(&serde_json_canonicalizer::to_string(&form)?, &sealed.bytes);
            prop_assert_eq!(form["seq"].as_u64(), Some(seq));
            prop_assert_eq!(form["event_id"].as_str(), Some(&*format!("r:{seq}")));
            prop_assert_eq!(form["prev_hash"].as_str(), Some(&*prev));
            let hash = form.as_object_mut().unwrap().remove("hash").unwrap();
            prev = sha256(&serde_json_canonicalizer::to_string(&form)?);
            prop_assert_eq!(hash.as_str(), Some(&*prev));
        }
    }

    #[test]
    fn an_intent_is_closed_once_and_a_known_outcome_is_never_sent_again(chain in chains(), script in scripts()) {
        let Driven { chain, log, exchanges, .. } = drive(chain, script);
        let closed: Vec<(StepPath, u32)> = closed_intents(&log)?.into_keys().collect();
        let mut made: Vec<(StepPath, u32)> = exchanges.iter().map(|made| (made.step.clone(), made.attempt)).collect();
        made.sort_unstable();
        prop_assert_eq!(closed, made, "every exchange has its own record");
        for (n, made) in exchanges.iter().enumerate() {
            let step = chain.step(&made.step).unwrap();
            let same = |later: &Exchange| (&later.step, later.fallback) == (&made.step, made.fallback);
            let again = exchanges[n + 1..].iter().any(same);
            let idempotent = step.operation(made.fallback).unwrap().idempotent;
            let may = match made.known {
                Some(Verdict::Success { .. } | Verdict::Submitted | Verdict::Failed { retry: Retryable::No, .. }) => false,
                Some(Verdict::Failed { retry: Retryable::Yes, .. } | Verdict::Throttled | Verdict::Unauthorized) => true,
                Some(Verdict::Failed { retry: Retryable::IfIdempotent, .. }) => idempotent,
                Some(Verdict::Unknown { .. }) | None => idempotent || step.on_unknown == OnUnknown::Retry,
            };
            prop_assert!(may || !again, "step {} was sent again after {:?}", made.step, made.known);
        }
    }

    #[test]
    fn nothing_is_unknown_of_which_no_intent_was_open(chain in chains(), script in scripts()) {
        let Driven { chain, log, exchanges, .. } = drive(chain, script);
        for step in log.state().ended() {
            let index = &step.path;
            let within = |made: &Exchange| made.step.indices().starts_with(index.indices());
            let unsure = exchanges.iter().any(|made| {
                let job = matches!(made.known, Some(Verdict::Submitted));
                within(made) && (job || matches!(made.known, None | Some(Verdict::Unknown { .. })))
            });
            prop_assert!(unsure || step.event.status != StepStatus::Unknown, "step {} is known", index);
            let called = exchanges.iter().any(|made| within(made) && made.sent);
            let called = called || !matches!(chain.step(index).unwrap().work, Work::Call(_)) || step.event.fallback_used;
            prop_assert!(called || step.event.status != StepStatus::Success, "step {} was never called", index);
        }
    }

    #[test]
    fn whoever_takes_a_run_up_says_so_and_five_times_for_nothing_are_enough(chain in chains(), script in scripts()) {
        let Driven { chain, log, .. } = drive(chain, script);
        let (mut in_vain, mut handed_back, mut looped) = (0, false, false);
        let (mut next, mut runs) = (0, false);
        let nested = chain.steps.iter().any(|step| step.call().is_none());
        for record in &log.records {
            match record {
                Record::Private(Private::HandedBack) => handed_back = true,
                Record::Private(Private::Submitted { .. }) => in_vain = 0,
                Record::Private(Private::FellBack { .. }) => (in_vain, runs) = (0, false),
                Record::Private(Private::Progressed { .. }) if !runs => (in_vain, runs) = (0, true),
                Record::Private(Private::Intent { .. }) => prop_assert!(!looped && !handed_back),
                Record::Private(_) => {}
                Record::Event(sealed) => match &sealed.event.body {
                    EventBody::RunResumed(resumed) => {
                        let step = chain.steps.get(next).or(chain.steps.last()).unwrap();
                        prop_assert!(nested || resumed.from_step == step.id.as_str());
                        in_vain += u32::from(!std::mem::take(&mut handed_back));
                        looped |= in_vain == 5;
                    }
                    EventBody::StepFinished(_) => (in_vain, next, runs) = (0, next + 1, false),
                    EventBody::StepRetried(retried) if retried.error_classification == ErrorClass::OutcomeUnknown => {}
                    EventBody::StepRetried(_) => in_vain = 0,
                    _ => {}
                },
            }
        }
        let code = log.state().finished().and_then(|finished| finished.reason.clone()).map(|reason| reason.code);
        prop_assert!(looped || code != Some(ReasonCode::CrashLoop));
    }

    #[test]
    fn every_accepted_run_ends_and_its_steps_are_in_order(chain in chains(), script in scripts()) {
        let Driven { chain, log, .. } = drive(chain, script);
        let state = log.state();
        prop_assert!(state.is_settled());
        let finished = state.finished().unwrap();
        prop_assert_eq!(finished.reason.is_none(), finished.final_status == FinalStatus::Completed);
        let indices: Vec<u16> = state.steps().iter().map(|step| step.event.step_index).collect();
        prop_assert_eq!(indices, (0..u16::try_from(state.steps().len()).unwrap()).collect::<Vec<_>>());
        if finished.final_status == FinalStatus::Completed {
            prop_assert_eq!(state.steps().len(), chain.steps.len());
        }
    }
}
