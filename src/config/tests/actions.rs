//! What the actions of a tenant may be, and everything that is wrong with them.

use std::io::Write;
use std::time::Duration;

use super::*;
use crate::chain::ActionId;
use crate::chain::action::{Method, Query};
use crate::config::Action;

fn schema(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn action(file: &str, id: &str) -> Action {
    let config = load(file, &[]).unwrap();
    config.tenants[&TenantName::parse("default").unwrap()].actions[&ActionId::parse(id).unwrap()].clone()
}

#[test]
fn an_action_has_everything_that_is_said_of_it() {
    let schema = schema(r#"{"type": "object", "required": ["skillId"]}"#);
    let file = format!(
        r#"
[tenants.default.actions."acd.Start-Script"]
method = "PUT"
path = "/incontactapi/services/v31.0/scripts/{{scriptId}}/start"
query = ["skillId", "Parameters"]
poll_path = "/jobs/{{jobId}}"
mode = "job"
idempotent = false
required_params = ["skillId"]
timeout_seconds = 600
schema_file = "{}"
redact = ["/phone", "/items/*/token", ""]
limits = [{{ limit = 2, per = "1s" }}, {{ limit = 60, per = "1m", burst = 5 }}]
headers = {{ X-Api-Version = "31", Accept-Language = "en" }}
"#,
        schema.path().display()
    );
    let action = action(&file, "acd.Start-Script");
    assert_eq!(action.method, Method::Put);
    assert_eq!(action.path.unwrap().to_string(), "/incontactapi/services/v31.0/scripts/{scriptId}/start");
    assert_eq!(action.query, Query::Names(vec!["skillId".into(), "Parameters".into()]));
    assert_eq!(action.poll_path.unwrap().to_string(), "/jobs/{jobId}");
    assert_eq!((action.job, action.idempotent, action.timeout), (true, false, Some(Duration::from_secs(600))));
    assert_eq!(action.required_params, ["skillId"]);
    assert_eq!(action.schema.unwrap().violations(&serde_json::json!({})).len(), 1);
    assert_eq!(action.redaction.mask(&serde_json::json!(1)), "***");
    assert_eq!(action.limits.iter().map(|limit| (limit.limit, limit.burst)).collect::<Vec<_>>(), [(2, 1), (60, 5)]);
    assert_eq!(action.headers["X-Api-Version"], "31");

    let shown = load(&file, &[]).unwrap().shown_json();
    let shown = &shown["tenants"]["default"]["actions"]["acd.Start-Script"];
    assert_eq!(shown["path"], "/incontactapi/services/v31.0/scripts/{scriptId}/start");
    assert_eq!((&shown["limits"][0]["burst"], &shown["headers"]["X-Api-Version"]), (&1.into(), &"31".into()));
}

#[test]
fn what_is_not_said_of_an_action_is_the_apis() {
    let plain = action("[tenants.default.actions.a]\n", "a");
    assert_eq!((plain.method, plain.job, plain.idempotent, plain.timeout), (Method::Post, false, false, None));
    assert!(plain.path.is_none() && plain.poll_path.is_none() && plain.schema.is_none());
    assert!(plain.redaction.is_empty() && plain.limits.is_empty() && plain.headers.is_empty());
    for (method, idempotent) in [("GET", true), ("PUT", false), ("POST", false), ("PATCH", false), ("DELETE", false)] {
        assert_eq!(
            action(&format!("[tenants.default.actions.a]\nmethod = \"{method}\"\n"), "a").idempotent,
            idempotent
        );
    }
    assert_eq!(action("[tenants.default.actions.a]\nquery = [\"*\"]\n", "a").query, Query::Rest);
}

#[test]
fn an_action_may_come_from_the_environment() {
    let config =
        load("", &[("CXCHAIN__TENANTS__DEFAULT__ACTIONS__A", r#"{path = "/x/{id}", headers = {X-A = "b"}}"#)]).unwrap();
    let actions = &config.tenants[&TenantName::parse("default").unwrap()].actions;
    let action = &actions[&ActionId::parse("a").unwrap()];
    assert_eq!((action.path.as_ref().unwrap().to_string().as_str(), action.headers["X-A"].as_str()), ("/x/{id}", "b"));
}

#[test]
fn everything_that_is_wrong_with_actions_is_told_at_once() {
    let file = r#"
[tenants.default.actions."da/x"]
[tenants.default.actions.a]
method = "HEAD"
path = "x/../y"
query = ["*", "a"]
poll_path = "/jobs/{id}"
mode = "async"
idempotent = "yes"
required_params = ["a", "a"]
timeout_seconds = 121
redact = ["phone", "/~2"]
limits = [{ limit = 1, per = "1s", burst = 2 }]
headers = { authorization = "CANARY", X-Request-ID = "x", Proxy-Auth = "x", "X A" = "x", X-B = 1, X-C = "a\nCANARY", Content-Length = "0" }
retries = 3
[tenants.default.actions.b]
method = "GET"
path = "/c/{id}/{id}"
query = ["id"]
mode = "job"
schema_file = "/no/such/schema.json"
headers = 7
[tenants.default.actions.c]
path = "/a?b"
headers = { X-A = "1", x-a = "2" }
"#;
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:4: tenants.default.actions.a.method: is "HEAD"; must be one of "GET", "POST", "PUT", "PATCH", "DELETE"
    c.toml:5: tenants.default.actions.a.path: must be a path of 1 to 1024 bytes: a slash first, then segments of A-Z a-z 0-9 and -._~!$&'()*+,;=:@ with places such as {contactId}; no segment is empty, . or ..
    c.toml:6: tenants.default.actions.a.query: has "*" and other names; "*" stands alone
    c.toml:7: tenants.default.actions.a.poll_path: must have the place {jobId}, once, and no other
    c.toml:8: tenants.default.actions.a.mode: is "async"; must be one of "sync", "job"
    c.toml:9: tenants.default.actions.a.idempotent: must be a boolean (true or false)
    c.toml:10: tenants.default.actions.a.required_params: entry 1 is "a", as entry 0 is
    c.toml:11: tenants.default.actions.a.timeout_seconds: is 121; must be at most 120 where mode is "sync"
    c.toml:12: tenants.default.actions.a.redact: entry 0 must be a JSON pointer of at most 256 bytes such as `/customer/phone` or `/items/*/token`; `*` stands for one whole key or index, never for a part of one or for several (`**`); entry 1 must be a JSON pointer of at most 256 bytes such as `/customer/phone` or `/items/*/token`; `*` stands for one whole key or index, never for a part of one or for several (`**`)
    c.toml:13: tenants.default.actions.a.limits[0].burst: is 2; must not be above limit, which is 1
    c.toml:14: tenants.default.actions.a.headers: Content-Length cannot be set: cxchain says it itself; Proxy-Auth cannot be set: cxchain says it itself; X A is no header's name: must be 1 to 64 letters, digits and hyphens; X-B is an integer; must be a string; X-C must have a value of 1 to 1024 characters of printable ASCII, without spaces around it; X-Request-ID cannot be set: cxchain says it itself; authorization cannot be set: cxchain says it itself
    c.toml:15: tenants.default.actions.a.retries: unknown key; known here: method, path, query, poll_path, mode, idempotent, required_params, timeout_seconds, schema_file, redact, limits, headers, headers_file
    c.toml:19: tenants.default.actions.b.query: has id, which the path takes
    c.toml:17: tenants.default.actions.b.method: is "GET"; must be POST, PUT or PATCH where mode is "job"
    c.toml:21: tenants.default.actions.b.schema_file: /no/such/schema.json cannot be read: No such file or directory (os error 2)
    c.toml:22: tenants.default.actions.b.headers: is an integer; must be a table of strings, at most 20, each name of 1 to 64 letters, digits and hyphens, each value of 1 to 1024 characters of printable ASCII; not one of accept, accept-encoding, authorization, connection, content-encoding, content-length, content-type, cookie, expect, host, idempotency-key, keep-alive, proxy-*, range, te, traceparent, tracestate, trailer, transfer-encoding, upgrade, user-agent, via, x-request-id
    c.toml:24: tenants.default.actions.c.path: has '?' in it, which cannot stand there
    c.toml:25: tenants.default.actions.c.headers: x-a is there twice
    tenants.default.actions."da/x": an action's id must be a letter or digit first, then up to 127 of A-Z a-z 0-9 . _ -
    "#);
}

#[test]
fn an_id_with_dots_and_without_quotes_is_seen_through() {
    let file = r#"
[tenants.a]
api = "cxone"
[tenants.a.actions.scripts.start]
path = "/x"
[tenants.a.actions.scripts.stop]
headers = { X-A = "b" }
[tenants.a.actions.interactions.active.signal]
path = "/y"
[tenants.a.actions.both]
path = "/z"
[tenants.a.actions.both.ways]
path = "/z"
"#;
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:13: tenants.a.actions.both.ways: unknown key; an id with dots stands in quotes: [tenants.a.actions."both.ways"]
    c.toml:9: tenants.a.actions.interactions.active: unknown key; an id with dots stands in quotes: [tenants.a.actions."interactions.active.signal"]
    c.toml:5: tenants.a.actions.scripts.start: unknown key; an id with dots stands in quotes: [tenants.a.actions."scripts.start"]
    c.toml:7: tenants.a.actions.scripts.stop: unknown key; an id with dots stands in quotes: [tenants.a.actions."scripts.stop"]
    "#);
}

#[test]
fn what_is_twice_in_a_list_is_named_with_its_places() {
    let file = r#"
[tenants.default.actions.a]
query = ["a", "a"]
required_params = ["b", "c", "b", "b"]
redact = ["/x", "/y", "/x"]
[tenants.default]
retry.statuses = [500, 503, 500]
auth.scopes = "s s"
"#;
    insta::assert_snapshot!(problems(file, &[]).join("\n"), @r#"
    c.toml:8: tenants.default.auth.scopes: entry 1 is "s", as entry 0 is
    c.toml:7: tenants.default.retry.statuses: entry 2 is 500, as entry 0 is
    c.toml:3: tenants.default.actions.a.query: entry 1 is "a", as entry 0 is
    c.toml:4: tenants.default.actions.a.required_params: entry 2 is "b", as entry 0 is; entry 3 is "b", as entry 0 is
    c.toml:5: tenants.default.actions.a.redact: entry 2 is "/x", as entry 0 is
    "#);
}

#[test]
fn a_wildcard_that_would_mask_nothing_is_refused() {
    insta::assert_snapshot!(problems("[tenants.default.actions.a]\nredact = [\"/**/secret\", \"/a*\", \"/*/b\"]\n", &[]).join("\n"), @r#"c.toml:2: tenants.default.actions.a.redact: entry 0 must be a JSON pointer of at most 256 bytes such as `/customer/phone` or `/items/*/token`; `*` stands for one whole key or index, never for a part of one or for several (`**`); entry 1 must be a JSON pointer of at most 256 bytes such as `/customer/phone` or `/items/*/token`; `*` stands for one whole key or index, never for a part of one or for several (`**`)"#);
}

#[test]
fn a_file_that_is_not_there_is_named_in_full() {
    let file = "\
[broker]
url_file = \"no/such/url\"
tls.ca_file = \"no/such/ca.pem\"
[tenants.default]
ca_file = \"no/such/ca.pem\"
auth.client_secret_file = \"no/such/secret\"
[tenants.default.actions.a]
schema_file = \"no/such/schema.json\"
headers_file = { X-A = \"no/such/header\" }
";
    let here = std::env::current_dir().unwrap().display().to_string();
    insta::assert_snapshot!(problems(file, &[]).join("\n").replace(&here, "HERE"), @r#"
    c.toml:2: broker.url_file: cannot read HERE/no/such/url: No such file or directory (os error 2)
    c.toml:3: broker.tls.ca_file: cannot read HERE/no/such/ca.pem: No such file or directory (os error 2)
    c.toml:6: tenants.default.auth.client_secret_file: cannot read HERE/no/such/secret: No such file or directory (os error 2)
    c.toml:5: tenants.default.ca_file: cannot read HERE/no/such/ca.pem: No such file or directory (os error 2)
    c.toml:8: tenants.default.actions.a.schema_file: HERE/no/such/schema.json cannot be read: No such file or directory (os error 2)
    c.toml:9: tenants.default.actions.a.headers_file: X-A: cannot read HERE/no/such/header: No such file or directory (os error 2)
    "#);
}

#[test]
fn a_schema_may_be_true_or_false() {
    for text in ["true", "false"] {
        let schema = schema(text);
        let file = format!("[tenants.default.actions.a]\nschema_file = \"{}\"\n", schema.path().display());
        let fits = action(&file, "a").schema.unwrap().violations(&serde_json::json!({})).is_empty();
        assert_eq!(fits.to_string(), text);
    }
}

#[test]
fn a_schema_file_that_is_none_says_where() {
    let about = |text: &str| {
        let schema = schema(text);
        let path = schema.path().display().to_string();
        let file = format!("[tenants.default.actions.a]\nschema_file = \"{path}\"\n");
        problems(&file, &[]).join("\n").replace(&path, "s.json")
    };
    insta::assert_snapshot!([
        about("{\"type\": }"),
        about("7"),
        about("\u{feff}{}"),
        about("{\"properties\": {\"a\": {\"type\": \"strin\"}}}"),
        about("{\"$ref\": \"http://127.0.0.1:1/s.json\"}"),
        about(&format!("{{\"a\": \"{}\"}}", "x".repeat(1 << 20))),
    ].join("\n"), @r#"
    c.toml:2: tenants.default.actions.a.schema_file: s.json is no JSON: expected value at line 1 column 10
    c.toml:2: tenants.default.actions.a.schema_file: s.json is neither a JSON object nor true or false
    c.toml:2: tenants.default.actions.a.schema_file: s.json begins with a byte order mark (UTF-8), which JSON does not have: save it as UTF-8 without one
    c.toml:2: tenants.default.actions.a.schema_file: s.json is no valid JSON Schema at /properties/a/type: "strin" is not valid under any of the schemas listed in the 'anyOf' keyword
    c.toml:2: tenants.default.actions.a.schema_file: s.json refers to something that is not in it, and nothing is fetched: Resource 'http://127.0.0.1:1/s.json' is not present in a registry and retrieving it failed: Retrieval is disabled, cannot fetch http://127.0.0.1:1/s.json
    c.toml:2: tenants.default.actions.a.schema_file: s.json has more than 1048576 bytes
    "#);
}

#[test]
fn a_header_that_is_secret_comes_from_a_file_and_is_not_shown() {
    let [key, spaced] = ["CANARY-key\n", " CANARY "].map(schema);
    let (path, spaced) = (key.path().display(), spaced.path().display());
    let file = format!(
        "[tenants.default.actions.a]\nheaders = {{ X-B = \"b\" }}\nheaders_file = {{ X-Api-Key = \"{path}\" }}\n"
    );
    let config = load(&file, &[]).unwrap();
    let action = action(&file, "a");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&action.secret_headers["X-Api-Key"]), "CANARY-key");
    assert_eq!(action.headers.len(), 1);
    assert!(config.shown().contains(&format!("headers_file = {{ X-Api-Key = \"{path}\" }}")), "{}", config.shown());
    let twin = [("CXCHAIN__TENANTS__DEFAULT__ACTIONS__A__HEADERS_FILE", format!("{{X-Api-Key = \"{path}\"}}"))];
    let twin = twin.each_ref().map(|(name, value)| (*name, value.as_str()));
    let actions = &tenant(&load("", &twin).unwrap(), "default").actions.clone();
    assert_eq!(actions[&ActionId::parse("a").unwrap()].secret_headers.len(), 1);
    let wrong = format!(
        "[tenants.default.actions.a]\nheaders = {{ x-api-key = \"b\" }}\n\
         headers_file = {{ X-Api-Key = \"{path}\", X-Gone = \"/no/such/file\", X-Spaced = \"{spaced}\" }}\n\
         [tenants.default.actions.b]\nheaders_file = {{ Host = \"{path}\", X-A = 7, X-B = \"\" }}\n"
    );
    let said = problems(&wrong, &[]).join("\n").replace(&spaced.to_string(), "SPACED");
    insta::assert_snapshot!(said, @r"
    c.toml:3: tenants.default.actions.a.headers_file: X-Api-Key is in headers, too; give one of the two; X-Gone: cannot read /no/such/file: No such file or directory (os error 2); X-Spaced: SPACED holds no header's value: must be 1 to 1024 characters of printable ASCII, without spaces around it
    c.toml:5: tenants.default.actions.b.headers_file: Host cannot be set: cxchain says it itself; X-A must be a file path; X-B must be a file path
    ");
    assert!(![said, config.shown(), format!("{config:?}")].iter().any(|text| text.contains("CANARY")));
}
