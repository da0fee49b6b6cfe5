//! The configuration as a whole.

mod actions;
mod generated;
mod presets;
mod problems;
mod secrets;
mod tls;

use std::ffi::OsString;
use std::time::Duration;

use super::load::FileText;
use super::*;

type Env<'a> = &'a [(&'a str, &'a str)];

fn load(file: &str, env: Env<'_>) -> Result<Config, ConfigError> {
    let file = (!file.is_empty()).then(|| FileText { path: "c.toml".into(), text: file.into() });
    Config::read(file.as_ref(), variables(env), Vec::new())
}

fn variables(env: Env<'_>) -> Vec<(OsString, OsString)> {
    env.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn defaults() -> Config {
    load("", &[]).unwrap()
}

fn problems(file: &str, env: Env<'_>) -> Vec<String> {
    let error = load(file, env).expect_err("there are problems");
    error.problems.iter().map(ToString::to_string).collect()
}

fn text(url: &Option<url::Url>) -> &str {
    url.as_ref().unwrap().as_str()
}

fn tenant<'c>(config: &'c Config, name: &str) -> &'c Tenant {
    &config.tenants[&TenantName::parse(name).unwrap()]
}

#[test]
fn the_environment_goes_over_the_file_key_by_key() {
    let file =
        "[worker]\nid = \"file\"\ndrain_timeout = \"5s\"\n[tenants.default.retry]\nbase = \"1s\"\nmultiplier = 3\n";
    let env = [
        ("CXCHAIN__WORKER__ID", "env"),
        ("CXCHAIN__WORKER__REQUIRE_RUN_ID", "true"),
        ("CXCHAIN__TENANTS__DEFAULT__RETRY", "{multiplier = 2.5, max_attempts = 9}"),
        ("CXCHAIN__TENANTS__DEFAULT__RETRY__MAX_ATTEMPTS", "2"),
        ("CXCHAIN__TENANTS__DEFAULT__RETRY__STATUSES", "[429, 503, 500]"),
        ("CXCHAIN_FAILPOINT", "before_ack"),
        ("CXCHAIN_TEST_AMQP_URL", "amqp://elsewhere"),
    ];
    let config = load(file, &env).unwrap();
    assert_eq!(config.worker.id, "env");
    assert_eq!(config.worker.drain_timeout, Duration::from_secs(5));
    assert!(config.worker.require_run_id);
    let retry = &tenant(&config, "default").retry;
    assert_eq!((retry.base, retry.multiplier, retry.max_attempts), (Duration::from_secs(1), 2.5, 2));
    assert_eq!(retry.statuses, [429, 503, 500]);
}

#[test]
fn one_key_of_the_default_tenant_leaves_the_others_alone() {
    let config = load("", &[("CXCHAIN__TENANTS__DEFAULT__BASE_URL", "http://127.0.0.1:8080/sim/")]).unwrap();
    let tenant = tenant(&config, "default");
    assert_eq!(text(&tenant.base_url), "http://127.0.0.1:8080/sim");
    assert_eq!(text(&tenant.auth.token_url), "http://127.0.0.1:8080/sim/oauth/token");
    assert_eq!(tenant.limits.len(), 2);
    assert_eq!(tenant.max_concurrent, 50);
}

#[test]
fn lists_come_from_the_environment_as_inline_toml() {
    let env = [
        (
            "CXCHAIN__QUEUES",
            "[{name=\"a\", prefetch=50}, {name=\"b\", tenant=\"north\"}, {name=\"c\", prefetch=\"auto\"}]",
        ),
        ("CXCHAIN__TENANTS__NORTH__BASE_URL", "https://north.example"),
        ("CXCHAIN__TENANTS__DEFAULT__LIMITS", "[{limit=10, per=\"1s\", burst=2}]"),
        ("CXCHAIN__TENANTS__DEFAULT__AUTH__SCOPES", "a:b c:d"),
        ("CXCHAIN__TENANTS__NORTH__AUTH__SCOPES", "[\"e\"]"),
    ];
    let config = load("[[queues]]\nname = \"file\"\n", &env).unwrap();
    let queues: Vec<_> = config.queues.iter().map(|q| (q.name.as_str(), q.tenant.as_str(), q.prefetch)).collect();
    assert_eq!(
        queues,
        [("a", "default", Prefetch::Count(50)), ("b", "north", Prefetch::Auto), ("c", "default", Prefetch::Auto)]
    );
    assert_eq!(tenant(&config, "default").limits, [Limit { limit: 10, per: Duration::from_secs(1), burst: 2 }]);
    assert_eq!(tenant(&config, "default").auth.scopes, ["a:b", "c:d"]);
    assert_eq!(tenant(&config, "north").auth.scopes, ["e"]);
    assert_eq!(tenant(&config, "north").limits.len(), 2);
}
