//! What a topology is made of: exchanges, queues and bindings, each declared by itself.

use std::fmt;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Connection, ExchangeKind};
use serde::{Serialize, Serializer};

use crate::amqp::finding::{Mismatch, TopologyError, exchange_object, judge, lost, queue_object};
use crate::amqp::letter::short;
use crate::amqp::rights::Doing;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Topic,
    Fanout,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Queue {
    pub(super) name: String,
    #[serde(serialize_with = "as_object")]
    pub(super) arguments: Vec<(String, Argument)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Argument {
    Text(String),
    Number(i64),
}

fn as_object<S: Serializer>(arguments: &[(String, Argument)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(arguments.iter().map(|(name, value)| (name, value)))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Binding {
    pub(super) queue: String,
    pub(super) exchange: String,
    pub(super) routing_key: String,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Fanout => "fanout",
        }
    }
}

pub(super) fn text(name: &str, value: &str) -> (String, Argument) {
    (name.into(), Argument::Text(value.into()))
}

pub(super) fn number(name: &str, value: i64) -> (String, Argument) {
    (name.into(), Argument::Number(value))
}

impl Exchange {
    pub(super) fn object(&self) -> String {
        exchange_object(&self.name)
    }

    pub(super) async fn declare(
        &self,
        connection: &Connection,
        passive: bool,
    ) -> Result<Option<Mismatch>, TopologyError> {
        let options = ExchangeDeclareOptions { durable: true, passive, ..ExchangeDeclareOptions::default() };
        let kind = match self.kind {
            Kind::Topic => ExchangeKind::Topic,
            Kind::Fanout => ExchangeKind::Fanout,
        };
        let channel = connection.create_channel().await.map_err(|error| lost(&error))?;
        let answer = channel.exchange_declare(short(&self.name), kind, options, FieldTable::default()).await;
        let _ = channel.close(200, "done".into()).await;
        judge(self.object(), Doing::DeclaringExchange, answer, &format!("a {} exchange", self.kind.name()))
    }
}

impl Queue {
    pub(super) fn object(&self) -> String {
        queue_object(&self.name)
    }

    pub(super) async fn declare(
        &self,
        connection: &Connection,
        passive: bool,
    ) -> Result<Option<Mismatch>, TopologyError> {
        let options = QueueDeclareOptions { durable: true, passive, ..QueueDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        for (name, value) in &self.arguments {
            let value = match value {
                Argument::Text(text) => AMQPValue::LongString(LongString::from(text.as_str())),
                Argument::Number(number) => AMQPValue::LongLongInt(*number),
            };
            arguments.insert(short(name), value);
        }
        let channel = connection.create_channel().await.map_err(|error| lost(&error))?;
        let answer = channel.queue_declare(short(&self.name), options, arguments).await;
        let _ = channel.close(200, "done".into()).await;
        judge(self.object(), Doing::DeclaringQueue, answer.map(|_| ()), &self.kind())
    }

    /// `a quorum queue`
    fn kind(&self) -> String {
        let kind = self.arguments.iter().find(|(name, _)| name == "x-queue-type");
        match kind {
            Some((_, Argument::Text(kind))) if kind == "stream" => "a stream".into(),
            Some((_, kind)) => format!("a {kind} queue"),
            None => "a queue".into(),
        }
    }
}

impl Binding {
    pub(super) fn all(queue: &str, exchange: &str) -> Self {
        Self { queue: queue.into(), exchange: exchange.into(), routing_key: "#".into() }
    }

    /// The objects that it binds.
    pub(super) fn ends(&self) -> [String; 2] {
        [queue_object(&self.queue), exchange_object(&self.exchange)]
    }

    pub(super) async fn declare(&self, connection: &Connection) -> Result<Option<Mismatch>, TopologyError> {
        let channel = connection.create_channel().await.map_err(|error| lost(&error))?;
        let (queue, exchange, key) = (short(&self.queue), short(&self.exchange), short(&self.routing_key));
        let answer = channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await;
        let _ = channel.close(200, "done".into()).await;
        let object = format!("binding of queue {} to exchange {}", self.queue, self.exchange);
        judge(object, Doing::Binding, answer, &self.routing_key)
    }
}
