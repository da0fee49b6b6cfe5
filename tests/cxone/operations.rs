//! Any operation: what of a payload goes where, and that nothing leads out of the tenant's base URL.

use std::collections::BTreeMap;
use std::time::Duration;

use cxchain::chain::action::{Method, PathTemplate, Query, Redaction};
use cxchain::chain::{ActionId, ErrorClass, JobId, JobOptions, Mode, Retryable, Verdict};
use cxchain::cxone::{ActionSettings, Cxone, Preset, TenantSettings};
use cxchain::ports::{Actions, Call, Hidden, Poll, Prepared, Seen};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::server::{Reply, Server, json as says, response};
use super::silence::BlackHole;
use super::{LIMIT, call_within, credential, settings, tenant};

const ID: &str = "da-fetch.v1";

fn platform(url: &str, action: ActionSettings) -> Cxone {
    let actions = BTreeMap::from([(ActionId::parse(ID).unwrap(), action)]);
    Cxone::new(BTreeMap::from([(tenant(), TenantSettings { actions, ..settings(url) })]), LIMIT).unwrap()
}

fn at(path: &str) -> ActionSettings {
    ActionSettings { path: Some(PathTemplate::parse(path).unwrap()), ..ActionSettings::default() }
}

fn names(names: &[&str]) -> Query {
    Query::Names(names.iter().map(|&name| name.to_owned()).collect())
}

fn prepare(platform: &Cxone, payload: &Value) -> Result<Prepared, String> {
    let action = ActionId::parse(ID).unwrap();
    platform.prepare(&tenant(), &action, &Mode::Sync, payload.as_object().unwrap())
}

/// Method and target, and the body.
fn prepared(action: ActionSettings, payload: &Value) -> (String, String) {
    let request = prepare(&platform("http://h/base", action), payload).unwrap();
    (format!("{} {}", request.method.as_str(), request.target), String::from_utf8(request.body.to_vec()).unwrap())
}

fn refused(action: ActionSettings, payload: &Value) -> String {
    prepare(&platform("http://h/base", action), payload).unwrap_err()
}

#[test]
fn a_payload_goes_into_path_query_and_body() {
    let get = |path| ActionSettings { method: Method::Get, ..at(path) };
    for (action, payload, request, body) in [
        (at("/c/{id}/signal"), json!({"id": 7, "p1": "a", "b": null}), "POST /c/7/signal", r#"{"b":null,"p1":"a"}"#),
        (at("/c/{id}/signal"), json!({"id": 7}), "POST /c/7/signal", ""),
        (at("/c"), json!({}), "POST /c", ""),
        (
            ActionSettings { query: names(&["skill", "none"]), ..at("/c/{id}") },
            json!({"id": "x", "skill": "a b&c", "rest": 1}),
            "POST /c/x?skill=a%20b%26c",
            r#"{"rest":1}"#,
        ),
        (
            ActionSettings { query: Query::Rest, ..at("/c") },
            json!({"b": [1, true, null, "x|y"], "a": -0.5, "n": null, "e": "", "l": []}),
            "POST /c?a=-0.5&b=1&b=true&b=x%7Cy&e=",
            "",
        ),
        (get("/c/{id}"), json!({"id": 1, "page": 2}), "GET /c/1?page=2", ""),
        (
            ActionSettings { method: Method::Delete, query: names(&["a"]), ..at("/c/{id}") },
            json!({"id": 1, "a": 2, "b": 3}),
            "DELETE /c/1?a=2&b=3",
            "",
        ),
        (
            ActionSettings { method: Method::Put, ..at("/c") },
            json!({"z": 1, "a": {"y": [], "b": "ä"}}),
            "PUT /c",
            r#"{"a":{"b":"ä","y":[]},"z":1}"#,
        ),
        (ActionSettings { method: Method::Patch, ..at("/c") }, json!({}), "PATCH /c", ""),
        // Where the API calls every action there is always a body.
        (ActionSettings::default(), json!({}), "POST /api/v2/integration/data-actions/da-fetch.v1/execute", "{}"),
        (
            ActionSettings { query: Query::Rest, ..ActionSettings::default() },
            json!({"a": 1}),
            "POST /api/v2/integration/data-actions/da-fetch.v1/execute?a=1",
            "{}",
        ),
        (at("/c"), json!({"ключ": 1}), "POST /c", r#"{"ключ":1}"#),
        (get("/c"), json!({"a&b=c#d": "e\r\nf"}), "GET /c?a%26b%3Dc%23d=e%0D%0Af", ""),
    ] {
        assert_eq!(prepared(action, &payload), (request.to_owned(), body.to_owned()));
    }
}

#[test]
fn what_cannot_be_sent_so_is_refused_and_not_quoted() {
    let get = ActionSettings { method: Method::Get, ..at("/c/{id}") };
    insta::assert_snapshot!([
        refused(get.clone(), &json!({"id": 1, "q": {"a": "CANARY"}})),
        refused(get.clone(), &json!({"id": 1, "q": ["CANARY", ["CANARY"]]})),
        refused(get.clone(), &json!({"q": "CANARY"})),
        refused(get.clone(), &json!({"id": "../CANARY"})),
        refused(get.clone(), &json!({"id": ["CANARY"]})),
        refused(get.clone(), &json!({"id": 1, "q": "CANARY".repeat(1_400)})),
        refused(get.clone(), &json!({"id": 1, "q": vec!["CANARY"; 1_000]})),
    ].join("\n"), @r"
    q is an object: q goes into the query, which takes texts, numbers, booleans and lists of them
    q has a list or an object in it: q goes into the query, which takes texts, numbers, booleans and lists of them
    id is null: id goes into the path
    id is a way to another directory: id goes into the path
    id is neither a string nor a number nor a boolean: id goes into the path
    path and query would have more than 8192 bytes
    path and query would have more than 8192 bytes
    ");
    let long =
        |bytes: usize| prepare(&platform("http://h/base", get.clone()), &json!({"id": 1, "q": "x".repeat(bytes)}));
    // /base/c/1 and q=
    assert!(long(8192 - 9 - 2).is_ok() && long(8192 - 9 - 1).is_err());
}

#[tokio::test]
async fn no_value_leads_out_of_the_base_url() {
    let server = Server::saying(json_of(200)).await;
    let platform =
        platform(&format!("{}/base", server.url), ActionSettings { query: names(&["q"]), ..at("/c/{id}/end") });
    let mut sent = 0;
    for id in [
        "..",
        ".",
        "../..",
        "%2e%2e",
        "%2E%2e%2Fx",
        "//host",
        "/",
        "\\",
        "..\\..",
        "a\\b",
        "?x=1",
        "#x",
        "a?b#c",
        "ä",
        "\u{202e}",
        "a\r\nHost: x",
        "http://evil/",
        "@evil",
        ":80",
        "a b",
        "%",
        "%zz",
        "%00",
        "a;b=c",
        "..;",
        "…",
        "＼",
        "．．",
        "\u{2024}\u{2024}",
        "&a=b",
        "{id}",
        "*",
    ] {
        let Ok(request) = prepare(&platform, &json!({"id": id, "q": id, "body": id})) else { continue };
        let call = Call { request, ..call_within(Duration::from_secs(5)) };
        assert!(platform.send(&call, &credential()).await.http_status == Some(200), "{id:?}");
        sent += 1;
        let seen = server.requests().pop().unwrap();
        let (_, target) = seen.line.split_once(' ').unwrap();
        let target = target.strip_suffix(" HTTP/1.1").unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let segments: Vec<&str> = path.split('/').collect();
        let ["", "base", "c", segment, "end"] = segments[..] else { panic!("{id:?}: {target}") };
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        assert_eq!(decoded(segment), id);
        assert_eq!(query.strip_prefix("q=").map(decoded).as_deref(), Some(id));
        assert_eq!(seen.body, json!({"body": id}).to_string());
        assert_eq!(seen.headers["host"], server.url.strip_prefix("http://").unwrap());
    }
    assert!(sent >= 20, "{sent}");
}

#[tokio::test]
async fn a_request_without_a_body_says_so_and_has_its_fixed_headers() {
    let server = Server::replying(|_| Reply::Say(response(204, "", ""))).await;
    for (method, length) in [
        (Method::Post, Some("0")),
        (Method::Put, Some("0")),
        (Method::Patch, Some("0")),
        (Method::Get, None),
        (Method::Delete, None),
    ] {
        let headers = BTreeMap::from([
            ("X-Api-Version".to_owned(), "31".to_owned()),
            ("x-request-id".to_owned(), "forged".to_owned()),
        ]);
        let platform = platform(&server.url, ActionSettings { method, headers, ..at("/c") });
        let request = prepare(&platform, &json!({})).unwrap();
        let answer = platform.send(&Call { request, ..call_within(Duration::from_secs(5)) }, &credential()).await;
        assert_eq!((answer.verdict, answer.data), (Verdict::Success { class: ErrorClass::None }, None));
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.line, format!("{} /c HTTP/1.1", method.as_str()));
        assert_eq!(seen.headers.get("content-length").map(String::as_str), length, "{method:?}");
        assert!(!seen.headers.contains_key("content-type") && !seen.headers.contains_key("transfer-encoding"));
        assert_eq!(
            (seen.headers["x-api-version"].as_str(), seen.headers["x-request-id"].as_str()),
            ("31", "run-1.fetch.1")
        );
    }
    assert!(server.requests().iter().all(|request| request.body.is_empty()));
}

#[tokio::test]
async fn without_a_body_too_it_is_known_that_nothing_was_sent() {
    let hole = BlackHole::open();
    for method in [Method::Get, Method::Post] {
        let platform = platform(&format!("http://{}", hole.address), ActionSettings { method, ..at("/c") });
        let request = prepare(&platform, &json!({})).unwrap();
        let call = Call { request, ..call_within(Duration::from_secs(1)) };
        let answer = platform.send(&call, &credential()).await;
        assert_eq!(answer.verdict, Verdict::Failed { class: ErrorClass::Network, retry: Retryable::Yes }, "{method:?}");
    }
}

#[tokio::test]
async fn without_a_body_too_silence_leaves_the_outcome_unknown() {
    for (said, class) in [
        ((|| Reply::Reset) as fn() -> Reply, ErrorClass::Network),
        (|| Reply::Cut(vec![]), ErrorClass::Network),
        (|| Reply::Hang(vec![]), ErrorClass::Timeout),
    ] {
        let server = Server::replying(move |_| said()).await;
        for method in [Method::Get, Method::Post] {
            let platform = platform(&server.url, ActionSettings { method, ..at("/c") });
            let request = prepare(&platform, &json!({})).unwrap();
            let call = Call { request, ..call_within(Duration::from_millis(500)) };
            let answer = platform.send(&call, &credential()).await;
            assert_eq!(answer.verdict, Verdict::Unknown { class }, "{method:?}");
        }
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_job_is_submitted_and_polled_where_the_catalogue_says() {
    let server = Server::replying(|request| {
        let poll = request.line.starts_with("GET");
        Reply::Say(says(200, if poll { r#"{"status": "COMPLETED", "output": 7}"# } else { r#"{"jobId": "a=b:1"}"# }))
    })
    .await;
    let poll_path = PathTemplate::parse("/export/v1/jobs/{jobId}/state").ok();
    let settings = ActionSettings { poll_path, query: names(&["tz"]), ..at("/export/{entity}") };
    let platform = platform(&server.url, settings);
    let options = JobOptions {
        version_id: None,
        environment_context: BTreeMap::new(),
        execution_timeout: Duration::from_secs(30),
    };
    let action = ActionId::parse(ID).unwrap();
    let payload = json!({"entity": "agents", "tz": "UTC", "from": 1});
    let request = platform.prepare(&tenant(), &action, &Mode::Job(options), payload.as_object().unwrap()).unwrap();
    let call = Call { request, job: true, ..call_within(Duration::from_secs(5)) };
    let answer = platform.send(&call, &credential()).await;
    assert_eq!(answer.verdict, Verdict::Submitted);
    let poll = Poll {
        tenant: tenant(),
        run_id: call.run_id,
        step_id: call.step_id,
        action,
        attempt: 1,
        fallback: false,
        job: JobId::parse("a=b:1").unwrap(),
        hidden: Hidden::default(),
        redaction: Redaction::default(),
        deadline: Instant::now() + Duration::from_secs(5),
    };
    let polled = platform.poll(&poll, &credential()).await;
    assert!(matches!(polled.seen, Seen::Over(_)));
    let requests = server.requests();
    assert_eq!(requests[0].line, "POST /export/agents?tz=UTC HTTP/1.1");
    assert_eq!(
        requests[0].body,
        r#"{"environmentContext":{},"executionTimeoutMs":30000,"inputParameters":{"from":1}}"#
    );
    assert_eq!(requests[1].line, "GET /export/v1/jobs/a%3Db%3A1/state HTTP/1.1");
}

#[test]
fn what_can_be_no_job_is_submitted_as_none() {
    let options = JobOptions {
        version_id: None,
        environment_context: BTreeMap::new(),
        execution_timeout: Duration::from_secs(30),
    };
    let id = ActionId::parse(ID).unwrap();
    let error = |preset, action| {
        let actions = BTreeMap::from([(id.clone(), action)]);
        let settings = TenantSettings { preset, actions, ..settings("http://h") };
        let platform = Cxone::new(BTreeMap::from([(tenant(), settings)]), LIMIT).unwrap();
        let payload = json!({"entity": "agents"});
        platform.prepare(&tenant(), &id, &Mode::Job(options.clone()), payload.as_object().unwrap()).err()
    };
    let get = ActionSettings { method: Method::Get, ..at("/export/{entity}") };
    let why = "da-fetch.v1 cannot be a job: it is called by GET, which has no body to submit";
    assert_eq!(error(Preset::DataActions, get).as_deref(), Some(why));
    let why = "da-fetch.v1 cannot be a job: its path has places, so where the job would be asked after is not known";
    assert_eq!(error(Preset::Cxone, at("/export/{entity}")).as_deref(), Some(why));
    assert_eq!(error(Preset::DataActions, at("/export/{entity}")), None, "it has a place for every job");
}

fn json_of(status: u16) -> Vec<u8> {
    says(status, "{}")
}
