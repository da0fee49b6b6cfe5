//! What a preset changes on the wire: paths, bodies, and how jobs are spoken of.

use std::collections::BTreeMap;
use std::time::Duration;

use cxchain::chain::action::{PathTemplate, Redaction};
use cxchain::chain::{ActionId, ErrorClass, JobEnd, JobId, JobOptions, JobProgress, Mode, RunId, Verdict};
use cxchain::cxone::{ActionSettings, Cxone, Preset, TenantSettings};
use cxchain::ports::{Actions, Answer, Call, Hidden, Poll, Seen};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::server::{Reply, Server, json as says, response};
use super::{call_within, credential, platform_of, settings, tenant};

/// Knows the action `jobs`, at `path`, besides what the preset knows.
fn speaking(preset: Preset, url: &str, path: &str) -> Cxone {
    let path = Some(PathTemplate::parse(path).unwrap());
    let actions = BTreeMap::from([(action("jobs"), ActionSettings { path, ..ActionSettings::default() })]);
    platform_of(TenantSettings { preset, actions, ..settings(url) })
}

fn action(id: &str) -> ActionId {
    ActionId::parse(id).unwrap()
}

fn job() -> Mode {
    Mode::Job(JobOptions {
        version_id: Some("v1".into()),
        environment_context: BTreeMap::new(),
        execution_timeout: Duration::from_secs(30),
    })
}

async fn sent(platform: &Cxone, id: &str, mode: &Mode) -> Result<Answer, String> {
    let payload = json!({"z": 1, "a": null});
    let request = platform.prepare(&tenant(), &action(id), mode, payload.as_object().unwrap())?;
    let job = matches!(mode, Mode::Job(_));
    let call = Call { action: action(id), request, job, ..call_within(Duration::from_secs(5)) };
    Ok(platform.send(&call, &credential()).await)
}

fn line(server: &Server) -> (String, String) {
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!(request.headers["accept"], "application/json");
    (request.line.clone(), request.body.clone())
}

#[tokio::test]
async fn genesys_executes_a_data_action_and_nothing_in_the_answer_is_flattened() {
    let server = Server::saying(says(200, r#"{"a":{"b":1}}"#)).await;
    let answer = sent(&speaking(Preset::Genesys, &server.url, "/x"), "custom-1", &Mode::Sync).await.unwrap();
    assert_eq!(
        (answer.verdict, answer.data),
        (Verdict::Success { class: ErrorClass::None }, Some(json!({"a": {"b": 1}})))
    );
    let line = line(&server);
    assert_eq!(line.0, "POST /api/v2/integrations/actions/custom-1/execute?flatten=false HTTP/1.1");
    assert_eq!(line.1, r#"{"a":null,"z":1}"#);
}

#[tokio::test]
async fn an_accepted_call_without_a_body_is_a_success_without_data() {
    for preset in [Preset::Cxone, Preset::Genesys] {
        for reply in [response(202, "", ""), response(204, "", ""), response(200, "", ""), says(202, "null")] {
            let server = Server::saying(reply).await;
            let answer = sent(&speaking(preset, &server.url, "/x"), "jobs", &Mode::Sync).await.unwrap();
            assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::None });
            assert!(answer.data.is_none_or(|data| data.is_null()));
        }
    }
}

#[tokio::test]
async fn what_a_platform_has_no_place_for_is_not_sent() {
    let server = Server::saying(says(200, "{}")).await;
    for (preset, mode, what) in
        [(Preset::Cxone, Mode::Sync, "operation"), (Preset::Cxone, job(), "job"), (Preset::Genesys, job(), "job")]
    {
        let error = sent(&speaking(preset, &server.url, "/x"), "other", &mode).await.err().unwrap();
        assert_eq!(
            error,
            format!("the tenant's API has no {what} of that name; the configuration can say where it is")
        );
    }
    assert_eq!(server.connections(), 0);
}

/// What became of a job that was submitted with one answer and asked after with another, and both requests.
async fn job_of(preset: Preset, receipt: &str, told: &str) -> (Answer, Seen, Vec<(String, String)>) {
    let (receipt, told) = (receipt.to_owned(), told.to_owned());
    let server = Server::replying(move |request| {
        Reply::Say(if request.line.starts_with("POST") { says(202, &receipt) } else { says(200, &told) })
    })
    .await;
    let platform = speaking(preset, &server.url, "/data-extraction/v1/jobs");
    let answer = sent(&platform, "jobs", &job()).await.unwrap();
    let poll = Poll {
        tenant: tenant(),
        run_id: RunId::parse("run-1").unwrap(),
        step_id: "fetch".into(),
        action: action("jobs"),
        attempt: 1,
        fallback: false,
        job: answer.job.as_ref().map_or_else(|| JobId::parse("none").unwrap(), |job| job.id.clone()),
        hidden: Hidden::default(),
        redaction: Redaction::default(),
        deadline: Instant::now() + Duration::from_secs(5),
    };
    let seen = platform.poll(&poll, &credential()).await.seen;
    (answer, seen, server.requests().into_iter().map(|request| (request.line, request.body)).collect())
}

#[tokio::test]
async fn a_job_of_cxone_has_a_bare_id_and_is_asked_after_below_its_path() {
    let succeeded = r#"{"jobStatus":{"id":"j","status":"Succeeded","result":{"url":"https://x/y"}}}"#;
    let (answer, seen, requests) = job_of(Preset::Cxone, r#""4c1=""#, succeeded).await;
    assert_eq!((answer.verdict, answer.job.unwrap().id.as_str()), (Verdict::Submitted, "4c1="));
    let Seen::Over(finished) = seen else { panic!("{seen:?}") };
    assert_eq!((finished.end, finished.data), (JobEnd::Completed, Some(json!({"url": "https://x/y"}))));
    assert_eq!(
        requests,
        [
            // The payload as it is: this platform knows nothing of versions and contexts.
            ("POST /data-extraction/v1/jobs HTTP/1.1".to_owned(), r#"{"a":null,"z":1}"#.to_owned()),
            ("GET /data-extraction/v1/jobs/4c1%3D HTTP/1.1".to_owned(), String::new()),
        ]
    );
}

#[tokio::test]
async fn every_state_of_a_job_is_told_in_the_platforms_words() {
    let cxone = |status: &str| json!({"jobStatus": {"status": status, "result": {"errorMessage": "no rows"}}});
    let genesys = |state: &str| json!({"state": state, "errorMessage": "no rows"});
    let running = || "Pending(Running)".to_owned();
    let over = |end: JobEnd| format!("{end:?} no rows");
    let table: Vec<(Preset, Value, String)> = vec![
        (Preset::Cxone, cxone("RUNNING"), running()),
        (Preset::Cxone, cxone("FAILED"), over(JobEnd::Failed)),
        (Preset::Cxone, cxone("cancelled"), over(JobEnd::Failed)),
        (Preset::Cxone, cxone("EXPIRED"), over(JobEnd::TimedOut)),
        (Preset::Cxone, cxone("COMPLETED"), running()),
        (Preset::Cxone, json!({"status": "SUCCEEDED"}), "Unread".to_owned()),
        (Preset::Genesys, genesys("QUEUED"), "Pending(Queued)".to_owned()),
        (Preset::Genesys, genesys("PENDING"), running()),
        (Preset::Genesys, genesys("FULFILLED"), "Completed".to_owned()),
        (Preset::Genesys, genesys("failed"), over(JobEnd::Failed)),
        (Preset::Genesys, genesys("CANCELLED"), over(JobEnd::Failed)),
        (Preset::Genesys, genesys("EXPIRED"), over(JobEnd::TimedOut)),
        (Preset::Genesys, genesys("NEW_STATE"), running()),
    ];
    for (preset, told, expected) in table {
        let (answer, seen, _) = job_of(preset, r#"{"jobId":"j-1"}"#, &told.to_string()).await;
        assert_eq!(answer.job.unwrap().progress, JobProgress::Queued);
        let short = match &seen {
            Seen::Over(finished) => [format!("{:?}", finished.end), finished.message.clone().unwrap_or_default()]
                .join(" ")
                .trim()
                .to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(short, expected, "{preset:?} {told}");
    }
}

#[tokio::test]
async fn a_submission_that_names_no_job_has_lost_its_answer() {
    for (preset, receipt) in [(Preset::Cxone, "{}"), (Preset::Cxone, "null"), (Preset::Genesys, r#""j-1""#)] {
        let (answer, ..) = job_of(preset, receipt, "{}").await;
        assert!(matches!(answer.verdict, Verdict::Failed { class: ErrorClass::ResponseInvalid, .. }), "{receipt}");
    }
}
