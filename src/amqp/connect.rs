//! Makes one connection, and says in words why it could not.

use std::time::Duration;

use lapin::types::LongString;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use tracing::{info, warn};

use super::status::LinkState;
use super::wire;
use crate::ports::{Dice, Report, SystemDice};

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
    /// There is no broker, or it does not answer.
    #[error("RabbitMQ at {address} cannot be reached: {said}")]
    Unreachable {
        /// Host, port and vhost.
        address: String,
        /// What was seen.
        said: String,
    },
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

/// Connects as `name` (shown in RabbitMQ's management), with back-off. What goes wrong is in the report.
pub(super) async fn connect(
    url: &SecretString,
    heartbeat: Duration,
    name: &str,
    retry: Retry,
    report: &Report<LinkState>,
) -> Result<Connection, ConnectError> {
    let mut uri: AMQPUri = url.expose_secret().parse().map_err(|_| ConnectError::Url)?;
    uri.query.heartbeat = Some(u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX));
    let address = format!("{}:{}, vhost {:?}", uri.authority.host, uri.authority.port, uri.vhost);
    let give_up = match retry {
        Retry::Once => Some(Instant::now()),
        Retry::For(span) => Some(Instant::now() + span),
        Retry::Forever => None,
    };
    let mut most = SHORTEST_BACKOFF;
    let mut said_so = false;
    loop {
        let error = match try_connect(&uri, name, &address).await {
            Ok(connection) => {
                report.set(LinkState::Connected);
                return Ok(connection);
            }
            Err(error) => error,
        };
        report.trouble(error.to_string());
        let refused = matches!(error, ConnectError::Refused { .. });
        let delay = SHORTEST_BACKOFF + SystemDice.up_to(most);
        if give_up.is_some_and(|at| refused || Instant::now() + delay >= at) {
            return Err(error);
        }
        if !said_so {
            warn!(connection = name, "{error}; trying again");
            said_so = true;
        }
        tokio::time::sleep(delay).await;
        most = (most * 2).min(LONGEST_BACKOFF);
    }
}

async fn try_connect(uri: &AMQPUri, name: &str, address: &str) -> Result<Connection, ConnectError> {
    let properties = ConnectionProperties::default().with_connection_name(LongString::from(name));
    let connecting = wire::open(uri.clone(), properties);
    let unreachable = |said: String| ConnectError::Unreachable { address: address.into(), said };
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => {
            info!(connection = name, "connected to RabbitMQ at {address}");
            Ok(connection)
        }
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ProtocolError(said) if REFUSALS.contains(&said.get_id()) => {
                Err(ConnectError::Refused { address: address.into(), said: said.get_message().to_string() })
            }
            _ => Err(unreachable(error.to_string())),
        },
        Err(_) => Err(unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
    }
}
