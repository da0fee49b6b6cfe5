//! `[tenants.NAME.actions.ID]`: how an action maps onto an operation of the tenant's API. Checked, and refused: this
//! release has no such actions.

use super::key::{Fallback, Key, Part};
use super::lists::{Strings, Tables};
use super::reader::Section;
use super::shapes::{Choice, FilePath, Integer, Switch, Text};
use super::tenant;
use crate::chain::ActionId;

const NAMES: Strings =
    Strings { most: 100, rule: "of 1 to 128 bytes", valid: |name| (1..=128).contains(&name.len()), spaced: false };

const METHOD: Key<Choice<()>> = Key::later(
    "method",
    Choice(&[("GET", Some(())), ("POST", Some(())), ("PUT", Some(())), ("PATCH", Some(())), ("DELETE", Some(()))]),
    Fallback::Else("`POST`"),
    "The HTTP method.",
);
const PATH: Key<Text> = Key::later(
    "path",
    Text {
        rule: "of 1 to 1024 bytes that begins with a slash and has no `..` segment",
        valid: |path| path.starts_with('/') && path.len() <= 1024 && path.split('/').all(|segment| segment != ".."),
    },
    Fallback::Else("the API's"),
    "The path template below `base_url`.",
);
const QUERY: Key<Strings> =
    Key::later("query", NAMES, Fallback::Else("none"), "The payload keys that go into the query.");
const MODE: Key<Choice<()>> = Key::later(
    "mode",
    Choice(&[("sync", Some(())), ("job", Some(()))]),
    Fallback::Else("`sync`"),
    "Whether it answers at once or as a job.",
);
const IDEMPOTENT: Key<Switch> =
    Key::later("idempotent", Switch, Fallback::Else("`false`"), "Whether sending it twice is harmless.");
const REQUIRED_PARAMS: Key<Strings> =
    Key::later("required_params", NAMES, Fallback::Else("none"), "The names that a payload must have.");
const TIMEOUT_SECONDS: Key<Integer> =
    Key::later("timeout_seconds", Integer { min: 5, max: 900 }, Fallback::Else("the step's"), "The step's clock.");
const SCHEMA_FILE: Key<FilePath> =
    Key::later("schema_file", FilePath, Fallback::Else("none"), "A JSON Schema for its payloads.");
const REDACT: Key<Strings> =
    Key::later("redact", NAMES, Fallback::Else("none"), "The response keys that are left out of results.");
const LIMITS: Key<Tables> = Key::later(
    "limits",
    Tables { min: 1, max: 8, of: "{limit, per, burst}" },
    Fallback::Else("the tenant's alone"),
    "A quota of its own, besides the tenant's.",
);

pub(super) const PART: Part = Part {
    pattern: "tenants.NAME.actions.ID",
    about: "How an action maps onto an operation of the tenant's API.",
    keys: &[
        &METHOD,
        &PATH,
        &QUERY,
        &MODE,
        &IDEMPOTENT,
        &REQUIRED_PARAMS,
        &TIMEOUT_SECONDS,
        &SCHEMA_FILE,
        &REDACT,
        &LIMITS,
    ],
};

/// Checks the actions of a tenant and refuses each.
pub(super) fn refuse(mut section: Section<'_>) {
    for (id, mut action) in section.named("ID") {
        if let Err(error) = ActionId::parse(&id) {
            action.blame_all(&format!("an action's id {error}"));
            continue;
        }
        section.not_built(&id, action.origin.clone());
        action.take(&METHOD);
        action.take(&PATH);
        action.take(&QUERY);
        action.take(&MODE);
        action.take(&IDEMPOTENT);
        action.take(&REQUIRED_PARAMS);
        action.take(&TIMEOUT_SECONDS);
        action.take(&SCHEMA_FILE);
        action.take(&REDACT);
        for window in action.tables(&LIMITS, false) {
            tenant::read_limit(window);
        }
        action.finish();
    }
}
