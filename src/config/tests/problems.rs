//! What is wrong is said: all of it, where it stands, and what is allowed.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;

#[test]
fn everything_that_is_wrong_is_said_at_once_with_place_and_key() {
    let file = "\
[worker]
drain_tiemout = \"10s\"
max_message_bytes = 12
require_run_id = \"yes\"
[wroker]
id = \"x\"
[[queues]]
name = \"a\"
tenant = \"nobody\"
prefetch = 20.5
[tenants.default]
limits = [{ limit = 5, per = \"2h\", burst = 6 }, 7]
retry.statuses = [200, \"x\", 503]
[tenants.north]
max_concurrent = 1
";
    let env = [
        ("CXCHAIN__TENANTS__DEFAULT__RETRY__MAX_ATTEMPTS", "eleven"),
        ("CXCHAIN__GATE__SLACK", "20"),
        ("CXCHAIN__GATE__WORKERS", "0"),
    ];
    insta::assert_snapshot!(load(file, &env).unwrap_err(), @r#"
    14 problems in the configuration; mend them all and start again (docs/CONFIG.md describes every key):
      c.toml:3: worker.max_message_bytes: is 12; must be an integer from 1024 to 16777216
      c.toml:4: worker.require_run_id: must be a boolean (true or false)
      c.toml:2: worker.drain_tiemout: unknown key; did you mean worker.drain_timeout?
      c.toml:9: queues[0].tenant: tenant nobody is not configured; there are: default, north
      c.toml:10: queues[0].prefetch: is a number with a fraction; must be an integer from 1 to 2000, or "auto"
      environment variable CXCHAIN__GATE__WORKERS: gate.workers: is 0; must be an integer from 1 to 10000
      environment variable CXCHAIN__GATE__SLACK: gate.slack: must be a duration from "1ms" to "1s"
      c.toml:12: tenants.default.limits[1]: is an integer; must be a table
      c.toml:12: tenants.default.limits[0].per: is 2h; must be a duration from "1ms" to "1h"
      c.toml:12: tenants.default.limits[0].burst: is 6; must not be above limit, which is 5
      environment variable CXCHAIN__TENANTS__DEFAULT__RETRY__MAX_ATTEMPTS: tenants.default.retry.max_attempts: must be an integer from 1 to 10
      c.toml:13: tenants.default.retry.statuses: entry 0 must be from 400 to 599 and not 401; entry 1 is a string; must be an integer from 400 to 599
      c.toml:15: tenants.north.base_url: is missing; must be an http or https URL without user, query and fragment
      c.toml:6: wroker: unknown key; did you mean worker?
    "#);
}

#[test]
fn a_prefetch_is_a_number_that_memory_bears_or_auto() {
    for wrong in ["0", "2001", "65535", "65536", "\"20\"", "\"many\""] {
        let problems = problems(&format!("[[queues]]\nprefetch = {wrong}\n"), &[]);
        assert!(problems[0].contains("must be an integer from 1 to 2000, or \"auto\""), "{wrong}: {problems:?}");
    }
}

#[test]
fn syntax_errors_name_their_lines_and_nothing_of_the_text() {
    let problems = problems("[broker]\nurl = \"CANARY\nheartbeat = CANARY\n", &[("CXCHAIN__OPS__LISTEN", "nowhere")]);
    assert!(problems[0].starts_with("c.toml:2: not TOML: "), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("ops.listen")), "{problems:?}");
    assert!(!problems.concat().contains("CANARY"), "{problems:?}");
}

#[test]
fn what_cannot_come_from_the_environment_is_said() {
    let env = [
        ("CXCHAIN__QUEUES__0__NAME", "a"),
        ("CXCHAIN__WORKER", "CANARY"),
        ("CXCHAIN__WORKER__ID__X", "1"),
        ("CXCHAIN__TENANTS__DEFAULT__LIMITS", "CANARY"),
        ("CXCHAIN__TENANTS__BAD.NAME", "{}"),
        ("CXCHAIN__", "1"),
        ("cxchain__gate__workers", "2"),
        ("CXCHAIN__GATE__WORKERS", "3"),
    ];
    insta::assert_snapshot!(load("", &env).unwrap_err(), @r#"
    8 problems in the configuration; mend them all and start again (docs/CONFIG.md describes every key):
      environment variable CXCHAIN__GATE__WORKERS: gate.workers: also given by cxchain__gate__workers, which differs in upper and lower case only
      environment variable CXCHAIN__WORKER: worker: must be a TOML table such as {key = "value"}: string values must be quoted, expected literal string
      environment variable CXCHAIN__WORKER__ID__X: worker.id: is a table; must be a string of 1 to 128 characters of A-Z a-z 0-9 . _ : -
      environment variable CXCHAIN__QUEUES__0__NAME: queues: is a table; must be a list of tables {name, tenant, prefetch}, 1 to 100 of them
      environment variable CXCHAIN__TENANTS__BAD.NAME: tenants.bad.base_url: is missing; must be an http or https URL without user, query and fragment
      environment variable CXCHAIN__TENANTS__BAD.NAME: tenants.bad.name: unknown key; known here: api, region, base_url, limits, max_concurrent, ca_file, auth, retry, jobs, breaker, actions
      environment variable CXCHAIN__TENANTS__DEFAULT__LIMITS: tenants.default.limits: must be a list as inline TOML: string values must be quoted, expected literal string
      environment variable CXCHAIN__: "": unknown key; known here: worker, broker, queues, exchanges, logs, journal, gate, audit, notify, ops, telemetry, tenants
    "#);
}

#[test]
fn every_value_that_is_not_built_yet_is_named() {
    let file = "\
[journal]
kind = \"redis\"
[gate]
kind = \"redis\"
[[queues]]
name = \"a\"
[notify]
url = \"https://example.com/hook\"
secret = \"s\"
events = [\"result\"]
[ops]
listen = \"127.0.0.1:9464\"
[telemetry]
otlp_endpoint = \"http://127.0.0.1:4318\"
[tenants.default]
breaker = { consecutive_failures = 5, open_for = \"30s\" }
jobs.poll = \"5s\"
";
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:2: not built yet: journal.kind = "redis"; this release has "sqlite", "memory"
    c.toml:4: not built yet: gate.kind = "redis"; this release has "local"
    c.toml:8: not built yet: notify.url; leave it out
    c.toml:9: not built yet: notify.secret; leave it out
    c.toml:14: not built yet: telemetry.otlp_endpoint; leave it out
    c.toml:16: not built yet: tenants.default.breaker.consecutive_failures; leave it out
    "#);
}

#[test]
fn names_on_the_broker_do_not_collide() {
    let file = "\
queues = [{ name = \"a\" }, { name = \"a\" }, { name = \"cxchain.lock.a\" }, { name = \"amq.x\" }, { name = \"cxchain.dead\" }]
[exchanges]
audit = \"cxchain.results\"
[logs]
results = \"a\"
max_age = \"7d\"
";
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:1: queues[3].name: must be a string of 1 to 200 characters of printable ASCII, no space at either end, not beginning with "amq."
    c.toml:6: logs.max_age: must be a string of a number from 1 to 999999 and one of Y M D h m s, as in "7D"
    c.toml:3: exchanges.audit: "cxchain.results" is the name of exchanges.results already; no two exchanges may have one name
    c.toml:1: queues[1].name: "a" is the name of queues[0].name already; no two queues may have one name
    c.toml:1: queues[2].name: "cxchain.lock.a" is the name of the lock queue of queues[1].name already; no two queues may have one name
    c.toml:1: queues[4].name: "cxchain.dead" is the name of exchanges.dead already; no two queues may have one name
    c.toml:5: logs.results: "a" is the name of queues[0].name already; no two queues may have one name
    "#);
}

#[test]
fn a_drain_that_outlasts_the_consumer_timeout_is_refused() {
    assert!(load("[worker]\ndrain_timeout = \"899s\"\n", &[]).is_ok());
    assert!(problems("[worker]\ndrain_timeout = \"900s\"\n", &[])[0].contains("worker.drain_timeout"));
}

#[test]
fn a_named_file_that_is_missing_is_a_problem_of_its_own() {
    let error = Config::load(Some(Path::new("/no/such.toml")), BTreeMap::<String, String>::new()).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    1 problem in the configuration; mend it and start again (docs/CONFIG.md describes every key):
      /no/such.toml: the configuration file cannot be read: No such file or directory (os error 2)
    "#);
}
