//! What holds on every tape, whatever the test is about: the order of things of 4.1.

use std::collections::{BTreeSet, HashSet};

use super::fakes::Tape;

/// Fails at the first line that breaks the order.
pub(super) fn hold(tape: &Tape) {
    let mut seen = Seen::default();
    for line in tape.lines() {
        seen.take(&line).unwrap_or_else(|rule| panic!("{rule}: {line}\n{}", tape.all()));
    }
}

#[derive(Default)]
struct Seen {
    /// The intent that no record closes yet.
    open: Option<String>,
    sent: HashSet<String>,
    /// Steps with a job that the platform has.
    jobs: HashSet<String>,
    journaled: BTreeSet<u64>,
    confirmed: BTreeSet<u64>,
    result_journaled: bool,
    result_confirmed: bool,
}

impl Seen {
    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "journal" => rest.split(" + ").try_for_each(|record| self.journal(record)),
            "send" => {
                let exchange = rest.split(" with ").next().unwrap_or_default();
                let step = exchange.split(' ').next().unwrap_or_default();
                ensure(!self.jobs.contains(step), "a known job was submitted again")?;
                ensure(self.open.as_deref() == Some(exchange), "sent without an open intent")?;
                ensure(self.sent.insert(exchange.into()), "sent twice under one number")
            }
            "poll" => {
                let step = rest.split(' ').next().unwrap_or_default();
                ensure(self.jobs.contains(step), "a job was polled that is not journaled")
            }
            "publish" => self.publish(rest.split(' ').next().unwrap_or_default()),
            "confirmed" => {
                match rest.rsplit_once(':') {
                    Some((_, "result")) => self.result_confirmed = true,
                    Some((_, seq)) => drop(self.confirmed.insert(seq.parse().unwrap())),
                    None => unreachable!(),
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn journal(&mut self, record: &str) -> Result<(), &'static str> {
        if let Some(exchange) = record.strip_prefix("intent ") {
            ensure(self.open.is_none(), "a second intent is open")?;
            self.open = Some(exchange.into());
        } else if record.starts_with("withdrawn ") {
            let exchange = self.open.take().ok_or("withdrawn without an intent")?;
            ensure(!self.sent.contains(&exchange), "withdrawn after it was sent")?;
        } else if record.starts_with("step.") {
            self.open = None;
        } else if let Some(step) = record.strip_prefix("submitted ") {
            ensure(self.open.take().is_some(), "submitted without an intent")?;
            self.jobs.insert(step.into());
        } else if let Some(step) = record.strip_prefix("fell back ") {
            // The fallback is another call, and may be another job.
            self.jobs.remove(step);
        } else if record == "result" {
            self.result_journaled = true;
        } else if record == "settled" {
            ensure(self.result_confirmed, "settled before the result was confirmed")?;
        }
        if let Some((_, seq)) = record.split_once('@') {
            self.journaled.insert(seq.parse().unwrap());
        }
        Ok(())
    }

    fn publish(&mut self, id: &str) -> Result<(), &'static str> {
        if id.ends_with(":result") {
            ensure(self.result_journaled, "a result published before it was journaled")?;
            return ensure(self.journaled == self.confirmed, "a result published before all events were confirmed");
        }
        let seq: u64 = id.rsplit(':').next().unwrap().parse().unwrap();
        ensure(self.journaled.contains(&seq), "an event published before it was journaled")?;
        ensure(seq == 1 || self.confirmed.contains(&(seq - 1)), "an event published before its predecessor's confirm")
    }
}

fn ensure(condition: bool, rule: &'static str) -> Result<(), &'static str> {
    if condition { Ok(()) } else { Err(rule) }
}
