//! What the broker's user may do: asked at the start, before a call is made whose result could not be published; and named,
//! object and permission, wherever the broker refuses something.

use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ErrorKind};
use tracing::debug;

use super::claim::claim_queue;
use super::finding::TopologyError;
use super::letter::{Names, short};
use super::link::Link;

/// How long the broker may take to answer one question.
const ANSWER: Duration = Duration::from_secs(5);
/// ACCESS_REFUSED.
pub(super) const REFUSED: u16 = 403;
/// Stands where the broker takes a number only, and shows in its log. RabbitMQ looks at the permission first.
const QUESTION: &str = "cxchain asks for its permissions; this is no fault";

/// What was being done when the broker refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    DeclaringExchange,
    DeclaringQueue,
    Binding,
    Publishing,
    Consuming,
    /// Taking a work queue's lock.
    Locking,
    /// Reading or writing the claim on a work queue.
    Claiming,
}

/// Whether the user may publish to the exchanges and consume from the queues, as far as the broker says; with `claims` also
/// whether it may read and write the journal's claims on the queues. It is asked with
/// messages and consumers that it refuses in any case, for another reason when the permission is there: nothing is
/// published and nothing is consumed. Each is asked on the connection that will do it: a broker that is short of disk or
/// memory blocks a connection when it publishes, and what consumes must not be blocked with it.
///
/// # Errors
/// [`TopologyError::Forbidden`] with all that is missing.
pub async fn may_work(
    (publishing, consuming): (&Link, &Link),
    names: &Names,
    queues: &[String],
    claims: bool,
) -> Result<(), TopologyError> {
    let (Some(publishing), Some(consuming)) = (publishing.connection().await, consuming.connection().await) else {
        return Ok(());
    };
    // All at once, for a broker that takes no messages is waited for by each.
    let exchanges = [Some(names.results.as_str()), Some(&names.audit), Some(&names.dead), claims.then_some("")];
    let claim_queues = queues.iter().filter(|_| claims).map(|queue| claim_queue(queue));
    let queues: Vec<String> = queues.iter().cloned().chain(claim_queues).collect();
    let may_publish = |exchange| answered(may_publish(&publishing, exchange), Doing::Publishing);
    let publish = exchanges.into_iter().flatten().map(may_publish);
    let consume = queues.iter().map(|queue| answered(may_consume(&consuming, queue), Doing::Consuming));
    let (publish, consume) = tokio::join!(join_all(publish), join_all(consume));
    let missing: Vec<String> = publish.into_iter().chain(consume).flatten().collect();
    if missing.is_empty() { Ok(()) } else { Err(TopologyError::Forbidden(missing)) }
}

/// What is missing, if the broker says so. One that cannot answer now is asked again by the work itself.
async fn answered(asking: impl Future<Output = lapin::Result<()>>, doing: Doing) -> Option<String> {
    let error = tokio::time::timeout(ANSWER, asking).await.ok()?.err()?;
    debug!("asked for permissions, RabbitMQ said: {error}");
    forbidden(&error, doing)
}

/// The permission that is missing, if that is what the error says.
pub(super) fn forbidden(error: &lapin::Error, doing: Doing) -> Option<String> {
    let ErrorKind::ProtocolError(said) = error.kind() else { return None };
    (said.get_id() == REFUSED).then(|| missing(said.get_message().as_str(), doing))?
}

async fn may_publish(connection: &Connection, exchange: &str) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let properties = BasicProperties::default().with_expiration(QUESTION.into());
    let options = BasicPublishOptions::default();
    channel.basic_publish(short(exchange), "".into(), options, b"", properties).await?.await?;
    channel.close(200, "done".into()).await
}

async fn may_consume(connection: &Connection, queue: &str) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-priority".into(), AMQPValue::LongString(QUESTION.into()));
    channel.basic_consume(short(queue), "".into(), BasicConsumeOptions::default(), arguments).await?;
    channel.close(200, "done".into()).await
}

/// The error, and the permission that is missing if that is why.
pub(super) fn explain(error: &lapin::Error, doing: Doing) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(said) if said.get_id() == REFUSED => refusal(said.get_message().as_str(), doing),
        _ => error.to_string(),
    }
}

/// The broker's words, and the permission that is missing if that is what they say.
pub(super) fn refusal(said: &str, doing: Doing) -> String {
    match missing(said, doing) {
        Some(missing) => format!("{said} (missing: {missing})"),
        None => said.to_owned(),
    }
}

/// `write on exchange cxchain.results`, read off `ACCESS_REFUSED - write access to exchange 'cxchain.results' in vhost '/'
/// refused for user 'u'`. RabbitMQ 3.10 does not say which permission: that follows from what was being done
/// (<https://www.rabbitmq.com/docs/access-control#authorisation>). `None`: the words are not about an object's permission.
pub(super) fn missing(said: &str, doing: Doing) -> Option<String> {
    let (before, rest) = said.split_once("access to ")?;
    let (kind, rest) = rest.split_once(" '")?;
    let (name, rest) = rest.split_once("' in vhost ")?;
    if !rest.contains("refused for user") || !matches!(kind, "queue" | "exchange") {
        return None;
    }
    let told = ["configure", "write", "read"].into_iter().find(|told| before.trim_end().ends_with(told));
    let permission = told.unwrap_or(match (doing, kind) {
        // Whoever declares a queue that dead-letters must be allowed to read it and to write to the exchange.
        (Doing::DeclaringQueue, "queue") => "configure or read",
        (Doing::DeclaringExchange | Doing::Locking, _) => "configure",
        (Doing::Binding, "queue") | (Doing::Claiming, "exchange") => "write",
        (Doing::DeclaringQueue | Doing::Publishing, _) => "write",
        (Doing::Binding | Doing::Consuming | Doing::Claiming, _) => "read",
    });
    Some(format!("{permission} on {kind} {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_is_told_or_follows_from_what_was_done() {
        let new = "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'u'";
        assert_eq!(missing(new, Doing::Binding).as_deref(), Some("configure on queue q"));
        let old = |kind| format!("ACCESS_REFUSED - access to {kind} 'x' in vhost '/' refused for user 'u'");
        for (doing, kind, permission) in [
            (Doing::DeclaringExchange, "exchange", "configure on exchange x"),
            (Doing::DeclaringQueue, "queue", "configure or read on queue x"),
            (Doing::DeclaringQueue, "exchange", "write on exchange x"),
            (Doing::Binding, "queue", "write on queue x"),
            (Doing::Binding, "exchange", "read on exchange x"),
            (Doing::Publishing, "exchange", "write on exchange x"),
            (Doing::Consuming, "queue", "read on queue x"),
            (Doing::Locking, "queue", "configure on queue x"),
            (Doing::Claiming, "queue", "read on queue x"),
            (Doing::Claiming, "exchange", "write on exchange x"),
        ] {
            assert_eq!(missing(&old(kind), doing).as_deref(), Some(permission), "{doing:?}");
        }
        for other in [
            "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
            "ACCESS_REFUSED - access to topic 'k' in exchange 'x' in vhost '/' refused for user 'u'",
            "NOT_FOUND - no queue 'q' in vhost '/'",
        ] {
            assert_eq!(missing(other, Doing::Consuming), None, "{other}");
        }
    }
}
