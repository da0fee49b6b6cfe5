//! Jobs: how they are submitted, how they are asked after, and what the answers mean.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use cxchain::chain::action::Redaction;
use cxchain::chain::{ActionId, ErrorClass, JobEnd, JobId, JobOptions, Mode, Retryable, RunId, Verdict};
use cxchain::ports::{Actions, Answer, Call, Hidden, Poll, Polled, Prepared, Seen};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::hiccups::Hiccups;
use super::server::{JSON, Reply, Request, Server, json as says, response};
use super::{LIMIT, TOKEN, call_within, credential, platform, tenant};

async fn submitted_to(url: &str) -> Answer {
    platform(url)
        .send(&Call { job: true, request: submit("{}".into()), ..call_within(Duration::from_secs(5)) }, &credential())
        .await
}

fn submit(body: Bytes) -> Prepared {
    Prepared { target: "/api/v2/dataactions/da-fetch.v1/execute".into(), body, ..Prepared::default() }
}

fn question(job: &str) -> Poll {
    Poll {
        tenant: tenant(),
        run_id: RunId::parse("run-1").unwrap(),
        step_id: "fetch".into(),
        action: ActionId::parse("da-fetch.v1").unwrap(),
        attempt: 2,
        fallback: false,
        job: JobId::parse(job).unwrap(),
        hidden: Hidden::default(),
        redaction: Redaction::default(),
        deadline: Instant::now() + Duration::from_secs(5),
    }
}

async fn polled_at(url: &str) -> Polled {
    platform(url).poll(&question("job-1"), &credential()).await
}

async fn seen(reply: impl Into<Vec<u8>>) -> Seen {
    polled_at(&Server::saying(reply).await.url).await.seen
}

/// What is seen, in short.
fn short(seen: &Seen) -> String {
    match seen {
        Seen::Over(finished) => format!("{:?}", finished.end),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_job_is_submitted_and_asked_after_exactly_as_the_contract_says() {
    let server = Server::replying(|request| {
        Reply::Say(says(
            200,
            if request.line.starts_with("POST") { r#"{"jobId":"a=b@1"}"# } else { r#"{"status":"QUEUED"}"# },
        ))
    })
    .await;
    let platform = platform(&server.url);
    let payload = json!({"z": 1, "a": {"y": null, "x": "ä"}});
    let options = JobOptions {
        version_id: Some("v2".into()),
        environment_context: BTreeMap::from([("region".into(), "US".into())]),
        execution_timeout: Duration::from_millis(45_500),
    };
    let body = |options: JobOptions| {
        let action = ActionId::parse("da-fetch.v1").unwrap();
        platform.prepare(&tenant(), &action, &Mode::Job(options), payload.as_object().unwrap()).unwrap().body
    };
    let whole = body(options);
    assert_eq!(
        whole,
        r#"{"environmentContext":{"region":"US"},"executionTimeoutMs":45500,"inputParameters":{"a":{"x":"ä","y":null},"z":1},"versionId":"v2"}"#
    );
    let least = JobOptions {
        version_id: None,
        environment_context: BTreeMap::new(),
        execution_timeout: Duration::from_secs(30),
    };
    assert_eq!(
        body(least),
        r#"{"environmentContext":{},"executionTimeoutMs":30000,"inputParameters":{"a":{"x":"ä","y":null},"z":1}}"#
    );
    assert_eq!(
        platform
            .prepare(&tenant(), &ActionId::parse("da-fetch.v1").unwrap(), &Mode::Sync, payload.as_object().unwrap())
            .unwrap()
            .body,
        r#"{"a":{"x":"ä","y":null},"z":1}"#
    );

    let call = Call { job: true, request: submit(whole.clone()), attempt: 2, ..call_within(Duration::from_secs(5)) };
    let answer = platform.send(&call, &credential()).await;
    assert_eq!((answer.verdict, answer.data), (Verdict::Submitted, None));
    let job = answer.job.unwrap();
    let polled = platform.poll(&Poll { job: job.id.clone(), ..question("x") }, &credential()).await;
    assert_eq!((short(&polled.seen).as_str(), polled.http_status), ("Pending(Queued)", Some(200)));

    let requests = server.requests();
    assert_eq!(requests[0].line, "POST /api/v2/dataactions/da-fetch.v1/execute HTTP/1.1");
    assert_eq!(requests[0].body.as_bytes(), whole);
    assert_eq!(requests[1].line, "GET /api/v2/dataactions/da-fetch.v1/jobs/a=b@1 HTTP/1.1");
    assert_eq!(requests[1].body, "");
    for request in &requests {
        assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(request.headers["x-request-id"], "run-1.fetch.2");
        assert_eq!(request.headers["idempotency-key"], "run-1:fetch");
        assert_eq!(request.headers["accept"], "application/json");
    }
    assert!(!requests[1].headers.contains_key("content-type"));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_submission_is_a_job_only_where_the_answer_names_one() {
    let long = "j".repeat(129);
    for (status, body, id) in [
        (200, json!({"jobId": "j-1", "status": "QUEUED"}), Some("j-1")),
        (201, json!({"jobId": "j-1"}), Some("j-1")),
        (202, json!({"jobId": 4711}), Some("4711")),
        (200, json!({"jobId": u64::MAX}), Some("18446744073709551615")),
        (200, json!({}), None),
        (200, json!("j-1"), None),
        (200, json!({"jobId": null}), None),
        (200, json!({"jobId": ""}), None),
        (200, json!({"jobId": 1.5}), None),
        (200, json!({"jobId": ["j"]}), None),
        (200, json!({"jobId": ".."}), None),
        (200, json!({"jobId": "../../admin"}), None),
        (200, json!({"jobId": "a b"}), None),
        (200, json!({"jobId": "j\r\nx: y"}), None),
        (200, json!({"jobId": long}), None),
    ] {
        let server = Server::saying(says(status, &body.to_string())).await;
        let answer = submitted_to(&server.url).await;
        let lost = Verdict::Failed { class: ErrorClass::ResponseInvalid, retry: Retryable::IfIdempotent };
        let expected = if id.is_some() { Verdict::Submitted } else { lost };
        assert_eq!(answer.verdict, expected, "{body}");
        assert_eq!(answer.job.as_ref().map(|job| job.id.as_str()), id, "{body}");
        assert_eq!((answer.http_status, answer.data), (Some(status), None));
        assert_eq!(answer.message.is_some(), id.is_none());
    }
    for reply in [response(204, "", ""), response(200, "", "text"), says(200, "{"), says(200, &" ".repeat(LIMIT + 1))] {
        let server = Server::saying(reply).await;
        let answer = submitted_to(&server.url).await;
        assert!(matches!(answer.verdict, Verdict::Failed { class: ErrorClass::ResponseInvalid, .. }), "{answer:?}");
    }
}

#[tokio::test]
async fn a_submission_falls_under_the_table_in_every_other_way() {
    for (reply, verdict) in [
        (says(503, "{}"), Verdict::Failed { class: ErrorClass::ComputeClusterUnavailable, retry: Retryable::Yes }),
        (says(429, "{}"), Verdict::Throttled),
        (says(401, "{}"), Verdict::Unauthorized),
        (says(400, "{}"), Verdict::Failed { class: ErrorClass::Validation, retry: Retryable::No }),
        (says(502, "{}"), Verdict::Unknown { class: ErrorClass::Network }),
        (says(302, "{}"), Verdict::Failed { class: ErrorClass::ResponseInvalid, retry: Retryable::No }),
    ] {
        let server = Server::saying(reply).await;
        let answer = submitted_to(&server.url).await;
        assert_eq!((answer.verdict, answer.job), (verdict, None));
    }
}

#[tokio::test]
async fn a_state_is_read_without_case_and_an_unknown_one_is_running() {
    for (status, expected) in [
        ("QUEUED", "Pending(Queued)"),
        ("queued", "Pending(Queued)"),
        ("RUNNING", "Pending(Running)"),
        ("PAUSED", "Pending(Running)"),
        ("", "Pending(Running)"),
        ("Completed", "Completed"),
        ("failed", "Failed"),
        ("Timed_Out", "TimedOut"),
    ] {
        assert_eq!(short(&seen(says(200, &json!({"status": status}).to_string())).await), expected, "{status:?}");
    }
}

#[tokio::test]
async fn what_a_job_leaves_is_its_output_or_the_words_of_its_failure() {
    let finished = async |body: Value| {
        let body = body.to_string();
        let Seen::Over(finished) = seen(says(200, &body)).await else { panic!("{body} is over") };
        assert_eq!(finished.body, Some(Bytes::from(body)));
        finished
    };
    for (output, data) in
        [(json!({"a": [1]}), Some(json!({"a": [1]}))), (json!("text"), Some(json!("text"))), (json!(null), None)]
    {
        let finished = finished(json!({"status": "COMPLETED", "output": output, "jobId": "j"})).await;
        assert_eq!((finished.end, &finished.data), (JobEnd::Completed, &data));
        assert_eq!(finished.message, None);
    }
    assert_eq!(finished(json!({"status": "COMPLETED"})).await.data, None);

    for (detail, message) in [
        (json!({"errorDetail": "it\nbroke"}), "it broke"),
        (json!({"errorDetail": {"message": "deep", "code": 1}}), "deep"),
        (json!({"errorDetail": " ", "message": "else"}), "else"),
        (json!({"errorDetail": format!("with {TOKEN} in it")}), "with [token] in it"),
        (json!({"errorDetail": "x".repeat(400)}), &"x".repeat(300)),
    ] {
        for status in ["FAILED", "TIMED_OUT"] {
            let mut body = json!({"status": status, "output": {"partial": true}});
            body.as_object_mut().unwrap().extend(detail.as_object().unwrap().clone());
            let finished = finished(body).await;
            assert_eq!(finished.message.as_deref(), Some(message));
            assert_eq!(finished.data, None);
        }
    }
}

#[tokio::test]
async fn a_poll_that_tells_nothing_is_to_be_made_again() {
    let unread = [
        says(200, "{"),
        says(200, "[]"),
        says(200, "{}"),
        says(200, r#"{"status": 7}"#),
        says(200, r#""COMPLETED""#),
        response(200, "", "COMPLETED"),
        response(204, "", ""),
        says(302, r#"{"status": "COMPLETED"}"#),
        says(400, r#"{"status": "FAILED"}"#),
        says(403, "{}"),
        says(404, "{}"),
        says(500, "{}"),
    ];
    for reply in unread {
        assert_eq!(short(&seen(reply).await), "Unread");
    }
    for reply in [says(503, "{}"), says(502, "{}"), says(504, "{}"), says(408, "{}")] {
        assert_eq!(short(&seen(reply).await), "Trouble");
    }
    let cut = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 100\r\n\r\n{{\"status\":\"COMPLETED\"").into_bytes();
    let server = Server::replying(move |_| Reply::Cut(cut.clone())).await;
    assert_eq!(short(&polled_at(&server.url).await.seen), "Trouble");
    let server = Server::replying(|_| Reply::Reset).await;
    let polled = polled_at(&server.url).await;
    assert_eq!((short(&polled.seen).as_str(), polled.http_status), ("Trouble", None));
    assert_eq!(short(&polled_at("http://127.0.0.1:1").await.seen), "Trouble");

    assert_eq!(short(&seen(says(401, "{}")).await), "Unauthorized");
    assert_eq!(short(&seen(says(429, "{}")).await), "Throttled(None)");
    assert_eq!(short(&seen(response(429, "retry-after: 7\r\n", "")).await), "Throttled(Some(7s))");
}

#[tokio::test]
async fn a_poll_ends_at_its_deadline() {
    let head = format!("HTTP/1.1 200 OK\r\n{JSON}content-length: 100\r\n\r\n{{").into_bytes();
    let drip = move |_: &Request| Reply::Drip(head.clone(), Duration::from_millis(50));
    for server in [Server::replying(|_| Reply::Hang(Vec::new())).await, Server::replying(drip).await] {
        let (began, hiccups) = (Instant::now(), Hiccups::watch());
        let poll = Poll { deadline: began + Duration::from_millis(500), ..question("j") };
        let polled = platform(&server.url).poll(&poll, &credential()).await;
        assert_eq!(short(&polled.seen), "Trouble");
        let took = began.elapsed();
        assert!((450..750 + hiccups.total().as_millis()).contains(&took.as_millis()), "{took:?}");
    }
}

#[tokio::test]
async fn a_job_that_is_over_is_over_also_where_its_output_cannot_be_kept() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (output, expected) in [
        (deep(64), "Completed"),
        (deep(65), "Unusable"),
        (deep(10_000), "Unusable"),
        ("1e400".into(), "Unusable"),
        (r#""\ud800""#.into(), "Unusable"),
    ] {
        for body in [
            format!(r#"{{"status":"COMPLETED","output":{output}}}"#),
            format!(r#"{{"output":{output},"status":"COMPLETED"}}"#),
        ] {
            let Seen::Over(finished) = seen(says(200, &body)).await else { panic!("{body:.60} is over") };
            assert_eq!(format!("{:?}", finished.end), expected, "{body:.60}");
            assert_eq!(finished.message.is_some(), finished.data.is_none(), "{body:.60}");
            assert_eq!(finished.body, Some(Bytes::from(body)));
        }
    }
}

#[tokio::test]
async fn of_an_answer_that_is_too_large_the_state_is_read_wherever_it_stands() {
    let large = "x".repeat(LIMIT);
    let endless = "x".repeat(LIMIT * 20);
    for (body, expected) in [
        (format!(r#"{{"jobId":"j","status":"COMPLETED","output":"{large}"}}"#), "TooLarge"),
        (format!(r#"{{"a":[1,{{}}],"status":"failed","errorDetail":"{large}"}}"#), "Failed"),
        (format!(r#"{{"status":"RUNNING","progress":"{large}"}}"#), "Pending(Running)"),
        (format!(r#"{{"output":"{large}","status":"COMPLETED"}}"#), "TooLarge"),
        (format!(r#"{{"output":["{large}",{{"status":"x"}},1e400],"status":"queued"}}"#), "Pending(Queued)"),
        (format!(r#"{{"output":"{endless}","status":"COMPLETED"}}"#), "Unread"),
        (format!(r#"{{"output":{{"status":"COMPLETED"}},"x":"{large}"}}"#), "Unread"),
    ] {
        let seen = seen(says(200, &body)).await;
        assert_eq!(short(&seen), expected);
        if let Seen::Over(finished) = seen {
            assert_eq!((finished.data, finished.body), (None, None));
        }
    }
}
