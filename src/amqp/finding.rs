//! What the broker says to a declaration, and what of it is a finding about the object.

use std::fmt;

use lapin::ErrorKind;
use lapin::protocol::AMQPError;
use serde::Serialize;

use super::rights::{Doing, refusal};

/// One thing that keeps the worker from starting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// `queue cxchain.chains`.
    pub object: String,
    /// The argument that differs; `None` where it is not about one.
    pub argument: Option<String>,
    /// What the broker has.
    pub found: String,
    /// What the worker wants.
    pub wanted: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        if let Some(argument) = &self.argument {
            write!(f, ", argument {argument}")?;
        }
        write!(f, ": found {}, wanted {}", self.found, self.wanted)
    }
}

/// The broker does not have what the worker stands on.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// All that differs or is missing, and what to do about it.
    #[error("RabbitMQ does not have what is needed:\n{}\n{}", lines(.0), advice(.0))]
    Mismatch(Vec<Mismatch>),
    /// The user may not do what a worker does: each permission with its object.
    #[error("RabbitMQ does not let this user work. Missing:\n{}\n{GRANT}", lines(.0))]
    Forbidden(Vec<String>),
    /// The broker could not answer: the connection was lost, or the broker is on its way up or down.
    #[error("RabbitMQ could not say what exchanges and queues it has: {0}")]
    Connection(String),
}

/// What to do about a missing permission.
const GRANT: &str = "`rabbitmqctl set_permissions` grants it: docs/OPERATIONS.md has the line for each kind of user.";

impl TopologyError {
    /// The first that says that the queue is there, and is not what a worker needs.
    pub(super) fn differs(&self, queue: &str) -> Option<&Mismatch> {
        let Self::Mismatch(mismatches) = self else { return None };
        let object = queue_object(queue);
        mismatches.iter().find(|mismatch| mismatch.object == object && mismatch.argument.is_some())
    }
}

/// How findings name an exchange.
pub(super) fn exchange_object(name: &str) -> String {
    format!("exchange {name}")
}

/// How findings name a queue.
pub(super) fn queue_object(name: &str) -> String {
    format!("queue {name}")
}

fn lines(all: &[impl fmt::Display]) -> String {
    all.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n")
}

fn advice(mismatches: &[Mismatch]) -> String {
    let missing = "`cxchain topology apply` makes what is missing.";
    let differs = "RabbitMQ cannot change what differs: delete it, or choose another name in the configuration.";
    let parts = [
        mismatches.iter().any(Mismatch::is_missing).then_some(missing),
        mismatches.iter().any(|mismatch| mismatch.argument.is_some()).then_some(differs),
        mismatches.iter().any(Mismatch::is_forbidden).then_some(GRANT),
        Some("`cxchain topology print` shows what is wanted."),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

impl Mismatch {
    fn is_missing(&self) -> bool {
        self.found == NOTHING
    }

    /// Whether the broker did not say what is there, because this user may not know.
    pub(super) fn is_forbidden(&self) -> bool {
        self.found.starts_with("ACCESS_REFUSED")
    }
}

/// What is found of an object that is not there.
const NOTHING: &str = "nothing";

pub(super) fn lost(error: &lapin::Error) -> TopologyError {
    TopologyError::Connection(error.to_string())
}

/// A refusal of the broker is a finding; anything else is no answer.
pub(super) fn judge(
    object: String,
    doing: Doing,
    answer: lapin::Result<()>,
    wanted: &str,
) -> Result<Option<Mismatch>, TopologyError> {
    let Err(error) = answer else { return Ok(None) };
    match error.kind() {
        ErrorKind::ProtocolError(said) if !is_passing(said) => {
            Ok(Some(mismatch(object, &refusal(said.get_message().as_str(), doing), wanted)))
        }
        _ => Err(lost(&error)),
    }
}

/// What says nothing about the object: the broker goes down (CONNECTION_FORCED, INTERNAL_ERROR), or it has only just come up and
/// a queue's own process has not (NOT_FOUND, in words that `rabbit_amqqueue` has for queues that it knows).
fn is_passing(said: &AMQPError) -> bool {
    const FORCED: u16 = 320;
    const NOT_FOUND: u16 = 404;
    const INTERNAL: u16 = 541;
    const NOT_UP_YET: [&str; 3] = ["is down or inaccessible", "is stopped by supervisor", "due to timeout"];
    match said.get_id() {
        FORCED | INTERNAL => true,
        NOT_FOUND => NOT_UP_YET.iter().any(|words| said.get_message().as_str().contains(words)),
        _ => false,
    }
}

/// `PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current is 'classic'`,
/// or `NOT_FOUND - no queue 'q' in vhost '/'`
fn mismatch(object: String, said: &str, wanted: &str) -> Mismatch {
    if said.starts_with("NOT_FOUND") {
        return Mismatch { object, argument: None, found: NOTHING.into(), wanted: wanted.into() };
    }
    let parsed = said.split_once("inequivalent arg '").and_then(|(_, rest)| {
        let (argument, rest) = rest.split_once('\'')?;
        let (_, rest) = rest.split_once("received ")?;
        let (received, current) = rest.split_once(" but current is ")?;
        Some((argument.to_owned(), value(current), value(received)))
    });
    match parsed {
        Some((argument, found, wanted)) => Mismatch { object, argument: Some(argument), found, wanted },
        None => Mismatch { object, argument: None, found: said.to_owned(), wanted: wanted.to_owned() },
    }
}

/// `the value '100' of type 'long'` is '100'.
fn value(said: &str) -> String {
    let plain = said.strip_prefix("the value ").and_then(|rest| rest.rsplit_once(" of type "));
    plain.map_or(said, |(value, _)| value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_names_object_argument_found_and_wanted() {
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current is 'classic'";
        assert_eq!(
            mismatch("queue q".into(), said, "").to_string(),
            "queue q, argument x-queue-type: found 'classic', wanted 'quorum'"
        );
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received the value '100' of type 'signedint' but current is none";
        assert_eq!(
            mismatch("queue q".into(), said, "").to_string(),
            "queue q, argument x-delivery-limit: found none, wanted '100'"
        );
        let said = "NOT_FOUND - no queue 'q' in vhost '/'";
        assert_eq!(
            mismatch("queue q".into(), said, "a quorum queue").to_string(),
            "queue q: found nothing, wanted a quorum queue"
        );
    }

    #[test]
    fn a_broker_on_its_way_up_or_down_is_no_mismatch() {
        use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
        let found = |kind: AMQPErrorKind, said: &str| {
            let error = ErrorKind::ProtocolError(AMQPError::new(kind, said.into()));
            judge("queue q".into(), Doing::DeclaringQueue, Err(error.into()), "a queue").is_ok()
        };
        for (kind, said, is_finding) in [
            (AMQPSoftError::NOTFOUND.into(), "NOT_FOUND - no queue 'q' in vhost '/'", true),
            (
                AMQPSoftError::PRECONDITIONFAILED.into(),
                "PRECONDITION_FAILED - inequivalent arg 'x' for queue 'q'",
                true,
            ),
            (AMQPSoftError::ACCESSREFUSED.into(), "ACCESS_REFUSED - access to queue 'q' refused", true),
            (
                AMQPSoftError::NOTFOUND.into(),
                "NOT_FOUND - home node 'n' of durable queue 'q' is down or inaccessible",
                false,
            ),
            (AMQPHardError::CONNECTIONFORCED.into(), "CONNECTION_FORCED - broker forced connection closure", false),
            (AMQPHardError::INTERNALERROR.into(), "INTERNAL_ERROR", false),
        ] {
            assert_eq!(found(kind, said), is_finding, "{said}");
        }
    }
}
