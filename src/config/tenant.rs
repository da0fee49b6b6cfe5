//! `[tenants.NAME]`: one CXone tenant, its limits, jobs and breaker. There is always one called `default`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::actions::{self, Action};
use super::auth::{Auth, Whereabouts, read_auth};
use super::key::{Fallback, Key, Part};
use super::links::{HttpUrl, is_domain};
use super::lists::Tables;
use super::places::absolute;
use super::presets::{self, Api};
use super::problem::Origin;
use super::reader::Section;
use super::retry::{Retry, read_retry};
use super::shapes::{Choice, FilePath, Integer, Span, Text, span_text};
use crate::chain::{ActionId, TenantName};
use crate::tls;

/// One CXone tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The API that it speaks.
    pub api: Api,
    /// Where it is: `http` or `https`, without user, query and fragment. A path ends without a slash (but for `/`). `None`: the issuer
    /// says it.
    pub base_url: Option<Url>,
    /// Its quota: 1–8 windows, all of which hold at once.
    pub limits: Vec<Limit>,
    /// How many requests may be under way at a time: 1–10000.
    pub max_concurrent: u32,
    /// Certificate authorities that are trusted for its URLs besides the system's: a PEM file with at least one.
    pub ca_file: Option<PathBuf>,
    /// How it is logged in to.
    pub auth: Auth,
    /// When a call is made again.
    pub retry: Retry,
    /// How jobs are polled.
    pub jobs: Jobs,
    /// When the tenant is left alone. Kept for later: this release has no breaker.
    pub breaker: Breaker,
    /// What is known of its actions: at most 1000.
    pub actions: BTreeMap<ActionId, Action>,
}

/// One window of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many requests go into every window: 1–1000000.
    pub limit: u32,
    /// The window's length: 1 ms – 1 h.
    pub per: Duration,
    /// How many of them may come at once: 1–`limit`.
    pub burst: u32,
}

/// How jobs are polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jobs {
    /// The time between two polls: 100 ms – 5 min.
    pub poll: Duration,
}

/// When a tenant in trouble is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures in a row open it: 1–1000.
    pub consecutive_failures: u32,
    /// How long until it lets a probe through: 1 s – 1 h.
    pub open_for: Duration,
}

const API: Key<Choice<Api>> = Key::new(
    "api",
    Choice(&[("data-actions", Some(Api::DataActions)), ("cxone", Some(Api::Cxone)), ("genesys", Some(Api::Genesys))]),
    Fallback::Value("\"data-actions\""),
    "The API that the tenant speaks: CXone data actions, CXone's own API, or Genesys Cloud. Defaults go by it; \
     docs/PRESETS.md has them side by side.",
);
const BASE_URL: Key<HttpUrl> = Key::new(
    "base_url",
    HttpUrl,
    Fallback::ByApi(&presets::BASE_URL),
    "Where the tenant's API is; a path is allowed. Required with `api = \"data-actions\"` for every tenant but `default`.",
);
const REGION: Key<Text> = Key::new(
    "region",
    Text { rule: "that is a domain such as \"mypurecloud.de\"", valid: is_domain },
    Fallback::ByApi(&presets::REGION),
    "The region of Genesys Cloud, from which `base_url` and `token_url` follow.",
);
const LIMITS: Key<Tables> = Key::new(
    "limits",
    Tables { min: 1, max: 8, of: "{limit, per, burst}" },
    Fallback::ByApi(&presets::LIMITS),
    "The tenant's quota: at most `limit` requests in every window of `per`, `burst` of them at once. All windows hold.",
);
const MAX_CONCURRENT: Key<Integer> = Key::new(
    "max_concurrent",
    Integer { min: 1, max: 10_000 },
    Fallback::ByApi(&presets::MAX_CONCURRENT),
    "How many requests of this worker may be under way at a time.",
);
const CA_FILE: Key<FilePath> = Key::new(
    "ca_file",
    FilePath,
    Fallback::Else("the system's authorities are trusted"),
    "Certificate authorities that are trusted for all URLs of this tenant, PEM, besides the system's. Read \
     at start.",
);

pub(super) const PART: Part = Part {
    pattern: "tenants.NAME",
    about: "One CXone tenant. `default` is always there; each of its keys that is not given keeps its default.",
    keys: &[&API, &REGION, &BASE_URL, &LIMITS, &MAX_CONCURRENT, &CA_FILE],
};

const LIMIT: Key<Integer> =
    Key::new("limit", Integer { min: 1, max: 1_000_000 }, Fallback::Else("required"), "Requests in every window.");
const PER: Key<Span> = Key::new(
    "per",
    Span::between(Duration::from_millis(1), Duration::from_secs(3600)),
    Fallback::Else("required"),
    "The window's length.",
);
const BURST: Key<Integer> = Key::new(
    "burst",
    Integer { min: 1, max: 1_000_000 },
    Fallback::Value("1"),
    "How many of them may come at once; not above `limit`.",
);

pub(super) const LIMIT_PART: Part =
    Part { pattern: "tenants.NAME.limits[]", about: "One window of the quota.", keys: &[&LIMIT, &PER, &BURST] };

const POLL: Key<Span> = Key::new(
    "poll",
    Span::between(Duration::from_millis(100), Duration::from_secs(300)),
    Fallback::ByApi(&presets::POLL),
    "The time between two polls of a job; longer where the quota is tight.",
);

pub(super) const JOBS_PART: Part = Part { pattern: "tenants.NAME.jobs", about: "How jobs are polled.", keys: &[&POLL] };

const CONSECUTIVE_FAILURES: Key<Integer> = Key::new(
    "consecutive_failures",
    Integer { min: 1, max: 1000 },
    Fallback::Value("10"),
    "So many failures in a row open the breaker. (Not built yet: any other value than the default.)",
);
const OPEN_FOR: Key<Span> = Key::new(
    "open_for",
    Span::between(Duration::from_secs(1), Duration::from_secs(3600)),
    Fallback::Value("\"30s\""),
    "How long until it lets a probe through. (Not built yet: any other value than the default.)",
);
const BREAKER_DEFAULT: Breaker = Breaker { consecutive_failures: 10, open_for: Duration::from_secs(30) };

pub(super) const BREAKER_PART: Part = Part {
    pattern: "tenants.NAME.breaker",
    about: "When a tenant in trouble is left alone.",
    keys: &[&CONSECUTIVE_FAILURES, &OPEN_FOR],
};

const DEFAULT: &str = "default";

/// The names of all tenants, before any is read.
pub(super) fn names(root: &Section<'_>) -> BTreeSet<TenantName> {
    let names = root.names_in("tenants").into_iter().chain([DEFAULT]);
    names.filter_map(|name| TenantName::parse(name).ok()).collect()
}

/// All tenants.
pub(super) fn read(root: &mut Section<'_>) -> BTreeMap<TenantName, Tenant> {
    let mut section = root.section("tenants");
    section.ensure(DEFAULT);
    let mut tenants = BTreeMap::new();
    for (name, section) in section.named("NAME") {
        match TenantName::parse(&name) {
            Ok(tenant) => {
                let read = read_tenant(section, name == DEFAULT);
                tenants.insert(tenant, read);
            }
            Err(error) => section.blame_all(&format!("a tenant's name {error}")),
        }
    }
    tenants
}

fn read_tenant(mut section: Section<'_>, is_default: bool) -> Tenant {
    let api = section.value(&API);
    section.api = api;
    let region_given = section.given(&REGION).is_some();
    if api != Api::Genesys {
        section.idle(&REGION, &format!("has no effect with api = {:?}", api.name()));
    }
    let region = section.get(&REGION);
    let base_url_given = section.given(&BASE_URL).is_some();
    let base_url = read_base_url(&mut section, is_default, region.as_deref());
    let limits = read_limits(&mut section, &LIMITS);
    let max_concurrent = small(section.value(&MAX_CONCURRENT));
    let ca_origin = section.given(&CA_FILE);
    let ca_file = section.get(&CA_FILE).map(|path| absolute(&path));
    let at = Whereabouts { base_url: base_url.as_ref(), base_url_given, region: region.as_deref(), region_given };
    let auth = read_auth(section.section("auth"), &at);
    if let (Some(path), Some(origin)) = (&ca_file, ca_origin) {
        check_ca_file(&section, path, origin, [&base_url, &auth.token_url, &auth.issuer]);
    }
    let retry = read_retry(section.section("retry"));
    let mut jobs = section.section("jobs");
    let poll = jobs.value(&POLL);
    jobs.finish();
    let breaker = read_breaker(section.section("breaker"));
    let actions = actions::read(section.section("actions"));
    section.finish();
    Tenant { api, base_url, limits, max_concurrent, ca_file, auth, retry, jobs: Jobs { poll }, breaker, actions }
}

fn check_ca_file(section: &Section<'_>, path: &Path, origin: Origin, urls: [&Option<Url>; 3]) {
    if urls.into_iter().flatten().all(|url| url.scheme() != "https") {
        let what = match section.api {
            Api::Cxone => "has no effect: none of base_url, auth.token_url and auth.issuer is an https URL",
            Api::DataActions | Api::Genesys => "has no effect: neither base_url nor auth.token_url is an https URL",
        };
        section.blame(CA_FILE.name, origin.clone(), what);
    }
    if let Err(what) = tls::authorities(path) {
        section.blame(CA_FILE.name, origin, &what);
    }
}

fn read_base_url(section: &mut Section<'_>, is_default: bool, region: Option<&str>) -> Option<Url> {
    let given = section.given(&BASE_URL).is_some();
    if section.api == Api::DataActions && !is_default && !given {
        section.missing(&BASE_URL);
    }
    let url = section.get(&BASE_URL).map(|mut url| {
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        url
    });
    match (section.api, region) {
        (Api::Genesys, Some(region)) if !given => {
            let url = Url::parse(&format!("https://api.{region}")).ok()?;
            section.show(BASE_URL.name, url.as_str().trim_end_matches('/').into(), Origin::Default);
            Some(url)
        }
        (Api::DataActions | Api::Cxone | Api::Genesys, _) => url,
    }
}

/// The windows at `key`; also an action's, of which there may be none.
pub(super) fn read_limits(section: &mut Section<'_>, key: &Key<Tables>) -> Vec<Limit> {
    let origin = section.given(key).unwrap_or(Origin::Default);
    let limits: Vec<_> = section.tables(key, false).into_iter().filter_map(read_limit).collect();
    if !limits.is_empty() {
        section.show(key.name, limits.iter().map(show_limit).collect::<Vec<_>>().into(), origin);
    }
    limits
}

fn read_limit(mut section: Section<'_>) -> Option<Limit> {
    let limit = section.required(&LIMIT).map(small);
    let per = section.required(&PER);
    let origin = section.given(&BURST).unwrap_or(Origin::Default);
    let burst = section.get(&BURST).map(small);
    if let Some((burst, limit)) = burst.zip(limit).filter(|(burst, limit)| burst > limit) {
        section.blame(BURST.name, origin, &format!("is {burst}; must not be above limit, which is {limit}"));
    }
    section.finish();
    Some(Limit { limit: limit?, per: per?, burst: burst? })
}

fn show_limit(limit: &Limit) -> toml::Value {
    let mut table = toml::Table::new();
    table.insert("limit".into(), i64::from(limit.limit).into());
    table.insert("per".into(), span_text(limit.per).into());
    table.insert("burst".into(), i64::from(limit.burst).into());
    table.into()
}

fn read_breaker(mut section: Section<'_>) -> Breaker {
    let origins = (section.given(&CONSECUTIVE_FAILURES), section.given(&OPEN_FOR));
    let breaker = Breaker {
        consecutive_failures: section.get(&CONSECUTIVE_FAILURES).map_or(BREAKER_DEFAULT.consecutive_failures, small),
        open_for: section.get(&OPEN_FOR).unwrap_or(BREAKER_DEFAULT.open_for),
    };
    if let Some(origin) = origins.0.filter(|_| breaker.consecutive_failures != BREAKER_DEFAULT.consecutive_failures) {
        section.not_built(CONSECUTIVE_FAILURES.name, origin);
    }
    if let Some(origin) = origins.1.filter(|_| breaker.open_for != BREAKER_DEFAULT.open_for) {
        section.not_built(OPEN_FOR.name, origin);
    }
    section.finish();
    breaker
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
