//! What the commands for people need of the broker: put a message into a queue, follow an exchange.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery as Message;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ErrorKind};

use super::connect::{ConnectError, Retry, connect};
use super::finding::TopologyError;
use super::letter::{PERSISTENT, short};
use super::link::LinkSettings;
use super::rights::{Doing, REFUSED, explain};
use super::topology::{Declared, Topology};

/// How long the broker may take for what one call here asks of it.
const ANSWER: Duration = Duration::from_secs(20);

/// Why a command could not do its work on the broker.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The broker has no such queue.
    #[error("RabbitMQ has no queue {0}")]
    NoQueue(String),
    /// The broker has no such exchange.
    #[error("RabbitMQ has no exchange {0}")]
    NoExchange(String),
    /// The user may not do that.
    #[error("RabbitMQ does not let this user do that: {0}")]
    Forbidden(String),
    /// The broker did not take the message.
    #[error("RabbitMQ did not take the message: {0}")]
    NotTaken(String),
    /// The broker said no, or is gone.
    #[error("RabbitMQ: {0}")]
    Broker(String),
}

impl From<lapin::Error> for ClientError {
    fn from(error: lapin::Error) -> Self {
        Self::Broker(error.to_string())
    }
}

/// A connection for one command.
pub struct Client {
    pub(super) connection: Connection,
}

/// A message of an exchange that is followed.
#[derive(Debug, Clone)]
pub struct Followed {
    /// `type`: the body's schema.
    pub schema: String,
    /// `message_id`.
    pub message_id: String,
    /// The body.
    pub body: Bytes,
}

/// Messages of the exchanges that are followed, from the moment of following on.
pub struct Feed {
    messages: lapin::Consumer,
    _channel: lapin::Channel,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`] when that does not come about within `patience`.
    pub async fn connect(settings: &LinkSettings, patience: Retry) -> Result<Self, ConnectError> {
        let connection = connect(settings, patience).await?;
        Ok(Self { connection })
    }

    /// Puts a chain definition into a work queue and waits until the broker has it.
    ///
    /// # Errors
    /// [`ClientError`]; nothing is enqueued then, unless the confirm was lost on its way.
    pub async fn enqueue(&self, queue: &str, message_id: &str, body: &[u8]) -> Result<(), ClientError> {
        let channel = answered(async {
            let channel = self.connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        })
        .await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(short(message_id));
        let publishing =
            async { channel.basic_publish("".into(), short(queue), options, body, properties).await?.await };
        match tokio::time::timeout(ANSWER, publishing).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => Err(ClientError::NoQueue(queue.into())),
            Ok(Ok(Confirmation::Nack(None) | Confirmation::NotRequested)) => {
                Err(ClientError::NotTaken("it was refused; is the queue full?".into()))
            }
            Ok(Err(error)) => Err(refused(error, Doing::Publishing)),
            Err(_) => Err(ClientError::NotTaken("no confirm came; it may be short of memory or disk".into())),
        }
    }

    /// Follows exchanges: `(exchange, routing key pattern)`.
    ///
    /// # Errors
    /// [`ClientError::NoExchange`] when one is not there.
    pub async fn follow(&self, bindings: &[(&str, &str)]) -> Result<Feed, ClientError> {
        answered(self.feed(bindings)).await
    }

    async fn feed(&self, bindings: &[(&str, &str)]) -> Result<Feed, ClientError> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(100, BasicQosOptions::default()).await?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await;
        let queue = queue.map_err(|error| refused(error, Doing::DeclaringQueue))?;
        let name = queue.name().clone();
        for (exchange, pattern) in bindings {
            let options = QueueBindOptions::default();
            let bound =
                channel.queue_bind(name.clone(), short(exchange), short(pattern), options, FieldTable::default()).await;
            bound.map_err(
                |error| if is_not_found(&error) { no_exchange(exchange) } else { refused(error, Doing::Binding) },
            )?;
        }
        let options = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
        let messages = channel.basic_consume(name, "".into(), options, FieldTable::default()).await;
        let messages = messages.map_err(|error| refused(error, Doing::Consuming))?;
        Ok(Feed { messages, _channel: channel })
    }

    /// Declares everything.
    ///
    /// # Errors
    /// [`TopologyError`].
    pub async fn apply(&self, topology: &Topology) -> Result<(), TopologyError> {
        in_time(topology.apply(&self.connection)).await
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// [`TopologyError::Connection`].
    pub async fn check(&self, topology: &Topology) -> Result<Vec<(String, Declared)>, TopologyError> {
        in_time(topology.check(&self.connection)).await
    }

    /// Deletes everything: for the demo, whose names are its own.
    ///
    /// # Errors
    /// [`ClientError::Broker`].
    pub async fn delete(&self, topology: &Topology) -> Result<(), ClientError> {
        answered(async {
            let channel = self.connection.create_channel().await?;
            for queue in topology.queue_names() {
                channel.queue_delete(short(queue), QueueDeleteOptions::default()).await?;
            }
            for exchange in topology.exchange_names() {
                channel.exchange_delete(short(exchange), ExchangeDeleteOptions::default()).await?;
            }
            Ok(())
        })
        .await
    }

    /// Says goodbye.
    pub async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.connection.close(200, "bye".into())).await;
    }
}

/// What the broker says no to, and what of it lies at the user.
pub(super) fn refused(error: lapin::Error, doing: Doing) -> ClientError {
    match error.kind() {
        ErrorKind::ProtocolError(said) if said.get_id() == REFUSED => ClientError::Forbidden(explain(&error, doing)),
        _ => error.into(),
    }
}

/// A connection that breaks while it is asked may never answer.
pub(super) async fn answered<T>(asking: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let silent = |_| ClientError::Broker(format!("no answer within {} s", ANSWER.as_secs()));
    tokio::time::timeout(ANSWER, asking).await.map_err(silent)?
}

/// As [`answered`], for a whole topology.
async fn in_time<T>(asking: impl Future<Output = Result<T, TopologyError>>) -> Result<T, TopologyError> {
    let silent = |_| TopologyError::Connection(format!("no answer within {} s", ANSWER.as_secs()));
    tokio::time::timeout(ANSWER, asking).await.map_err(silent)?
}

pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(said) if said.kind() == &AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

fn no_exchange(name: &str) -> ClientError {
    ClientError::NoExchange(name.to_owned())
}

impl Feed {
    /// The next message.
    ///
    /// # Errors
    /// [`ClientError::Broker`] when the connection is lost.
    pub async fn next(&mut self) -> Result<Followed, ClientError> {
        let Some(message) = self.messages.next().await else {
            return Err(ClientError::Broker("the connection was lost".into()));
        };
        let Message { data, properties, acker, .. } = message?;
        answered(async { Ok(acker.ack(BasicAckOptions::default()).await?) }).await?;
        let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
        Ok(Followed {
            schema: text(properties.kind()).unwrap_or_default(),
            message_id: text(properties.message_id()).unwrap_or_default(),
            body: Bytes::from(data),
        })
    }
}
