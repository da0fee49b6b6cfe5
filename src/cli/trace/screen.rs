//! A timeline as a person reads it: when, how long as a bar, and what. Colours are for terminals only, which `anstream` sees to.

use owo_colors::OwoColorize;

use super::super::figures::{broken, bytes, count, span};
use super::super::text::plain;
use super::bar::{Bar, Scale};
use super::entry::{Accepted, Call, CallOutcome, Entry, FellBack, Finished, Job, Place, Resumed, Step, What};
use crate::chain::result::FinalStatus;
use crate::chain::stamp::millis;
use crate::chain::{ErrorClass, StepStatus};

/// Shorter waits at the gate are not worth a word.
const WORTH_A_WORD_MS: u64 = 10;
/// Text narrower than this gets the place of the bars, too.
const TEXT_AT_LEAST: usize = 45;
/// `59 min 59 s` and what separates it.
const OFFSET: usize = 12;

/// What a line says, in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Bad,
    Care,
    News,
    Name,
}

/// One thing that happened.
struct Row {
    offset: Option<u64>,
    bar: Option<Bar>,
    tone: Tone,
    /// A sign and a few words.
    head: String,
    /// What else there is to say, bit by bit: a line is broken between them.
    details: Vec<String>,
    /// So deep.
    indent: usize,
}

/// The lines of a timeline for so many columns.
pub(super) fn lines(entries: &[Entry], columns: usize) -> Vec<String> {
    let scale = (columns >= OFFSET + Scale::COLUMNS + TEXT_AT_LEAST).then(|| Scale::of(entries));
    let mut out: Vec<String> =
        scale.iter().map(|scale| format!("{:OFFSET$}{}", "", scale.heading().dimmed())).collect();
    for row in rows(entries) {
        out.extend(row.lines(scale.as_ref(), columns));
    }
    out
}

fn rows(entries: &[Entry]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut at: Option<&Place> = None;
    let mut free_since = 0;
    for entry in entries {
        let place = match &entry.what {
            What::Call(call) => Some(&call.place),
            What::Job(job) => Some(&job.place),
            What::Entered(place) => Some(place),
            What::FellBack(fell_back) => Some(&fell_back.place),
            What::Step(step) => Some(&step.place),
            What::Accepted(_)
            | What::Resumed(_)
            | What::HandedBack
            | What::CancelRequested
            | What::Finished(_)
            | What::Settled
            | What::Acknowledged => None,
        };
        if place.is_some() && place != at {
            at = place;
            rows.extend(place.map(heading));
        }
        let mut row = row(entry);
        row.offset = entry.offset_ms;
        row.indent = if place.is_some() { 2 } else { 0 };
        row.bar = bar(entry, free_since);
        free_since = row.bar.as_ref().map_or(free_since, |bar| bar.to);
        rows.push(row);
    }
    rows
}

/// Where the time of an entry is; before a call, there is what was waited since the last thing happened.
fn bar(entry: &Entry, free_since: u64) -> Option<Bar> {
    let at = entry.offset_ms?;
    Some(match &entry.what {
        What::Call(call) => Bar::work(free_since, at, at + call.took_ms.unwrap_or(0)),
        What::Job(_) => Bar::job(free_since, at),
        What::Step(step) if step.job_id.is_some() => Bar::job(free_since, at),
        What::Resumed(resumed) => Bar::gap(at - resumed.gap_ms.unwrap_or(0).min(at), at),
        _ => Bar::work(at, at, at),
    })
}

fn heading(place: &Place) -> Row {
    let details = place.action_id.iter().cloned().collect();
    Row { offset: None, bar: None, tone: Tone::Name, head: place.step_id.clone(), details, indent: 0 }
}

fn row(entry: &Entry) -> Row {
    let (tone, head, details) = match &entry.what {
        What::Accepted(accepted) => accepted_row(accepted, entry),
        What::Call(call) => call_row(call),
        What::Job(job) => job_row(job),
        What::Entered(_) => (Tone::News, "▾ its chain begins".into(), Vec::new()),
        What::FellBack(fell_back) => fell_back_row(fell_back),
        What::Step(step) => step_row(step),
        What::Resumed(resumed) => resumed_row(resumed),
        What::HandedBack => (Tone::Care, "⏸ handed back".into(), vec!["its worker was stopping".into()]),
        What::CancelRequested => (Tone::Care, "■ somebody asked for its end".into(), Vec::new()),
        What::Finished(finished) => finished_row(finished),
        What::Settled => (Tone::Good, "✔ settled".into(), vec!["the broker has confirmed all of it".into()]),
        What::Acknowledged => (Tone::Good, "✔ acknowledged".into(), Vec::new()),
    };
    Row { offset: None, bar: None, tone, head, details, indent: 0 }
}

type Words = (Tone, String, Vec<String>);

fn accepted_row(accepted: &Accepted, entry: &Entry) -> Words {
    let mut details = vec![count(u64::from(accepted.steps_total), "step")];
    details.extend(entry.at.map(|at| format!("deadline in {}", span(millis(accepted.deadline.since(at))))));
    details.extend(accepted.redelivered.then(|| "the message was redelivered".into()));
    details.extend(accepted.run_id_assigned.then(|| "the message had no id, and got this one".into()));
    details.extend(accepted.correlation_id.as_ref().map(|id| format!("correlation id {id}")));
    details.extend(accepted.redrive_of.as_ref().map(|run| format!("redrive of {run}")));
    (Tone::News, format!("▸ accepted by {}", accepted.worker), details)
}

fn call_row(call: &Call) -> Words {
    let number = call.attempt;
    let waited = call.gate_wait_ms.filter(|waited| *waited >= WORTH_A_WORD_MS);
    let again = call.delay_ms.map(|delay| match delay {
        0 => "again at once".to_owned(),
        delay => format!("again in {}", span(delay)),
    });
    let mut details: Vec<String> = call.http_status.iter().map(ToString::to_string).collect();
    details.extend(call.error_classification.filter(|class| *class != ErrorClass::None).map(|c| c.as_str().into()));
    details.extend(call.job_id.as_ref().map(|job| format!("is job {job}")));
    details.extend(call.took_ms.map(span));
    details.extend(waited.map(|waited| format!("after {} at the gate", span(waited))));
    details.extend(again);
    let known: Vec<String> = match call.outcome {
        CallOutcome::Decided | CallOutcome::Submitted | CallOutcome::FellBack => {
            return (Tone::News, format!("→ call {number}"), details);
        }
        CallOutcome::Retried => return (Tone::Care, format!("↻ call {number}"), details),
        CallOutcome::Withdrawn => {
            return (Tone::Care, format!("⊘ call {number}"), vec!["not made: its permit was too old".into()]);
        }
        CallOutcome::Open => vec!["no answer yet".into()],
        CallOutcome::Unrecorded => {
            vec!["sent? nobody knows".into(), "its worker was gone before the answer".into()]
        }
    };
    (Tone::Bad, format!("? call {number}"), [known, details].concat())
}

fn job_row(job: &Job) -> Words {
    (Tone::News, format!("… job {}", job.progress.as_str()), vec![count(u64::from(job.polls), "poll")])
}

fn fell_back_row(fell_back: &FellBack) -> Words {
    let words = vec![fell_back.error_classification.as_str().into(), "its fallback is called".into()];
    (Tone::Care, format!("⤵ {}", fell_back.status.as_str()), words)
}

fn step_row(step: &Step) -> Words {
    let mut details = vec![span(step.latency_ms)];
    if step.error_classification != ErrorClass::None {
        details.insert(0, step.error_classification.as_str().into());
    }
    details.extend((step.attempts > 1).then(|| count(u64::from(step.attempts), "call")));
    details.extend((step.attempts == 0 && step.place.action_id.is_some()).then(|| "no call was made".into()));
    details.extend(step.job_id.is_some().then(|| count(u64::from(step.polls), "poll")));
    let waited = Some(step.gate_wait_ms).filter(|waited| *waited >= WORTH_A_WORD_MS);
    details.extend(waited.map(|waited| format!("{} at the gate besides", span(waited))));
    details.extend(step.fallback_used.then(|| "by its fallback".into()));
    details.extend(step.maybe_repeated.then(|| "may have been carried out more than once".into()));
    details.extend(step.directive.map(|directive| format!("→ {}", directive.as_str())));
    let (tone, sign) = match step.status {
        StepStatus::Success => (Tone::Good, '✔'),
        StepStatus::Failed => (Tone::Bad, '✖'),
        StepStatus::Unknown => (Tone::Bad, '?'),
        StepStatus::Skipped => (Tone::Care, '○'),
    };
    (tone, format!("{sign} {}", step.status.as_str()), details)
}

fn resumed_row(resumed: &Resumed) -> Words {
    let mut details = vec![format!("at {}", resumed.from_step)];
    details.extend(resumed.gap_ms.map(|gap| format!("{} after the last record", span(gap))));
    let again = resumed.worker == resumed.previous_worker;
    details.extend((!again).then(|| format!("{} had it before", resumed.previous_worker)));
    (Tone::Care, format!("↺ taken up by {}", resumed.worker), details)
}

fn finished_row(finished: &Finished) -> Words {
    let event = &finished.event;
    let tone = if event.final_status == FinalStatus::Completed { Tone::Good } else { Tone::Bad };
    let mut details = vec![span(event.total_latency_ms)];
    details.extend(event.reason.as_ref().map(|reason| reason.message.clone()));
    details.extend(finished.result_bytes.map(|size| format!("a result of {}", bytes(size))));
    (tone, format!("■ {}", event.final_status.as_str()), details)
}

impl Row {
    fn lines(&self, scale: Option<&Scale>, columns: usize) -> Vec<String> {
        let head = plain(&self.head);
        let details: Vec<String> = self.details.iter().map(plain).collect();
        let margin = OFFSET + scale.map_or(0, |_| Scale::COLUMNS) + self.indent;
        let texts = broken(&head, &details, columns, margin);
        let lines = texts.iter().enumerate().map(|(n, text)| {
            // The gutter goes on beside further lines, empty.
            let first = n == 0;
            let offset = self.offset.filter(|_| first).map(span).unwrap_or_default();
            let bar = scale.map(|scale| scale.draw(self.bar.as_ref().filter(|_| first))).unwrap_or_default();
            let text = text.strip_prefix(&head).filter(|_| first).map(|rest| self.paint(&head) + rest);
            let text = text.unwrap_or_else(|| texts[n].clone());
            format!("{offset:>11} {bar}{:1$}{text}", "", self.indent)
        });
        lines.collect()
    }

    fn paint(&self, head: &str) -> String {
        match self.tone {
            Tone::Good => head.green().to_string(),
            Tone::Bad => head.red().to_string(),
            Tone::Care => head.yellow().to_string(),
            Tone::News => head.cyan().to_string(),
            Tone::Name => head.bold().to_string(),
        }
    }
}
