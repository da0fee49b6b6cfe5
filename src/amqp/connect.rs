//! Makes one connection, and says in words why it could not.

use std::io;
use std::time::Duration;

use lapin::types::LongString;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use tracing::{info, warn};
use url::{Host, Url};

use super::link::LinkSettings;
use super::status::LinkState;
use super::wire;
use crate::ports::{Dice, SystemDice};
use crate::tls::{Fault, Files};

/// lapin gives no bound of its own to a connect in async mode.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest back-off: a broker that is back is found again soon.
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);
const SHORTEST_BACKOFF: Duration = Duration::from_millis(100);
/// ACCESS_REFUSED (user, password) and NOT_ALLOWED (virtual host). Other refusals (CONNECTION_FORCED: it shuts down;
/// INTERNAL_ERROR: the virtual host is not up yet) are over some time.
const REFUSALS: [u16; 2] = [403, 530];

/// Why there is no connection. Quotes no credentials.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is none.
    #[error("broker.url is not an AMQP URL (amqp://user:password@host:port/vhost)")]
    Url,
    /// The broker does not let this user in.
    #[error("RabbitMQ at {address} refused the login: {said}")]
    Refused {
        /// Host, port and vhost.
        address: String,
        /// The broker's words.
        said: String,
    },
    /// The broker and the worker do not trust each other.
    #[error("no TLS connection to RabbitMQ at {address}: {said}")]
    Tls {
        /// Host, port and vhost.
        address: String,
        /// What is wrong, and which key is to be looked at.
        said: String,
    },
    /// There is no broker, or it does not answer.
    #[error("RabbitMQ at {address} cannot be reached: {said}")]
    Unreachable {
        /// Host, port and vhost.
        address: String,
        /// What was seen.
        said: String,
    },
}

impl ConnectError {
    /// Whether trying again is of no use before somebody has changed something.
    fn is_lasting(&self) -> bool {
        match self {
            Self::Url | Self::Refused { .. } | Self::Tls { .. } => true,
            Self::Unreachable { .. } => false,
        }
    }
}

/// How long a first connect is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Once.
    Once,
    /// With back-off, for this long. A refused login ends it at once.
    For(Duration),
    /// Until there is a connection.
    Forever,
}

/// Connects, with back-off. What goes wrong is in the report.
pub(super) async fn connect(settings: &LinkSettings, retry: Retry) -> Result<Connection, ConnectError> {
    let LinkSettings { url, tls, heartbeat, name, report } = settings;
    let mut uri = uri(url.expose_secret()).ok_or(ConnectError::Url)?;
    uri.query.heartbeat = Some(u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX));
    let give_up = match retry {
        Retry::Once => Some(Instant::now()),
        Retry::For(span) => Some(Instant::now() + span),
        Retry::Forever => None,
    };
    let mut most = SHORTEST_BACKOFF;
    let mut said_so = None;
    loop {
        let error = match try_connect(&uri, tls, name).await {
            Ok(connection) => {
                report.set(LinkState::Connected);
                return Ok(connection);
            }
            Err(error) => error,
        };
        report.trouble(error.to_string());
        let delay = SHORTEST_BACKOFF + SystemDice.up_to(most);
        if give_up.is_some_and(|at| error.is_lasting() || Instant::now() + delay >= at) {
            return Err(error);
        }
        let text = error.to_string();
        if said_so.as_ref() != Some(&text) {
            warn!(connection = name, "{text}; trying again");
            said_so = Some(text);
        }
        tokio::time::sleep(delay).await;
        most = (most * 2).min(LONGEST_BACKOFF);
    }
}

/// lapin's own reading takes an IPv6 address for no host at all.
fn uri(text: &str) -> Option<AMQPUri> {
    let mut uri: AMQPUri = text.parse().ok()?;
    if let Some(Host::Ipv6(address)) = Url::parse(text).ok()?.host() {
        uri.authority.host = address.to_string();
    }
    Some(uri)
}

async fn try_connect(uri: &AMQPUri, tls: &Files, name: &str) -> Result<Connection, ConnectError> {
    let address = format!("{}:{}, vhost {:?}", uri.authority.host, uri.authority.port, uri.vhost);
    let properties = ConnectionProperties::default().with_connection_name(LongString::from(name));
    let connecting = wire::open(uri.clone(), tls, properties);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => {
            info!(connection = name, "connected to RabbitMQ at {address}");
            Ok(connection)
        }
        Ok(Err(error)) => Err(explain(&error, uri, tls, address)),
        Err(_) => Err(unreachable(address, format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
    }
}

fn unreachable(address: String, said: String) -> ConnectError {
    ConnectError::Unreachable { address, said }
}

fn explain(error: &lapin::Error, uri: &AMQPUri, tls: &Files, address: String) -> ConnectError {
    match error.kind() {
        ErrorKind::ProtocolError(said) if REFUSALS.contains(&said.get_id()) => {
            ConnectError::Refused { address, said: said.get_message().to_string() }
        }
        ErrorKind::IOError(io) => match Fault::of(&**io) {
            Some(fault) if fault.is_lasting() => {
                let said = format!("{}; {}", fault.words(), advice(&fault, &uri.authority.host, tls));
                ConnectError::Tls { address, said }
            }
            Some(_) => unreachable(address, format!("{io}")),
            // A broker that wants a certificate and gets none may just hang up.
            None if uri.scheme == AMQPScheme::AMQPS && tls.identity.is_none() && is_hang_up(io.kind()) => {
                let what = "a broker that asks for a client certificate (broker.tls.cert_file) may do so";
                unreachable(address, format!("{io}: {what}"))
            }
            None => unreachable(address, error.to_string()),
        },
        _ => unreachable(address, error.to_string()),
    }
}

/// Which key is to be looked at.
fn advice(fault: &Fault, host: &str, tls: &Files) -> String {
    let own = tls.identity.is_some();
    match fault {
        Fault::UnknownIssuer if tls.authorities.is_some() => {
            "broker.tls.ca_file must hold the authority that issued it".into()
        }
        Fault::UnknownIssuer => "name a file with the authority that issued it in broker.tls.ca_file".into(),
        Fault::WrongName => {
            format!("broker.url must have a host name that the certificate is for, which {host} is not")
        }
        Fault::Expired | Fault::NotYetValid | Fault::BadCertificate => format!("{host} needs another certificate"),
        Fault::SpeaksPlain => "amqps:// needs the port of a TLS listener (usually 5671); or is amqp:// meant?".into(),
        Fault::SpeaksTls => "amqp:// needs the port of a plain listener (usually 5672); or is amqps:// meant?".into(),
        Fault::WantsCertificate => "name one in broker.tls.cert_file and broker.tls.key_file".into(),
        Fault::Refuses if !own => {
            "if it asks for a client certificate, name one in broker.tls.cert_file and broker.tls.key_file".into()
        }
        Fault::RefusesOurs(_) => "broker.tls.cert_file must hold one that the broker accepts".into(),
        Fault::Refuses | Fault::NothingInCommon | Fault::Other => "its log says more".into(),
    }
}

/// The end of a connection that somebody else ended.
fn is_hang_up(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
