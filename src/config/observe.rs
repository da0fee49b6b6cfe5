//! `[audit]`, `[notify]`, `[ops]` and `[telemetry]`: what others get to see.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use secrecy::SecretSlice;

use super::key::{Fallback, Key, Part};
use super::links::{HttpUrl, Secret};
use super::lists::Strings;
use super::reader::Section;
use super::secrets;
use super::shapes::{Address, Choice, FilePath, Text};

/// What goes into audit events.
#[derive(Debug, Clone)]
pub struct Audit {
    /// `compliance_tag` of every event: 1–128 characters of printable ASCII.
    pub compliance_tag: String,
    /// The key of the hashes over payloads and responses, at least 16 bytes; `None`: plain SHA-256.
    pub hash_key: Option<SecretSlice<u8>>,
}

/// Where a worker tells how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ops {
    /// Where health is served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

impl Ops {
    /// Where health is served unless somebody says otherwise. Where it is taken, any free port of the same address will do.
    pub const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
}

/// What cxchain tells about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telemetry {
    /// How much cxchain itself logs; other crates stay at `warn`.
    pub log: LogLevel,
    /// How a log line looks.
    pub format: LogFormat,
}

/// The least severity that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong for good.
    Error,
    /// What somebody should look at.
    Warn,
    /// What the worker does.
    #[default]
    Info,
    /// Each step and exchange.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

const COMPLIANCE_TAG: Key<Text> =
    Key::new("compliance_tag", Text::LABEL, Fallback::Value("\"GDPR-CCPA-AUDIT\""), "`compliance_tag` of every event.");
const HASH_KEY_FILE: Key<FilePath> = Key::new(
    "hash_key_file",
    FilePath,
    Fallback::Else("the hashes are plain SHA-256"),
    "A file with the key for HMAC-SHA-256 over payloads and responses: its bytes as they are, a newline at the end \
     included; 16 bytes to 64 KiB.",
);

pub(super) const AUDIT_PART: Part =
    Part { pattern: "audit", about: "What goes into audit events.", keys: &[&COMPLIANCE_TAG, &HASH_KEY_FILE] };

pub(super) fn read_audit(mut section: Section<'_>) -> Audit {
    let audit = Audit {
        compliance_tag: section.value(&COMPLIANCE_TAG),
        hash_key: secrets::key_bytes(&mut section, &HASH_KEY_FILE, 16),
    };
    section.finish();
    audit
}

const NOTIFY_URL: Key<HttpUrl> =
    Key::later("url", HttpUrl, Fallback::Else("no webhook"), "The webhook that results are sent to.");
const NOTIFY_SECRET: Key<Secret> =
    Key::later("secret", Secret, Fallback::Else("none"), "The key of the webhook's signature (Standard Webhooks).");
const NOTIFY_SECRET_FILE: Key<FilePath> =
    Key::later("secret_file", FilePath, Fallback::Else("none"), "A file that holds the secret, instead of `secret`.");
const NOTIFY_EVENTS: Key<Strings> = Key::later(
    "events",
    Strings { most: 1, rule: "\"result\"", valid: |event| event == "result", spaced: false },
    Fallback::Value("[\"result\"]"),
    "What is sent.",
);

pub(super) const NOTIFY_PART: Part = Part {
    pattern: "notify",
    about: "A webhook for results.",
    keys: &[&NOTIFY_URL, &NOTIFY_SECRET, &NOTIFY_SECRET_FILE, &NOTIFY_EVENTS],
};

pub(super) fn read_notify(mut section: Section<'_>) {
    section.later(&NOTIFY_URL);
    if let (Some(origin), Some(_)) = (section.given(&NOTIFY_SECRET), section.given(&NOTIFY_SECRET_FILE)) {
        section.blame(NOTIFY_SECRET.name, origin, "given together with notify.secret_file; give one of the two");
    }
    section.later(&NOTIFY_SECRET);
    section.later(&NOTIFY_SECRET_FILE);
    section.take(&NOTIFY_EVENTS);
    section.finish();
}

const LISTEN: Key<Address> = Key::new(
    "listen",
    Address,
    Fallback::Value("\"127.0.0.1:9464\""),
    "Where a worker serves `/healthz` and `/readyz` over HTTP, to whoever can connect. Port 0 takes a free one, which is \
     logged, and so does the default where another worker has it; an empty value serves nothing.",
);

pub(super) const OPS_PART: Part = Part { pattern: "ops", about: "Health.", keys: &[&LISTEN] };

pub(super) fn read_ops(mut section: Section<'_>) -> Ops {
    let ops = Ops { listen: section.value(&LISTEN) };
    section.finish();
    ops
}

const LOG: Key<Choice<LogLevel>> = Key::new(
    "log",
    Choice(&[
        ("off", Some(LogLevel::Off)),
        ("error", Some(LogLevel::Error)),
        ("warn", Some(LogLevel::Warn)),
        ("info", Some(LogLevel::Info)),
        ("debug", Some(LogLevel::Debug)),
        ("trace", Some(LogLevel::Trace)),
    ]),
    Fallback::Value("\"info\""),
    "How much cxchain itself logs; other crates stay at `warn`.",
);
const FORMAT: Key<Choice<LogFormat>> = Key::new(
    "format",
    Choice(&[("pretty", Some(LogFormat::Pretty)), ("json", Some(LogFormat::Json))]),
    Fallback::Value("\"pretty\""),
    "How a log line looks.",
);
const OTLP_ENDPOINT: Key<HttpUrl> = Key::later(
    "otlp_endpoint",
    HttpUrl,
    Fallback::Else("no traces are sent"),
    "The collector that traces are sent to.",
);

pub(super) const TELEMETRY_PART: Part =
    Part { pattern: "telemetry", about: "Logs and traces.", keys: &[&LOG, &FORMAT, &OTLP_ENDPOINT] };

pub(super) fn read_telemetry(mut section: Section<'_>) -> Telemetry {
    let telemetry = Telemetry { log: section.value(&LOG), format: section.value(&FORMAT) };
    section.later(&OTLP_ENDPOINT);
    section.finish();
    telemetry
}
