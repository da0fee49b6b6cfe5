//! The reference and the sample file, both made from the keys themselves.

use std::fmt::Write;

use super::key::{Fallback, Part, Row};
use super::presets::Api;
use super::{actions, auth, broker, journal, names, observe, retry, tenant, worker};

/// Every section, in the order in which it is read and shown.
pub(super) const PARTS: &[Part] = &[
    worker::PART,
    broker::PART,
    broker::TLS,
    names::QUEUE_PART,
    names::EXCHANGE_PART,
    names::LOG_PART,
    journal::JOURNAL_PART,
    journal::GATE_PART,
    observe::AUDIT_PART,
    observe::NOTIFY_PART,
    observe::OPS_PART,
    observe::TELEMETRY_PART,
    tenant::PART,
    tenant::LIMIT_PART,
    auth::AUTH_PART,
    retry::RETRY_PART,
    tenant::JOBS_PART,
    tenant::BREAKER_PART,
    actions::PART,
];

/// Whether the path is that of a section, not of a key.
pub(super) fn is_section(path: &[&str]) -> bool {
    let same = |(given, known): (&&str, &str)| *given == known || matches!(known, "NAME" | "ID");
    let begins = |part: &Part| {
        let known: Vec<_> = part.pattern.split('.').collect();
        known.len() >= path.len() && path.iter().zip(known).all(same)
    };
    PARTS.iter().any(begins)
}

const HEAD: &str = "\
# Configuration

<!-- Generated from src/config; do not edit. `UPDATE_GENERATED=1 cargo test --lib config::` writes it anew. -->

cxchain reads a TOML file: the one that `--config` names, else `config/cxchain.toml` if it exists, else none. Over it come
environment variables: `CXCHAIN__` and the key in capitals, with `__` for every dot, so that
`CXCHAIN__TENANTS__DEFAULT__AUTH__CLIENT_SECRET` is `tenants.default.auth.client_secret`. Every key can be left out; what
holds then is its default. `cxchain config show` prints what holds and where it came from, secrets masked.

- In the environment, numbers, booleans and durations are written as they are (`20`, `true`, `30s`), lists and tables as
  inline TOML: `CXCHAIN__TENANTS__DEFAULT__LIMITS='[{limit = 10, per = \"1s\", burst = 2}]'`. A table goes over its section
  key by key; a list replaces the whole list.
- Environment keys are lower-cased; an action's id with capitals has to come from the file, or from an inline table.
- A duration is a string of numbers and units: `\"500ms\"`, `\"30s\"`, `\"1m 30s\"`, `\"24h\"`.
- Every secret can come from a file instead, which its `_file` twin names; a newline at the file's end is not part of the
  secret. Both in one place is a problem; a twin in the environment goes over what the configuration file says.
- An empty string where a key has no default value is the same as leaving it out.
- Unknown keys, wrong types, values out of bounds and values that are not built yet are reported together and end the
  start with exit code 78.
";

/// docs/CONFIG.md: every key with its type, bounds, default and meaning.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for part in PARTS {
        let header = header(part);
        let _ = write!(text, "\n## `{header}`\n\n{}\n\n", part.about);
        text.push_str("| key | type | bounds | default | meaning |\n|---|---|---|---|---|\n");
        for row in part.keys.iter().map(|key| key.row()) {
            let kind = row.kind.trim_start_matches("an ").trim_start_matches("a ").trim_end_matches([',', ':']);
            let default = default(row.fallback);
            let later = if row.built { "" } else { "**Not built yet.** " };
            let cells = [&format!("`{}`", row.name), kind, &row.bounds, &default, &format!("{later}{}", row.about)];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

/// What holds when a key is not given.
fn default(fallback: Fallback) -> String {
    match fallback {
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Else(words) => words.to_owned(),
        Fallback::ByApi(by) => {
            let of = |(name, api): (&str, Api)| format!("{name}: {}", default(by.of(api)));
            Api::ALL.map(of).join("; ")
        }
    }
}

fn header(part: &Part) -> String {
    match part.pattern.strip_suffix("[]") {
        Some("queues") => "[[queues]]".to_owned(),
        Some(list) => format!("{list} = [{{ }}]"),
        None => format!("[{}]", part.pattern),
    }
}

/// config/cxchain.toml: every key that is built, with its default.
#[must_use]
pub fn sample() -> String {
    let mut text = "\
# cxchain's configuration, with every key at its default: leave out what you do not change. docs/CONFIG.md says more.
# Environment variables go over it: CXCHAIN__BROKER__URL is broker.url.
# Generated from src/config; `UPDATE_GENERATED=1 cargo test --lib config::` writes it anew.
"
    .to_owned();
    for part in PARTS {
        let rows: Vec<_> = part.keys.iter().map(|key| key.row()).filter(|row| row.built).collect();
        let list_of_another = part.pattern.ends_with("limits[]");
        if rows.is_empty() || list_of_another {
            continue;
        }
        text.push('\n');
        comment(&mut text, part.about);
        // Where the operator gives the names there are none by default, and nothing below is set.
        let mark = if part.pattern.ends_with(".ID") { "# " } else { "" };
        let _ = writeln!(text, "{mark}{}", header(part).replace("NAME", "default"));
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            sample_key(&mut text, row);
        }
    }
    text
}

fn sample_key(text: &mut String, row: &Row) {
    let allowed = format!("{} {}", row.kind, row.bounds);
    comment(text, row.about);
    comment(text, &format!("Must be {}.", allowed.trim()));
    match row.fallback {
        Fallback::Value(value) => {
            let _ = writeln!(text, "{} = {value}", row.name);
        }
        Fallback::Else(words) => {
            comment(text, &format!("Not given: {words}."));
            let _ = writeln!(text, "# {} = \"\"", row.name);
        }
        // Not said, so that whoever copies the file and changes the API has that one's.
        Fallback::ByApi(by) => {
            comment(text, &format!("Not given, by api: {}.", default(row.fallback)));
            let value = match by.data_actions {
                Fallback::Value(value) => value,
                Fallback::Else(_) | Fallback::ByApi(_) => "\"\"",
            };
            let _ = writeln!(text, "# {} = {value}", row.name);
        }
    }
}

/// The words as comment lines of 110 characters at most.
fn comment(text: &mut String, words: &str) {
    let mut line = "#".to_owned();
    for word in words.split_whitespace() {
        if line.len() + word.len() > 109 {
            let _ = writeln!(text, "{line}");
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}
