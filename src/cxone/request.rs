//! From an action and its payload to the request that carries it out: what goes into the path, the query and the body.
//!
//! Invariant: a request that is prepared lies below the tenant's base URL, whatever its payload holds.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::jobs;
use super::settings::ActionSettings;
use super::tenants::Tenant;
use crate::chain::action::{Misfit, NoJob, PathTemplate, Query, encoded};
use crate::chain::{ActionId, JobId, Mode};
use crate::ports::{Hidden, Prepared};

const LONGEST_TARGET: usize = Query::LONGEST_TARGET;

/// The request for `action` with `payload`.
///
/// # Errors
/// What is wrong with the payload. Quotes no value.
pub(super) fn prepare(
    tenant: &Tenant,
    action: &ActionId,
    mode: &Mode,
    payload: &Map<String, Value>,
) -> Result<Prepared, String> {
    let usual = ActionSettings::default();
    let settings = tenant.actions.get(action).unwrap_or(&usual);
    // A step that was accepted under another configuration.
    if let (Mode::Job(_), Some(why @ (NoJob::Method(_) | NoJob::PollPath))) = (mode, settings.no_job(tenant.preset)) {
        return Err(format!("{action} cannot be a job: {why}"));
    }
    let path = match &settings.path {
        Some(path) => path.fill(payload)?,
        None => usual_target(tenant, action, mode)?,
    };
    let in_path = |name: &str| settings.path.iter().flat_map(PathTemplate::parameters).any(|taken| taken == name);
    let in_query = |name: &str| !settings.method.has_body() || settings.query.takes(name);
    let mut query = String::new();
    let mut rest = Map::new();
    for (name, value) in payload.iter().filter(|(name, _)| !in_path(name)) {
        if in_query(name) {
            add(&mut query, name, value)?;
        } else {
            rest.insert(name.clone(), value.clone());
        }
    }
    let target = match query.as_str() {
        "" => path,
        query => format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' }),
    };
    let length = tenant.length(&target).ok_or("the payload makes no path below the tenant's")?;
    if length > LONGEST_TARGET {
        return Err(format!("path and query would have more than {LONGEST_TARGET} bytes"));
    }
    let body = match mode {
        Mode::Job(options) if tenant.preset.jobs().wrapped => jobs::body(options, &rest),
        Mode::Sync if !settings.method.has_body() || (settings.path.is_some() && rest.is_empty()) => Bytes::new(),
        // Serialising a map of JSON values cannot fail; its keys come out sorted.
        Mode::Sync | Mode::Job(_) => serde_json::to_vec(&rest).unwrap_or_default().into(),
    };
    let texts = if settings.redaction.is_empty() {
        Vec::new()
    } else {
        settings.redaction.texts(&Value::Object(payload.clone()))
    };
    Ok(Prepared { method: settings.method, target, body, hidden: Hidden(texts.into()) })
}

/// Where a job is asked after. `None`: nowhere below the tenant's base URL.
pub(super) fn poll_target(tenant: &Tenant, action: &ActionId, job: &JobId) -> Option<String> {
    let settings = tenant.actions.get(action);
    if let Some(path) = settings.and_then(|settings| settings.poll_path.as_ref()) {
        return path.fill(&Map::from_iter([("jobId".to_owned(), Value::from(job.as_str()))])).ok();
    }
    let below_submission = || {
        let path = settings?.path.as_ref()?.fill(&Map::new()).ok()?;
        Some(format!("{}/{}", path.trim_end_matches('/'), encoded(job.as_str())))
    };
    tenant.preset.question(action, job).or_else(below_submission)
}

/// Where the API calls every action, if it has such a place.
fn usual_target(tenant: &Tenant, action: &ActionId, mode: &Mode) -> Result<String, String> {
    let (target, what) = match mode {
        Mode::Sync => (tenant.preset.execution(action), "operation"),
        Mode::Job(_) => (tenant.preset.submission(action), "job"),
    };
    target.ok_or_else(|| format!("the tenant's API has no {what} of that name; the configuration can say where it is"))
}

/// Adds one member to the query.
fn add(query: &mut String, name: &str, value: &Value) -> Result<(), String> {
    for text in Query::texts(value).map_err(|misfit| unfit(name, misfit))? {
        // A query that is far too long need not be built to its end.
        if query.len() <= LONGEST_TARGET {
            let gap = if query.is_empty() { "" } else { "&" };
            query.push_str(&format!("{gap}{}={}", encoded(name), encoded(&text)));
        }
    }
    Ok(())
}

fn unfit(name: &str, misfit: Misfit) -> String {
    let name: String = name.chars().take(64).flat_map(char::escape_debug).collect();
    let what = match misfit.at {
        Some(_) => "has a list or an object in it",
        None => misfit.what,
    };
    format!("{name} {what}: {name} goes into the query, which takes {}", Misfit::ALLOWED)
}
