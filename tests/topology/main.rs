//! The exchanges, queues and streams that a worker stands on: declared as the contract says, compared, or only looked at.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod declared;
mod lost;
mod permissions;
mod refused;
mod users;
mod without;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ExchangeKind};
use support::{Broker, unique, worker::cxchain};

/// Names of a test's own, of which nothing is there yet.
struct Place {
    prefix: String,
    env: Vec<(String, String)>,
}

impl Place {
    async fn new() -> Self {
        let prefix = unique("t");
        let name = |short: &str| format!("{prefix}.{short}");
        let env = [
            ("BROKER__URL", Broker::shared().await.url().to_owned()),
            ("QUEUES", format!("[{{name = \"{0}\"}}, {{name = \"{0}.2\"}}]", name("chains"))),
            ("EXCHANGES__RESULTS", name("results")),
            ("EXCHANGES__AUDIT", name("audit")),
            ("EXCHANGES__DEAD", name("dead")),
            ("EXCHANGES__CONTROL", name("control")),
            ("LOGS__AUDIT", name("audit.log")),
            ("LOGS__RESULTS", name("results.log")),
            ("LOGS__MAX_AGE", "3D".to_owned()),
            ("LOGS__MAX_BYTES", "70000000".to_owned()),
        ];
        let env = env.into_iter().map(|(key, value)| (format!("CXCHAIN__{key}"), value)).collect();
        Self { prefix, env }
    }

    /// Another value of one key.
    fn set(&mut self, key: &str, value: &str) {
        let key = format!("CXCHAIN__{key}");
        self.env.retain(|(name, _)| *name != key);
        self.env.push((key, value.to_owned()));
    }

    /// Of what is called `short` in this place; `cxchain.lock.chains` is the lock of its queue `chains`.
    fn name(&self, short: &str) -> String {
        match ["cxchain.lock.", "cxchain.journal."].iter().find_map(|own| Some((own, short.strip_prefix(own)?))) {
            Some((own, queue)) => format!("{own}{}.{queue}", self.prefix),
            None => format!("{}.{short}", self.prefix),
        }
    }

    async fn connect(&self) -> Connection {
        support::amqp::connect(Broker::shared().await.url()).await
    }

    /// A command's exit code, standard output and standard error.
    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let done = cxchain(&self.env).args(arguments).output().await.expect("cxchain runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
    }

    /// Declares everything.
    async fn apply(&self) {
        let (code, _, said) = self.run(&["topology", "apply"]).await;
        assert_eq!(code, 0, "{said}");
    }

    /// Of these names, those that are there as queues or exchanges.
    async fn there(&self) -> Vec<String> {
        let connection = self.connect().await;
        let mut there = Vec::new();
        for short in ["chains", "chains.2", "dead", "audit.log", "results.log"] {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            if declare_queue(&connection, &self.name(short), passive, FieldTable::default()).await.is_ok() {
                there.push(format!("queue {short}"));
            }
        }
        for short in ["results", "audit", "dead", "control"] {
            let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            if declare_exchange(&connection, &self.name(short), ExchangeKind::Topic, passive).await.is_ok() {
                there.push(format!("exchange {short}"));
            }
        }
        there
    }
}

const DURABLE: QueueDeclareOptions =
    QueueDeclareOptions { durable: true, passive: false, exclusive: false, auto_delete: false, nowait: false };

/// On a channel of its own, since a refusal closes it.
async fn declare_queue(
    connection: &Connection,
    name: &str,
    options: QueueDeclareOptions,
    arguments: FieldTable,
) -> Result<(), String> {
    let channel = connection.create_channel().await.expect("a channel");
    let declared = channel.queue_declare(name.into(), options, arguments).await;
    declared.map(|_| ()).map_err(|error| error.to_string())
}

async fn declare_exchange(
    connection: &Connection,
    name: &str,
    kind: ExchangeKind,
    options: ExchangeDeclareOptions,
) -> Result<(), String> {
    let channel = connection.create_channel().await.expect("a channel");
    channel.exchange_declare(name.into(), kind, options, FieldTable::default()).await.map_err(|error| error.to_string())
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn number(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}

fn table(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert((*name).into(), value.clone());
    }
    table
}
