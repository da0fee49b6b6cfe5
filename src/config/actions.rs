//! `[tenants.NAME.actions.ID]`: how an action maps onto an operation of the tenant's API, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::dotted;
use super::headers::{HeaderFiles, Headers};
use super::key::{Fallback, Fault, Given, Key, Part, Shape};
use super::lists::{Strings, Tables};
use super::presets::Api;
use super::problem::Origin;
use super::reader::Section;
use super::schemas;
use super::secrets;
use super::shapes::{Choice, FilePath, Integer, Switch};
use super::tenant::{self, Limit};
use crate::chain::ActionId;
use crate::chain::action::{Method, PathTemplate, PayloadSchema, Query, Redaction};

/// What is configured of an action.
#[derive(Debug, Clone)]
pub struct Action {
    /// The HTTP method.
    pub method: Method,
    /// Where it is called, below `base_url`; `None`: where the API calls every action.
    pub path: Option<PathTemplate>,
    /// What goes into the query.
    pub query: Query,
    /// Where its jobs are asked after, below `base_url`, with one place, `{jobId}`; `None`: where the API has them.
    pub poll_path: Option<PathTemplate>,
    /// Whether it is carried out as a job unless a step says otherwise.
    pub job: bool,
    /// Whether sending it twice is harmless unless a step says otherwise.
    pub idempotent: bool,
    /// Names that a payload must have; those that the path takes are not among them. At most 100.
    pub required_params: Vec<String>,
    /// The step's clock unless a step says otherwise: 5–120 s, for a job 5–900 s.
    pub timeout: Option<Duration>,
    /// What its payloads must look like.
    pub schema: Option<PayloadSchema>,
    /// What of its answers is not shown.
    pub redaction: Redaction,
    /// Its own quota besides the tenant's: at most 8 windows.
    pub limits: Vec<Limit>,
    /// Fixed request headers: at most 20.
    pub headers: BTreeMap<String, String>,
    /// Those whose values are secret: at most 20.
    pub secret_headers: BTreeMap<String, SecretString>,
}

/// As many actions can a tenant have.
const MOST: usize = 1_000;
/// The place for the job's id in a `poll_path`.
const JOB_ID: &str = "jobId";

const NAMES: Strings =
    Strings { most: 100, rule: "of 1 to 128 bytes", valid: |name| (1..=128).contains(&name.len()), spaced: false };

const METHOD: Key<Choice<Method>> = Key::new(
    "method",
    Choice(&[
        ("GET", Some(Method::Get)),
        ("POST", Some(Method::Post)),
        ("PUT", Some(Method::Put)),
        ("PATCH", Some(Method::Patch)),
        ("DELETE", Some(Method::Delete)),
    ]),
    Fallback::Else("`POST`"),
    "The HTTP method. GET and DELETE have no body: what does not go into the path goes into the query.",
);
const PATH: Key<PathShape> = Key::new(
    "path",
    PathShape,
    Fallback::Else("where the API calls every action; required with `api = \"cxone\"`"),
    "Where it is called, below `base_url`: `/interactions/{contactId}/signal`. Each place takes the payload's value of that \
     name, percent-encoded; it must be there, and be a text, a number or a boolean.",
);
const QUERY: Key<Strings> = Key::new(
    "query",
    NAMES,
    Fallback::Else("none"),
    "The payload's keys that go into the query instead of the body; `[\"*\"]`: all that do not go into the path. A list \
     repeats its key, `null` is left out.",
);
const POLL_PATH: Key<PathShape> = Key::new(
    "poll_path",
    PathShape,
    Fallback::Else("where the API has its jobs; with `api = \"cxone\"` or `\"genesys\"`, `{path}/{jobId}`"),
    "Where its jobs are asked after, below `base_url`, with `{jobId}` for the job.",
);
const MODE: Key<Choice<bool>> = Key::new(
    "mode",
    Choice(&[("sync", Some(false)), ("job", Some(true))]),
    Fallback::Else("`sync`"),
    "Whether it answers at once or as a job, unless a step says otherwise.",
);
const IDEMPOTENT: Key<Switch> = Key::new(
    "idempotent",
    Switch,
    Fallback::Else("`true` for GET, else `false`"),
    "Whether sending it twice is harmless, unless a step says otherwise.",
);
const REQUIRED_PARAMS: Key<Strings> = Key::new(
    "required_params",
    NAMES,
    Fallback::Else("none"),
    "The names that a payload must have, besides those that its step and the path require.",
);
const TIMEOUT_SECONDS: Key<Integer> = Key::new(
    "timeout_seconds",
    Integer { min: 5, max: 900 },
    Fallback::Else("30, for a job 120"),
    "The step's clock, unless a step says otherwise; at most 120 where `mode` is `sync`.",
);
const SCHEMA_FILE: Key<FilePath> = Key::new(
    "schema_file",
    FilePath,
    Fallback::Else("none"),
    "A JSON Schema (draft 4 to 2020-12) for its payloads, checked before anything is sent. Read at start; a `$ref` stays within \
     the file, and patterns have neither look-around nor back-references.",
);
const REDACT: Key<Strings> = Key::new(
    "redact",
    Strings { most: 100, rule: Redaction::ALLOWED, valid: Redaction::is_pointer, spaced: false },
    Fallback::Else("none"),
    "What of its answers is shown as `***` in results, traces and error messages. Later steps and the journal have the values.",
);
const LIMITS: Key<Tables> = Key::new(
    "limits",
    Tables { min: 1, max: 8, of: "{limit, per, burst}" },
    Fallback::Else("the tenant's alone"),
    "A quota of its own, besides the tenant's.",
);
const HEADERS: Key<Headers> = Key::new(
    "headers",
    Headers,
    Fallback::Else("none"),
    "Fixed request headers. They are shown like everything here: a secret belongs in `headers_file`.",
);
const HEADERS_FILE: Key<HeaderFiles> = Key::new(
    "headers_file",
    HeaderFiles,
    Fallback::Else("none"),
    "Fixed request headers whose values are secret, each with the file that holds it: `{ X-Api-Key = \"/run/secrets/key\" }`. Read at start.",
);

pub(super) const PART: Part = Part {
    pattern: "tenants.NAME.actions.ID",
    about: "How an action maps onto an operation of the tenant's API, and what is known of it. An id with dots stands in quotes.",
    keys: &[
        &METHOD,
        &PATH,
        &QUERY,
        &POLL_PATH,
        &MODE,
        &IDEMPOTENT,
        &REQUIRED_PARAMS,
        &TIMEOUT_SECONDS,
        &SCHEMA_FILE,
        &REDACT,
        &LIMITS,
        &HEADERS,
        &HEADERS_FILE,
    ],
};

/// The actions of a tenant.
pub(super) fn read(mut section: Section<'_>) -> BTreeMap<ActionId, Action> {
    let mut actions = BTreeMap::new();
    let named = section.named("ID");
    if named.len() > MOST {
        section.blame_all(&format!("has {} actions; must have at most {MOST}", named.len()));
    }
    for (id, action) in named.into_iter().take(MOST) {
        match ActionId::parse(&id) {
            Ok(id) => {
                if let Some(action) = read_action(action) {
                    actions.insert(id, action);
                }
            }
            Err(error) => action.blame_all(&format!("an action's id {error}")),
        }
    }
    actions
}

/// `None`: it is none, but the beginning of an id that should have stood in quotes.
fn read_action(mut section: Section<'_>) -> Option<Action> {
    let known: Vec<&str> = PART.keys.iter().map(|key| key.row().name).collect();
    if dotted::refuse(&mut section, &known) && section.is_empty() {
        return None;
    }
    let method_origin = section.given(&METHOD);
    let method = section.value(&METHOD);
    let path = section.get(&PATH);
    if path.is_none() && !section.api.takes_any_action() && section.given(&PATH).is_none() {
        section.blame(PATH.name, section.origin.clone(), &needed(section.api));
    }
    let query = read_query(&mut section, path.as_ref());
    let poll_path = read_poll_path(&mut section);
    let job = section.value(&MODE);
    if job && section.api != Api::DataActions {
        check_job(&section, path.as_ref(), poll_path.as_ref());
    }
    if let Some(origin) = method_origin.filter(|_| job && !method.has_body()) {
        let what = format!("is \"{}\"; must be POST, PUT or PATCH where mode is \"job\"", method.as_str());
        section.blame(METHOD.name, origin, &what);
    }
    let idempotent = section.get(&IDEMPOTENT).unwrap_or(method.is_idempotent());
    let required_params = section.value(&REQUIRED_PARAMS);
    let timeout = read_timeout(&mut section, job);
    let schema = read_schema(&mut section);
    let redact = section.value(&REDACT);
    let limits = tenant::read_limits(&mut section, &LIMITS);
    let headers = section.value(&HEADERS);
    let secret_headers = read_secret_headers(&mut section, &headers);
    section.finish();
    Some(Action {
        method,
        path,
        query,
        poll_path,
        job,
        idempotent,
        required_params,
        timeout,
        schema,
        // Checked one by one already.
        redaction: Redaction::new(redact.iter().map(String::as_str)).unwrap_or_default(),
        limits,
        headers,
        secret_headers,
    })
}

fn needed(api: Api) -> String {
    format!("is missing; api = {:?} has no place of its own for it", api.name())
}

/// Only data actions have a place for the jobs of every action; else they are below where they were submitted, if that is one place.
fn check_job(section: &Section<'_>, path: Option<&PathTemplate>, poll_path: Option<&PathTemplate>) {
    let blame = |name: &str, what: &str| section.blame(name, section.origin.clone(), what);
    match path {
        None if section.given(&PATH).is_none() && section.api.takes_any_action() => {
            blame(PATH.name, &needed(section.api));
        }
        Some(path) if poll_path.is_none() && path.parameters().next().is_some() => {
            blame(POLL_PATH.name, "is missing; the path has places, so where its jobs are does not follow from it");
        }
        None | Some(_) => {}
    }
}

fn read_query(section: &mut Section<'_>, path: Option<&PathTemplate>) -> Query {
    let origin = section.given(&QUERY).unwrap_or(Origin::Default);
    let names = section.value(&QUERY);
    if names.iter().any(|name| name == "*") {
        if names.len() > 1 {
            section.blame(QUERY.name, origin, "has \"*\" and other names; \"*\" stands alone");
        }
        return Query::Rest;
    }
    let taken = path.into_iter().flat_map(PathTemplate::parameters);
    let twice: BTreeSet<&str> = taken.filter(|name| names.iter().any(|other| other == name)).collect();
    if !twice.is_empty() {
        let twice = Vec::from_iter(twice).join(", ");
        section.blame(QUERY.name, origin, &format!("has {twice}, which the path takes"));
    }
    Query::Names(names)
}

fn read_poll_path(section: &mut Section<'_>) -> Option<PathTemplate> {
    let origin = section.given(&POLL_PATH);
    let path = section.get(&POLL_PATH)?;
    let places: Vec<&str> = path.parameters().collect();
    if places != [JOB_ID] {
        section.blame(POLL_PATH.name, origin?, "must have the place {jobId}, once, and no other");
    }
    Some(path)
}

fn read_timeout(section: &mut Section<'_>, job: bool) -> Option<Duration> {
    let origin = section.given(&TIMEOUT_SECONDS);
    let seconds = section.get(&TIMEOUT_SECONDS)?;
    if !job && seconds > 120 {
        section.blame(
            TIMEOUT_SECONDS.name,
            origin?,
            &format!("is {seconds}; must be at most 120 where mode is \"sync\""),
        );
    }
    Some(Duration::from_secs(seconds))
}

fn read_secret_headers(section: &mut Section<'_>, open: &BTreeMap<String, String>) -> BTreeMap<String, SecretString> {
    let origin = section.given(&HEADERS_FILE).unwrap_or(Origin::Default);
    let (mut headers, mut wrong) = (BTreeMap::new(), Vec::new());
    for (name, path) in section.value(&HEADERS_FILE) {
        match secrets::header_value(&path) {
            _ if open.keys().any(|known| known.eq_ignore_ascii_case(&name)) => {
                wrong.push(format!("{name} is in headers, too; give one of the two"));
            }
            Ok(value) => drop(headers.insert(name, value)),
            Err(what) => wrong.push(format!("{name}: {what}")),
        }
    }
    if !wrong.is_empty() {
        section.blame(HEADERS_FILE.name, origin, &wrong.join("; "));
    }
    headers
}

fn read_schema(section: &mut Section<'_>) -> Option<PayloadSchema> {
    let origin = section.given(&SCHEMA_FILE);
    let path = section.get(&SCHEMA_FILE)?;
    match schemas::read(Path::new(&path)) {
        Ok(schema) => Some(schema),
        Err(what) => {
            section.blame(SCHEMA_FILE.name, origin?, &what);
            None
        }
    }
}

/// The path of an operation.
struct PathShape;

impl Shape for PathShape {
    type Value = PathTemplate;

    fn kind(&self) -> &'static str {
        "a path template"
    }

    fn bounds(&self) -> String {
        PathTemplate::ALLOWED.into()
    }

    fn read(&self, given: &Given<'_>) -> Result<PathTemplate, Fault> {
        PathTemplate::parse(given.text().ok_or(Fault::Type)?).map_err(Fault::Says)
    }

    fn show(&self, value: &PathTemplate) -> toml::Value {
        value.to_string().into()
    }
}
