//! `[broker]`: RabbitMQ.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::key::{Fallback, Key, Part};
use super::links::SecretUrl;
use super::places::absolute;
use super::problem::Origin;
use super::reader::Section;
use super::secrets;
use super::shapes::{FilePath, Span, Switch};
use crate::tls::{Files, Identity, Which};

/// RabbitMQ.
#[derive(Debug, Clone)]
pub struct Broker {
    /// An `amqp://` or `amqps://` URL without query: host, port, user, password, virtual host.
    pub url: SecretString,
    /// For `amqps://`: whom the worker trusts, and what it shows of itself.
    pub tls: Files,
    /// The heartbeat agreed with the broker: 1–600 s, whole seconds.
    pub heartbeat: Duration,
    /// Whether the topology is declared, or only looked at (except for the worker's own exclusive queues).
    pub declare: bool,
}

const URL: Key<SecretUrl> = Key::new(
    "url",
    SecretUrl {
        schemes: &[("amqp", true), ("amqps", true)],
        rule: "with a host, without query and fragment: amqp://user:password@host:5672/vhost, or amqps:// for TLS (port 5671)",
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

const CA_FILE: Key<FilePath> = Key::new(
    "ca_file",
    FilePath,
    Fallback::Else("the system's authorities are trusted"),
    "The certificate authorities that may vouch for the broker, PEM: these and no others.",
);
const CERT_FILE: Key<FilePath> = Key::new(
    "cert_file",
    FilePath,
    Fallback::Else("no certificate is shown"),
    "The client's certificate, then those that lead to an authority, PEM. Goes with `key_file`.",
);
const KEY_FILE: Key<FilePath> = Key::new(
    "key_file",
    FilePath,
    Fallback::Else("no certificate is shown"),
    "The client's private key, PEM, without a passphrase: PKCS#8, PKCS#1 or SEC1.",
);

pub(super) const TLS: Part = Part {
    pattern: "broker.tls",
    about: "TLS to the broker, for `amqps://` URLs. The files are read anew for every connection: a new certificate needs no \
            restart.",
    keys: &[&CA_FILE, &CERT_FILE, &KEY_FILE],
};

pub(super) fn read(mut section: Section<'_>) -> Broker {
    let url = secrets::secret(&mut section, &URL, &URL_FILE);
    let heartbeat = section.value(&HEARTBEAT);
    let declare = section.value(&DECLARE);
    let is_tls = url.as_ref().and_then(|url| Url::parse(url.expose_secret()).ok()).map(|url| url.scheme() == "amqps");
    let tls = read_tls(section.section("tls"), is_tls);
    section.finish();
    Broker { url: url.unwrap_or_default(), tls, heartbeat, declare }
}

/// `is_tls`: whether the URL is an `amqps://`; `None`: there is no good one.
fn read_tls(mut section: Section<'_>, is_tls: Option<bool>) -> Files {
    let keys = [&CA_FILE, &CERT_FILE, &KEY_FILE];
    let origins = keys.map(|key| section.given(key));
    let [authorities, chain, key] = keys.map(|key| section.get(key).map(|path| absolute(&path)));
    let mut sound = is_tls.unwrap_or(origins.iter().any(Option::is_some));
    for (key, origin) in keys.iter().zip(&origins) {
        if let (Some(false), Some(origin)) = (is_tls, origin) {
            section.blame(
                key.name,
                origin.clone(),
                "has no effect on an amqp:// connection: broker.url must be amqps://",
            );
        }
    }
    for (one, other) in [(1, 2), (2, 1)] {
        if let (Some(origin), None) = (&origins[one], &origins[other]) {
            let what = format!("needs {}, too", section.path.key(keys[other].name));
            section.blame(keys[one].name, origin.clone(), &what);
            sound = false;
        }
    }
    let files = Files { authorities, identity: chain.zip(key).map(|(chain, key)| Identity { chain, key }) };
    for problem in sound.then(|| files.client().err()).flatten().unwrap_or_default() {
        let at = match problem.file {
            Which::Authorities => 0,
            Which::Chain => 1,
            Which::Key => 2,
        };
        let origin = origins[at].clone().unwrap_or(Origin::Default);
        section.blame(keys[at].name, origin, &problem.what);
    }
    section.finish();
    files
}
