//! From the bytes of a message to a [`Chain`], or to everything that is wrong with it.
//!
//! The tree is walked by hand, and a fault never ends the walk: whoever has to mend a message sees all its problems at
//! once, each at its place. Nothing is sent, looked up or decided by a clock in here, so the same bytes give the same
//! answer in the worker and in the offline `check` command.

mod catalogue;
mod definition;
mod demands;
mod depth;
mod expressions;
mod extract;
mod fallback;
mod fields;
mod job;
mod names;
mod nested;
mod operation;
mod payload;
mod required;
mod spelling;
mod step;
mod steps;
#[cfg(test)]
mod tests;
mod time;
mod tree;
mod when;

use std::collections::BTreeMap;

use fields::Field;

use super::canonical::canonical;
use super::definition::Chain;
use super::ids::{ChainId, RunId, TenantName};
use super::json::{self, Node, Pointer, Report, Span};
use super::problem::Problems;

pub use catalogue::{Catalogue, Offer};

/// The most that `worker.max_message_bytes` can allow, in bytes: whatever is larger was never accepted.
pub const LARGEST_MESSAGE: usize = 16 << 20;

/// A message as it came from a work queue.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    /// The message body.
    pub body: &'a [u8],
    /// The AMQP property `message_id`; an empty one counts as absent.
    pub message_id: Option<&'a str>,
    /// The tenant of the queue that the message came from.
    pub queue_tenant: &'a TenantName,
}

/// Why a message is not a chain, and what of it can be told nevertheless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problems}")]
pub struct Rejection {
    /// Everything that is wrong with it: at least one problem.
    pub problems: Problems,
    /// The run id in the body, else the AMQP `message_id`, where it is valid.
    pub run_id: Option<RunId>,
    /// The chain id, where it is valid.
    pub chain_id: Option<ChainId>,
    /// The tenant in the body where it is valid and known, else the queue's.
    pub tenant: TenantName,
}

/// Checks a message against the contract for chain definitions.
///
/// # Errors
/// [`Rejection`] with every problem of the message, bounded in number and size however long the message is.
pub fn check(submission: &Submission<'_>, catalogue: &Catalogue) -> Result<Chain, Rejection> {
    let mut report = Report::new(submission.body);
    let root = json::read(submission.body, &mut report);
    let message_id = message_id(submission, root.as_ref(), &mut report);
    let (names, rest) = match &root {
        Some(root) => {
            let given = (message_id.as_ref(), submission.queue_tenant);
            definition::walk(root, given, catalogue, &mut report)
        }
        None => Default::default(),
    };
    let run_id = names.run_id.or(message_id);
    if catalogue.requires_run_id() && run_id.is_none() {
        let span = root.as_ref().map_or(Span { start: 0, end: 0 }, |root| root.span);
        report.add_allowing(&Pointer::ROOT, span, "names no run", "a run_id, or an AMQP message_id");
    }
    let problems = report.finish();
    let tenant = names.tenant.unwrap_or_else(|| submission.queue_tenant.clone());
    match (root, names.chain_id, rest) {
        (Some(root), Some(chain_id), Some(rest)) if problems.is_empty() => Ok(Chain {
            chain_id,
            run_id,
            tenant,
            global_timeout: rest.global_timeout,
            expires_at: rest.expires_at,
            metadata: rest.metadata,
            steps: rest.steps,
            canonical: canonical(&root.to_value()),
        }),
        (_, chain_id, _) => Err(Rejection { problems, run_id, chain_id, tenant }),
    }
}

/// An object of strings.
fn texts(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for member in field.members(report)? {
        let entry = Field { pointer: field.pointer.key(&member.key), node: &member.node };
        if let Some(text) = entry.text(report) {
            texts.insert(member.key.clone().into_owned(), text.to_owned());
        }
    }
    Some(texts)
}

/// The AMQP `message_id` as a run id. It stands outside of the body, so its problem is one of the whole message.
fn message_id(submission: &Submission<'_>, root: Option<&Node<'_>>, report: &mut Report<'_>) -> Option<RunId> {
    let text = submission.message_id.filter(|text| !text.is_empty())?;
    let run_id = RunId::parse(text);
    if run_id.is_err() {
        let span = root.map_or(Span { start: 0, end: 0 }, |root| root.span);
        let what = "has an AMQP message_id that cannot be a run id";
        report.add_allowing(&Pointer::ROOT, span, what, RunId::ALLOWED);
    }
    run_id.ok()
}
