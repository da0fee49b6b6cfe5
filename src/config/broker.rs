//! `[broker]`: RabbitMQ.

use std::time::Duration;

use secrecy::SecretString;

use super::key::{Fallback, Key, Part};
use super::links::SecretUrl;
use super::reader::Section;
use super::secrets;
use super::shapes::{FilePath, Span, Switch};

/// RabbitMQ.
#[derive(Debug, Clone)]
pub struct Broker {
    /// An `amqp://` URL without query: host, port, user, password, virtual host.
    pub url: SecretString,
    /// The heartbeat agreed with the broker: 1–600 s, whole seconds.
    pub heartbeat: Duration,
    /// Whether the topology is declared, or only looked at (except for the worker's own exclusive queues).
    pub declare: bool,
}

const URL: Key<SecretUrl> = Key::new(
    "url",
    SecretUrl {
        schemes: &[("amqp", true), ("amqps", false)],
        rule: "with a host, without query and fragment: amqp://user:password@host:5672/vhost (not built yet: amqps://)",
    },
    Fallback::Value("\"amqp://guest:guest@127.0.0.1:5672/%2f\""),
    "The broker. Special characters in user, password and virtual host are percent-encoded.",
);
const URL_FILE: Key<FilePath> =
    Key::new("url_file", FilePath, Fallback::Else("`url` holds"), "A file that holds the URL, instead of `url`.");
const HEARTBEAT: Key<Span> = Key::new(
    "heartbeat",
    Span { min: Duration::from_secs(1), max: Duration::from_secs(600), step: Duration::from_secs(1) },
    Fallback::Value("\"10s\""),
    "After two of them without a sign of life the connection is taken for dead.",
);
const DECLARE: Key<Switch> = Key::new(
    "declare",
    Switch,
    Fallback::Value("true"),
    "Whether exchanges, queues and streams are declared at start. If false they are only looked at (passive), except \
     for the worker's own exclusive queues.",
);

pub(super) const PART: Part =
    Part { pattern: "broker", about: "RabbitMQ.", keys: &[&URL, &URL_FILE, &HEARTBEAT, &DECLARE] };

const CA_FILE: Key<FilePath> =
    Key::later("ca_file", FilePath, Fallback::Else("the system's"), "Certificate authorities for `amqps://`, PEM.");
const CERT_FILE: Key<FilePath> =
    Key::later("cert_file", FilePath, Fallback::Else("none"), "The client's certificate chain, PEM.");
const KEY_FILE: Key<FilePath> = Key::later("key_file", FilePath, Fallback::Else("none"), "The client's key, PEM.");

pub(super) const TLS: Part =
    Part { pattern: "broker.tls", about: "TLS to the broker.", keys: &[&CA_FILE, &CERT_FILE, &KEY_FILE] };

pub(super) fn read(mut section: Section<'_>) -> Broker {
    let broker = Broker {
        url: secrets::secret(&mut section, &URL, &URL_FILE).unwrap_or_default(),
        heartbeat: section.value(&HEARTBEAT),
        declare: section.value(&DECLARE),
    };
    let mut tls = section.section("tls");
    tls.later(&CA_FILE);
    tls.later(&CERT_FILE);
    tls.later(&KEY_FILE);
    tls.finish();
    section.finish();
    broker
}
