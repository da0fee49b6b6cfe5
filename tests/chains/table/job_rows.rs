//! The rows of the table in job mode: every row of a call for the call that submits the job, and what only jobs can come to.

use serde_json::{Value, json};

use super::rows::{self, A_SECOND, BROKEN_JSON, FIRST, INVALID, Row, SECOND, TEXT, THIRD};
use super::words::{Body, Mode, Outcome};

/// The table, for jobs.
pub(crate) fn job_rows() -> Vec<Row> {
    [submissions(), receipts_of_no_use(), ids(), ends(), never_over(), polls_to_repeat(), polls_for_ever()].concat()
}

/// A step of which the platform has a job in the end.
fn job(name: &'static str, faults: &'static [&'static str]) -> Row {
    Row { mode: Mode::Job { known: true }, ..rows::row(name, faults) }
}

/// A step whose job failed.
fn failed(name: &'static str, faults: &'static [&'static str], class: &'static str) -> Row {
    Row { outcome: Outcome::Failed, class, ..job(name, faults) }
}

/// A step whose job is not over in time.
fn unknown(name: &'static str, faults: &'static [&'static str], class: &'static str) -> Row {
    Row { outcome: Outcome::Unknown, class, body: None, ..job(name, faults) }
}

/// A step whose submission was answered, but not with a job.
fn no_job(name: &'static str, faults: &'static [&'static str], http_status: u16) -> Row {
    let row = Row { ran: 1, ..rows::failed(name, faults, INVALID, http_status) };
    Row { mode: Mode::Job { known: false }, ..row }
}

impl Row {
    fn polls(self, polls: &'static [&'static str]) -> Self {
        Self { polls, ..self }
    }

    fn message(self, message: &'static str) -> Self {
        Self { message: Some(message), ..self }
    }

    fn dated(self) -> Self {
        Self { body: Some(Body::Dated), ..self }
    }

    fn last_status(self, http_status: Option<u16>) -> Self {
        Self { http_status, ..self }
    }
}

/// What goes for any call goes for a submission; where that one is answered at last, the job is polled.
fn submissions() -> Vec<Row> {
    [vec![rows::row("healthy", &[])], rows::throttled_and_away(), rows::refused(), rows::unknown_outcomes()]
        .concat()
        .into_iter()
        .map(|row| Row { mode: Mode::Job { known: row.outcome == Outcome::Success }, ..row })
        .collect()
}

/// Answers with a 2xx that name no job: the call was made, its answer is lost.
fn receipts_of_no_use() -> Vec<Row> {
    vec![
        no_job("202 without a job id", &["no-job-id"], 202).dated().and_fallback(),
        no_job("202 without a job id, idempotent", &["no-job-id"], 202)
            .dated()
            .idempotent()
            .after(&[(INVALID, Some(202), FIRST), (INVALID, Some(202), SECOND), (INVALID, Some(202), THIRD)])
            .ran(4)
            .maybe_repeated(),
        no_job("202 without a job id, sent again at an unknown outcome", &["no-job-id"], 202)
            .dated()
            .on_unknown("retry"),
        no_job("202 that is not JSON", &["status:202,body:a job"], 202).body("a job"),
        no_job("200 that is not JSON", &["text"], 200).body(TEXT),
        no_job("200 that is not the JSON it claims to be", &["broken-json"], 200).body(BROKEN_JSON),
        no_job("200 that is no object", &["status:200,body:[\"job\"]"], 200).body("[\"job\"]"),
        no_job("204 without a body", &["empty"], 204).body(""),
        no_job("202 cut short", &["truncate"], 202),
        no_job("200 over the limit", &["huge:64KiB"], 200),
        no_job("200 over the limit once decompressed", &["bomb:64KiB"], 200),
        no_job("302", &["redirect"], 302).body(r#"{"message":"it has moved"}"#).ran(0),
        job("202 cut short at first, idempotent", &["truncate:3,times:1"])
            .idempotent()
            .after(&[(INVALID, Some(202), FIRST)])
            .ran(2)
            .maybe_repeated(),
    ]
}

/// What the platform calls a job is a stranger's text, and has to stay in its place in a path.
fn ids() -> Vec<Row> {
    const SEVENTEEN: &str = r#"{"jobId":17,"status":"COMPLETED","output":{"action":"{action}","ok":true,"echo":{}}}"#;
    let hostile = |name, faults| no_job(name, faults, 202).dated();
    vec![
        job("id that is a number", &["job-id:17"]).body(SEVENTEEN),
        job("id with signs", &["job-id:a.b:c~d+e=f@g_h-i"]),
        hostile("id that climbs", &["job-id:../../../../_sim/trap"]),
        hostile("id that is the folder above", &["job-id:.."]),
        hostile("id that is a folder above, encoded", &["job-id:%2e%2e"]),
        hostile("id with a slash", &["job-id:a/b"]),
        hostile("id with a backslash", &["job-id:..\\x"]),
        hostile("id with a query", &["job-id:a?b=c"]),
        hostile("id with a fragment", &["job-id:a#b"]),
        hostile("id with a line break", &["job-id:\"a\\r\\nX-Evil: 1\""]),
        hostile("id that is a URL", &["job-id:http://127.0.0.1:1/x"]),
        hostile("id that is empty", &["job-id:"]),
        hostile("id that is null", &["job-id:null"]),
        hostile("id that is a fraction", &["job-id:1.5"]),
        hostile("id that is an object", &["job-id:{\"id\":\"a\"}"]),
        hostile("id that is too long", &[TOO_LONG]),
    ]
}

const TOO_LONG: &str = "job-id:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn ends() -> Vec<Row> {
    const NO_ROW: &str = r#"{"jobId":"{job}","status":"FAILED","errorDetail":"no such row"}"#;
    const LATE: &str = r#"{"jobId":"{job}","status":"TIMED_OUT","errorDetail":"the action did not end in time"}"#;
    const LOWER: &str = r#"{"jobId":"{job}","status":"completed","output":{"action":"{action}","ok":true,"echo":{}}}"#;
    let fails = |name| failed(name, &["job-fails:no such row"], "COMPUTE_FAILURE").body(NO_ROW).message("no such row");
    let late = |name| failed(name, &["job-times-out"], "TIMEOUT").body(LATE).message("the action did not end in time");
    let both = || json!({"idempotent": true, "on_unknown": "retry"});
    vec![
        fails("job failed").and_fallback(),
        fails("job failed, idempotent").idempotent(),
        fails("job failed, idempotent and sent again").with(both()),
        fails("job failed, stop at an unknown outcome").on_unknown("stop"),
        late("job timed out").and_fallback(),
        late("job timed out, idempotent").idempotent(),
        late("job timed out, idempotent and sent again").with(both()),
        late("job timed out, stop at an unknown outcome").on_unknown("stop"),
        failed("job failed, in other letters", &["job-fails:no such row,job-case:title"], "COMPUTE_FAILURE")
            .body(r#"{"jobId":"{job}","status":"Failed","errorDetail":"no such row"}"#),
        failed("job timed out, in other letters", &["job-times-out,job-case:lower"], "TIMEOUT")
            .body(r#"{"jobId":"{job}","status":"timed_out","errorDetail":"the action did not end in time"}"#),
        job("job completed, in other letters", &["job-case:lower"]).body(LOWER),
        job("job in a state that nobody knows", &["job-state:PAUSED"]),
        job("job in a state without a name", &["job-state:"]),
        Row { class: "RESPONSE_TOO_LARGE", body: None, ..job("job whose output is over the limit", &[]).with(large()) },
    ]
}

/// A step whose output, an echo, is over the limit.
fn large() -> Value {
    json!({"payload": {"text": "x".repeat(4096)}})
}

fn never_over() -> Vec<Row> {
    const STUCK: &[&str] = &["job-stuck"];
    const RUNS: &[&str] = &["job-runs"];
    let both = || json!({"idempotent": true, "on_unknown": "retry"});
    vec![
        unknown("job stuck", STUCK, "STUCK_QUEUED").and_fallback(),
        unknown("job stuck, idempotent", STUCK, "STUCK_QUEUED").idempotent(),
        unknown("job stuck, sent again at an unknown outcome", STUCK, "STUCK_QUEUED").on_unknown("retry"),
        unknown("job stuck, idempotent and sent again", STUCK, "STUCK_QUEUED").with(both()),
        unknown("job stuck, stop at an unknown outcome", STUCK, "STUCK_QUEUED").on_unknown("stop"),
        unknown("job running", RUNS, "TIMEOUT").and_fallback(),
        unknown("job running, idempotent", RUNS, "TIMEOUT").idempotent(),
        unknown("job running, sent again at an unknown outcome", RUNS, "TIMEOUT").on_unknown("retry"),
        unknown("job running, idempotent and sent again", RUNS, "TIMEOUT").with(both()),
        unknown("job running, stop at an unknown outcome", RUNS, "TIMEOUT").on_unknown("stop"),
        unknown("job for ever in a state that nobody knows", &["job-runs,job-state:PAUSED"], "TIMEOUT"),
    ]
}

/// Whatever is wrong with a poll, it is made again, and nothing is submitted.
fn polls_to_repeat() -> Vec<Row> {
    let polled = |name, polls| job(name, &[]).polls(polls);
    vec![
        polled(
            "polls with any status",
            &[
                "status:503,times:2",
                "status:500,times:1",
                "status:502,times:1",
                "status:504,times:1",
                "status:408,times:1",
                "status:400,times:1",
                "status:403,times:1",
                "status:404,times:1",
                "status:409,times:1",
                "status:202,times:1",
                "status:503,retry-after:60,times:1",
            ],
        ),
        polled(
            "polls whose answers say nothing",
            &[
                "broken-json,times:1",
                "text,times:1",
                "empty,times:1",
                "truncate,times:1",
                "truncate:0,times:1",
                "huge:64KiB,times:1",
                "bomb:64KiB,times:1",
                "status:200,times:1,body:[]",
                "status:200,times:1,body:{\"status\":7}",
                "status:200,times:1,body:{\"jobId\":\"x\"}",
                "status:200,times:1,body:COMPLETED",
            ],
        ),
        polled("polls without an answer", &["reset-before,times:2", "reset-after,times:2"]),
        polled("polls that lead elsewhere", &["redirect,times:2"]),
        polled("polls that are slow", &["slow:300ms"]),
        polled("polls that drip in time", &["drip:5ms"]),
        polled("poll refused with 401", &["unauthorized,times:1"]),
        polled("polls refused with 401 again and again", &["status:401,times:5"]),
        polled("poll throttled", &["status:429,retry-after:1,times:1"]),
        polled("poll throttled until a date", &["status:429,retry-at:1,times:1"]),
        polled("poll throttled without a time", &["status:429,times:1"]),
        job("submission and poll throttled", &["status:429,retry-after:1,times:1"])
            .polls(&["status:429,retry-after:1,times:1"])
            .after(&[("RATE_LIMITED", Some(429), A_SECOND)]),
        polled("polls in trouble, idempotent", &["reset-after,times:2", "status:503,times:2", "broken-json,times:2"])
            .with(json!({"idempotent": true, "on_unknown": "retry"})),
        failed("job failed after polls in trouble", &["job-fails"], "COMPUTE_FAILURE")
            .body(r#"{"jobId":"{job}","status":"FAILED","errorDetail":"the action failed"}"#)
            .polls(&["reset-after,times:2", "status:500,times:2"])
            .idempotent(),
    ]
}

/// A job of which nothing is ever heard is as far as was heard.
fn polls_for_ever() -> Vec<Row> {
    let deaf = |name, polls| unknown(name, &[], "STUCK_QUEUED").polls(polls);
    let both = || json!({"idempotent": true, "on_unknown": "retry"});
    vec![
        deaf("polls with 503 for ever", &["status:503"]).last_status(Some(503)),
        deaf("polls with 503 for ever, idempotent and sent again", &["status:503"]).last_status(Some(503)).with(both()),
        deaf("polls with 404 for ever", &["status:404"]).last_status(Some(404)).and_fallback(),
        deaf("polls with 401 for ever", &["status:401"]).last_status(Some(401)),
        deaf("polls that are no JSON for ever", &["broken-json"]),
        deaf("polls that are never answered", &["hang"]).last_status(None).on_unknown("stop"),
        deaf("polls that drip", &["drip:200ms"]),
        unknown("polls that are never answered once it runs", &["job-queued:0s,job-runs"], "TIMEOUT")
            .polls(&["slow:0s,times:1", "hang"])
            .last_status(None)
            .with(both()),
    ]
}
