//! How a step is carried out, and the fields that only a job has.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::action::NoJob;
use super::super::definition::{JobOptions, Mode};
use super::super::json::{Kind, Report};
use super::expressions::{BEGIN, Place};
use super::fields::{Field, Object};
use super::texts;

/// The fields of a step that belong to a job.
pub(super) const FIELDS: [&str; 3] = ["version_id", "environment_context", "execution_timeout_ms"];

const EXPRESSIONS: &str = "plain texts; expressions stand in payload, when, fallback.payload and fallback.output only";
const VERSION: &str = "v first, then 1 to 63 characters of A-Z a-z 0-9 . _ -";
const EXECUTION_TIMEOUT_MS: std::ops::RangeInclusive<u64> = 1_000..=60_000;
const DEFAULT_EXECUTION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a step may take whose mode nobody knows, in seconds.
pub(super) const WIDEST: std::ops::RangeInclusive<u64> = 5..=900;

/// How long a step of this mode may take, in seconds, and how long it does unless its author says so.
pub(super) fn timeouts(mode: &Mode) -> (std::ops::RangeInclusive<u64>, u64) {
    match mode {
        Mode::Sync => (5..=120, 30),
        Mode::Job(_) => (5..=900, 120),
    }
}

/// How a step is carried out that does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usual {
    /// At once.
    Sync,
    /// As a job.
    Job,
    /// As a job if it has fields of one: what is known of its action now says nothing about what was known when it was written.
    Either,
}

/// The step's mode with what goes with it. `no_job`: why it cannot be a job.
pub(super) fn mode(object: &Object<'_, '_>, usual: Usual, no_job: Option<NoJob>, report: &mut Report<'_>) -> Mode {
    let field = object.optional("mode");
    let choice = field.as_ref().map(|field| field.choice(&[("sync", false), ("job", true)], report));
    if let (Some(field), Some(Some(true)), Some(why)) = (&field, choice, no_job) {
        field.wrong(report, format_args!("asks for a job, which the action cannot be: {why}"), why.allowed());
    }
    let is_job = match (choice, usual) {
        (Some(Some(given)), _) => given,
        // Nobody knows what was meant; the wider bounds of the two are held.
        (Some(None), _) | (None, Usual::Job) => true,
        (None, Usual::Sync) => false,
        (None, Usual::Either) => FIELDS.iter().any(|name| object.optional(name).is_some()),
    };
    if is_job {
        return Mode::Job(options(object, report));
    }
    for name in FIELDS {
        if let Some(field) = object.optional(name) {
            field.wrong(report, "belongs to a job", "only with mode: job");
        }
    }
    Mode::Sync
}

/// A job of which nothing is said.
pub(super) fn usual() -> JobOptions {
    JobOptions { version_id: None, environment_context: BTreeMap::new(), execution_timeout: DEFAULT_EXECUTION_TIMEOUT }
}

fn options(object: &Object<'_, '_>, report: &mut Report<'_>) -> JobOptions {
    let timeout = object.optional("execution_timeout_ms").and_then(|field| field.integer(EXECUTION_TIMEOUT_MS, report));
    let context = object.optional("environment_context").and_then(|field| {
        plain(&field, report);
        texts(&field, report)
    });
    JobOptions {
        version_id: object.optional("version_id").and_then(|field| version_id(&field, report)),
        environment_context: context.unwrap_or_default(),
        execution_timeout: timeout.map_or(DEFAULT_EXECUTION_TIMEOUT, Duration::from_millis),
    }
}

/// Reports every expression: they would be sent as they are written.
fn plain(field: &Field<'_, '_>, report: &mut Report<'_>) {
    let Kind::Object(members) = &field.node.kind else { return };
    for member in members {
        let pointer = field.pointer.key(&member.key);
        let value = if let Kind::String(text) = &member.node.kind { text } else { "" };
        for (text, span) in [(&*member.key, member.key_span), (value, member.node.span)] {
            if let Some(at) = text.find(BEGIN) {
                let place = Place { pointer: &pointer, span };
                let allowed = Some(EXPRESSIONS.to_owned());
                place.note(
                    &(at..at + BEGIN.len()),
                    "has an expression, which would be sent as it is written",
                    allowed,
                    report,
                );
            }
        }
    }
}

fn version_id(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<String> {
    let text = field.text(report)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let valid = (2..=64).contains(&text.len()) && text.starts_with('v') && text.bytes().all(allowed);
    if !valid {
        field.wrong(report, "is not a version", VERSION);
    }
    valid.then(|| text.to_owned())
}
