//! What a failure of the transport says, in words of our own: the client's would carry URLs and host names.

use std::error::Error;
use std::io;

use super::classify::Seen;
use crate::tls::Fault;

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
    if let Some(fault) = Fault::of(error) {
        return distrust(&fault);
    }
    let mut below = error.source();
    while let Some(cause) = below {
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionRefused
        {
            return "could not connect: connection refused";
        }
        below = cause.source();
    }
    "could not connect"
}

/// [`Fault::words`], with the key to be looked at.
fn distrust(fault: &Fault) -> &'static str {
    match fault {
        Fault::UnknownIssuer => {
            "could not connect: its certificate was issued by an authority that is not trusted here (the tenant's ca_file)"
        }
        Fault::WrongName => "could not connect: its certificate is for another host name",
        Fault::Expired => "could not connect: its certificate has expired (or the clock here is wrong)",
        Fault::NotYetValid => "could not connect: its certificate is not valid yet (or the clock here is wrong)",
        Fault::BadCertificate => "could not connect: its certificate cannot be accepted",
        Fault::SpeaksPlain => "could not connect: it does not speak TLS",
        Fault::WantsCertificate => "could not connect: it asks for a client certificate",
        Fault::NothingInCommon => {
            "could not connect: it has no TLS version or cipher in common with us (TLS 1.2 and 1.3)"
        }
        Fault::SpeaksTls | Fault::RefusesOurs(_) | Fault::Refuses | Fault::Other => {
            "could not connect: the TLS handshake failed"
        }
    }
}
