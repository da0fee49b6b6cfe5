//! What a failure of the transport says, in words of our own: the client's would carry URLs and host names.

use std::error::Error;
use std::io;

use super::classify::Seen;

/// What is seen when the client gave up before any head of a response came.
pub(super) fn seen(error: &reqwest::Error, may_be_sent: bool) -> Seen {
    if error.is_builder() {
        Seen::Unsendable
    } else if error.is_connect() || !may_be_sent {
        Seen::NotSent
    } else if error.is_timeout() {
        Seen::TimedOut
    } else {
        Seen::Broken
    }
}

/// Why there was no head of a response, for people.
pub(super) fn message(error: &reqwest::Error, may_be_sent: bool) -> &'static str {
    match seen(error, may_be_sent) {
        Seen::NotSent if error.is_connect() => unconnected(error),
        Seen::NotSent => "the connection broke before anything was sent",
        Seen::TimedOut => "the connection went silent before an answer came",
        Seen::Unsendable => "the request cannot be made",
        Seen::TooLate | Seen::Broken | Seen::Answered { .. } => "the connection broke before an answer came",
    }
}

fn unconnected(error: &reqwest::Error) -> &'static str {
    if error.is_dns() {
        return "could not connect: the host name cannot be resolved";
    }
    if error.is_timeout() {
        return "could not connect in time";
    }
    let mut below = error.source();
    while let Some(cause) = below {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if let Some(inner) = io.get_ref()
                && inner.is::<rustls::Error>()
            {
                return "could not connect: the TLS handshake failed";
            }
            if io.kind() == io::ErrorKind::ConnectionRefused {
                return "could not connect: connection refused";
            }
        }
        below = cause.source();
    }
    "could not connect"
}
