//! `[journal]` and `[gate]`: where runs are remembered, and how requests are let through.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::key::{Fallback, Key, Part};
use super::links::SecretUrl;
use super::reader::Section;
use super::secrets;
use super::shapes::{Choice, FilePath, Integer, Span, Switch};

/// Where run logs live.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The kind of store.
    pub kind: JournalKind,
    /// The file of a journal on disk; without effect on others.
    pub path: PathBuf,
    /// The server of a shared journal; without effect on others.
    pub url: Option<SecretString>,
    /// How long a settled run is kept, for duplicates of its message: 1 min – 365 d.
    pub retention: Duration,
    /// How long a worker owns a run without renewing: 15 s – 10 min, several times the 5 s at which one that waits renews.
    pub lease: Duration,
    /// Whether a store that can forget is taken all the same.
    pub allow_volatile: bool,
}

/// The kind of journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JournalKind {
    /// In a file of the worker's own.
    #[default]
    Sqlite,
    /// In the worker's memory: gone with it.
    Memory,
}

/// What lets requests through to the tenants.
#[derive(Debug, Clone)]
pub struct Gate {
    /// Whether the quota is counted by each worker or by all together.
    pub kind: GateKind,
    /// The server of a shared gate; without effect on others.
    pub url: Option<SecretString>,
    /// How many workers share the quota: each keeps to its part. 1–10000.
    pub workers: u32,
    /// By how much requests may bunch up on their way: 1 ms – 1 s.
    pub slack: Duration,
}

/// The kind of gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GateKind {
    /// Each worker counts for itself.
    #[default]
    Local,
}

const REDIS: SecretUrl = SecretUrl {
    schemes: &[("redis", true), ("rediss", true)],
    rule: "with a host, without query and fragment: redis://user:password@host:6379/0 or rediss://…",
};
const URL_FILE: Key<FilePath> =
    Key::new("url_file", FilePath, Fallback::Else("`url` holds"), "A file that holds the URL, instead of `url`.");

const KIND: Key<Choice<JournalKind>> = Key::new(
    "kind",
    Choice(&[("sqlite", Some(JournalKind::Sqlite)), ("memory", Some(JournalKind::Memory)), ("redis", None)]),
    Fallback::Value("\"sqlite\""),
    "Where run logs live. `sqlite`: in a file that one worker alone writes, so that its runs go on after a crash. `memory` forgets them with the process: for tests, and for chains whose steps are all idempotent.",
);
const PATH: Key<FilePath> = Key::new(
    "path",
    FilePath,
    Fallback::Value("\"cxchain.db\""),
    "The database file of `kind = \"sqlite\"`; without effect on other kinds. Its directory must exist and be the worker's to write: `-wal`, `-shm` and `-lock` lie beside it. It must be on a local disk, and survive a restart.",
);
const URL: Key<SecretUrl> =
    Key::new("url", REDIS, Fallback::Else("none"), "The server of `kind = \"redis\"`; without effect on other kinds.");
const RETENTION: Key<Span> = Key::new(
    "retention",
    Span::between(Duration::from_secs(60), Duration::from_secs(365 * 86_400)),
    Fallback::Value("\"24h\""),
    "How long a settled run is kept, so that a duplicate of its message gets the stored result.",
);
const LEASE: Key<Span> = Key::new(
    "lease",
    Span::between(Duration::from_secs(15), Duration::from_secs(600)),
    Fallback::Value("\"30s\""),
    "How long a worker owns a run without renewing; so long others wait before they take it over.",
);
const ALLOW_VOLATILE: Key<Switch> = Key::new(
    "allow_volatile",
    Switch,
    Fallback::Value("false"),
    "Whether a store that may forget (a Redis without append-only file, say) is used all the same.",
);

pub(super) const JOURNAL_PART: Part = Part {
    pattern: "journal",
    about: "Where the run logs live.",
    keys: &[&KIND, &PATH, &URL, &URL_FILE, &RETENTION, &LEASE, &ALLOW_VOLATILE],
};

pub(super) fn read_journal(mut section: Section<'_>) -> Journal {
    let journal = Journal {
        kind: section.value(&KIND),
        path: section.value(&PATH),
        url: secrets::secret(&mut section, &URL, &URL_FILE),
        retention: section.value(&RETENTION),
        lease: section.value(&LEASE),
        allow_volatile: section.value(&ALLOW_VOLATILE),
    };
    section.finish();
    journal
}

const GATE_KIND: Key<Choice<GateKind>> = Key::new(
    "kind",
    Choice(&[("local", Some(GateKind::Local)), ("redis", None)]),
    Fallback::Value("\"local\""),
    "Who counts the requests. `local`: each worker by itself, within its part of the quota.",
);
const WORKERS: Key<Integer> = Key::new(
    "workers",
    Integer { min: 1, max: 10_000 },
    Fallback::Value("1"),
    "How many workers share the tenants' quotas. Each takes its part: of a limit and of its burst, at least 1 each.",
);
const SLACK: Key<Span> = Key::new(
    "slack",
    Span::between(Duration::from_millis(1), Duration::from_secs(1)),
    Fallback::Value("\"20ms\""),
    "By how much requests may bunch up on their way; a permit that is not used within it is given up.",
);

pub(super) const GATE_PART: Part = Part {
    pattern: "gate",
    about: "What lets requests through to the tenants.",
    keys: &[&GATE_KIND, &URL, &URL_FILE, &WORKERS, &SLACK],
};

pub(super) fn read_gate(mut section: Section<'_>) -> Gate {
    let gate = Gate {
        kind: section.value(&GATE_KIND),
        url: secrets::secret(&mut section, &URL, &URL_FILE),
        workers: u32::try_from(section.value(&WORKERS)).unwrap_or(u32::MAX),
        slack: section.value(&SLACK),
    };
    section.finish();
    gate
}
