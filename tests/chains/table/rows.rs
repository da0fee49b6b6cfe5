//! The rows: a fault, how the step is declared, and what has to come of it. What only jobs can come to is in `job_rows`.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::words::{Body, Directives, Mode, Outcome, Retried};

#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) mode: Mode,
    /// What the step's calls meet, one after the other; of a job, its submissions.
    pub(crate) faults: &'static [&'static str],
    /// What the polls of its job meet, one after the other.
    pub(crate) polls: &'static [&'static str],
    /// Fields of the step.
    pub(crate) step: Value,
    /// Keys of the tenant.
    pub(crate) tenant: &'static [(&'static str, &'static str)],
    pub(crate) directives: Directives,
    pub(crate) outcome: Outcome,
    pub(crate) class: &'static str,
    /// Of the last exchange.
    pub(crate) http_status: Option<u16>,
    /// What the result says of it, where that matters.
    pub(crate) message: Option<&'static str>,
    /// Of the last exchange; `None`: it was not read to its end.
    pub(crate) body: Option<Body>,
    /// All exchanges but the last.
    pub(crate) retried: &'static [Retried],
    /// How often the action took effect at the peer.
    pub(crate) ran: u64,
    pub(crate) maybe_repeated: bool,
}

impl Row {
    /// Whether nothing that it meets goes for the tenant as a whole.
    pub(crate) fn is_calm(&self) -> bool {
        let calm = |fault: &&str| TROUBLE.iter().all(|trouble| !fault.contains(trouble));
        self.tenant.is_empty() && self.faults.iter().chain(self.polls).all(calm)
    }

    pub(crate) fn stops(&self) -> bool {
        self.step["on_unknown"] == "stop"
    }

    pub(super) fn with(self, step: Value) -> Self {
        Self { step, ..self }
    }

    pub(super) fn idempotent(self) -> Self {
        self.with(json!({"idempotent": true}))
    }

    pub(super) fn on_unknown(self, what: &str) -> Self {
        self.with(json!({"on_unknown": what}))
    }

    pub(super) fn attempts(self, most: u32) -> Self {
        self.with(json!({"retry": {"max_attempts": most}}))
    }

    pub(super) fn tenant(self, tenant: &'static [(&'static str, &'static str)]) -> Self {
        Self { tenant, ..self }
    }

    pub(super) fn after(self, retried: &'static [Retried]) -> Self {
        Self { retried, ..self }
    }

    pub(super) fn body(self, body: &'static str) -> Self {
        Self { body: Some(Body::Exactly(body)), ..self }
    }

    pub(super) fn ran(self, ran: u64) -> Self {
        Self { ran, ..self }
    }

    pub(super) fn maybe_repeated(self) -> Self {
        Self { maybe_repeated: true, ..self }
    }

    pub(super) fn and_fallback(self) -> Self {
        Self { directives: Directives::Three, ..self }
    }
}

pub(super) fn row(name: &'static str, faults: &'static [&'static str]) -> Row {
    Row {
        name,
        mode: Mode::Sync,
        faults,
        polls: &[],
        step: json!({}),
        tenant: &[],
        directives: Directives::Two,
        outcome: Outcome::Success,
        class: "NONE",
        http_status: Some(200),
        message: None,
        body: Some(Body::Healthy),
        retried: &[],
        ran: 1,
        maybe_repeated: false,
    }
}

pub(super) fn failed(
    name: &'static str,
    faults: &'static [&'static str],
    class: &'static str,
    http_status: u16,
) -> Row {
    let row = row(name, faults);
    Row { outcome: Outcome::Failed, class, http_status: Some(http_status), body: None, ran: 0, ..row }
}

pub(super) fn unknown(name: &'static str, faults: &'static [&'static str], class: &'static str) -> Row {
    let row = row(name, faults);
    Row { outcome: Outcome::Unknown, class, http_status: None, body: None, ..row }
}

fn unknown_status(name: &'static str, fault: &'static [&'static str], class: &'static str, status: u16) -> Row {
    Row { http_status: Some(status), ran: 0, ..unknown(name, fault, class) }
}

/// What a tenant is paused for, loses its token for, or can be taken to be away for.
const TROUBLE: [&str; 8] =
    ["status:401", "unauthorized", "status:408", "status:429", "status:50", "hang", "drip", "reset"];

/// The first back-offs of a tenant whose base is 100 ms and whose delays grow by half.
pub(super) const FIRST: RangeInclusive<u64> = 0..=100;
pub(super) const SECOND: RangeInclusive<u64> = 0..=150;
pub(super) const THIRD: RangeInclusive<u64> = 0..=225;
const NONE: RangeInclusive<u64> = 0..=0;
/// A Retry-After of 1 s, and what a 429 without one costs at the least.
pub(super) const A_SECOND: RangeInclusive<u64> = 1000..=1000;

const AWAY: &str = "COMPUTE_CLUSTER_UNAVAILABLE";
pub(super) const INVALID: &str = "RESPONSE_INVALID";
pub(super) const BROKEN_JSON: &str = r#"{"ok":true,"result":{"id":17,"#;
pub(super) const TEXT: &str = "The action was carried out.";
const BAD: &str = r#"{"message":"Bad Request"}"#;
const FURTHER: &[(&str, &str)] = &[("retry.statuses", "[429, 503, 500]")];

/// The table, for synchronous calls.
pub(crate) fn rows() -> Vec<Row> {
    [successes(), answers_of_no_use(), throttled_and_away(), refused(), unknown_outcomes()].concat()
}

fn successes() -> Vec<Row> {
    let too_large = |row: Row| Row { class: "RESPONSE_TOO_LARGE", body: None, ..row };
    vec![
        row("200 with JSON", &[]),
        row("200 with text", &["text"]).body(TEXT),
        Row { http_status: Some(204), ..row("204 without a body", &["empty"]).body("") },
        Row { http_status: Some(201), ..row("201 with JSON that is no object", &["status:201,body:[1]"]).body("[1]") },
        too_large(row("200 over the limit", &["huge:64KiB"])),
        too_large(row("200 over the limit once decompressed", &["bomb:64KiB"])),
        too_large(row("200 over the limit, idempotent", &["huge:64KiB"]).idempotent()),
    ]
}

pub(super) fn answers_of_no_use() -> Vec<Row> {
    let no_use = |name, faults| Row { ran: 1, ..failed(name, faults, INVALID, 200) };
    vec![
        no_use("200 that is not the JSON it claims to be", &["broken-json"]).body(BROKEN_JSON).and_fallback(),
        no_use("200 cut short", &["truncate"]),
        row("200 that is not JSON at first, idempotent", &["broken-json,times:1"])
            .idempotent()
            .after(&[(INVALID, Some(200), FIRST)])
            .ran(2)
            .maybe_repeated(),
        row("200 cut short at first, idempotent", &["truncate:3,times:1"])
            .idempotent()
            .after(&[(INVALID, Some(200), FIRST)])
            .ran(2)
            .maybe_repeated(),
        failed("302", &["redirect"], INVALID, 302).body(r#"{"message":"it has moved"}"#),
        failed("302, idempotent", &["redirect"], INVALID, 302).body(r#"{"message":"it has moved"}"#).idempotent(),
    ]
}

pub(super) fn throttled_and_away() -> Vec<Row> {
    const UNAVAILABLE: &str = r#"{"message":"Service Unavailable"}"#;
    vec![
        row("429 with seconds", &["status:429,retry-after:1,times:1"]).after(&[("RATE_LIMITED", Some(429), A_SECOND)]),
        row("429 with a date", &["status:429,retry-at:1,times:1"]).after(&[("RATE_LIMITED", Some(429), 1000..=2000)]),
        row("429 with nothing, more often than there are attempts", &["status:429,times:3"]).attempts(1).after(&[
            ("RATE_LIMITED", Some(429), A_SECOND),
            ("RATE_LIMITED", Some(429), A_SECOND),
            ("RATE_LIMITED", Some(429), A_SECOND),
        ]),
        row("429 before the only repeat that there is", &["status:429,retry-after:1,times:1", "status:503,times:1"])
            .attempts(2)
            .after(&[("RATE_LIMITED", Some(429), A_SECOND), (AWAY, Some(503), FIRST)]),
        row("503 once", &["status:503,times:1"]).after(&[(AWAY, Some(503), FIRST)]),
        row("503 once with Retry-After", &["status:503,retry-after:1,times:1"]).after(&[(AWAY, Some(503), A_SECOND)]),
        failed("503 for ever", &["status:503"], AWAY, 503).body(UNAVAILABLE).and_fallback().after(&[
            (AWAY, Some(503), FIRST),
            (AWAY, Some(503), SECOND),
            (AWAY, Some(503), THIRD),
        ]),
        failed("503 for ever, two attempts", &["status:503"], AWAY, 503).body(UNAVAILABLE).attempts(2).after(&[(
            AWAY,
            Some(503),
            FIRST,
        )]),
        failed("503 that asks for more time than there is", &["status:503,retry-after:30"], AWAY, 503)
            .body(UNAVAILABLE),
        row("500 once, a further status to retry, idempotent", &["status:500,times:1"])
            .tenant(FURTHER)
            .idempotent()
            .after(&[(AWAY, Some(500), FIRST)]),
        failed("500, a further status to retry", &["status:500"], AWAY, 500)
            .tenant(FURTHER)
            .body(r#"{"message":"Internal Server Error"}"#),
    ]
}

pub(super) fn refused() -> Vec<Row> {
    const REFUSED: (&str, Option<u16>, RangeInclusive<u64>) = ("AUTHENTICATION", Some(401), NONE);
    let validation = |name, faults, status| failed(name, faults, "VALIDATION", status);
    vec![
        row("401 once", &["unauthorized,times:1"]).attempts(1).after(&[REFUSED]),
        failed("401 for ever", &["status:401"], "AUTHENTICATION", 401)
            .body(r#"{"message":"Unauthorized"}"#)
            .after(&[REFUSED]),
        row(
            "401 once for each of two requests",
            &["unauthorized,times:1", "status:503,times:1", "unauthorized,times:1"],
        )
        .attempts(2)
        .after(&[REFUSED, (AWAY, Some(503), FIRST), REFUSED]),
        validation("400", &["status:400"], 400).body(BAD),
        validation("400, idempotent", &["status:400"], 400).body(BAD).idempotent(),
        validation("409", &["status:409"], 409).body(r#"{"message":"Conflict"}"#),
        validation("422", &["status:422"], 422).body(r#"{"message":"Unprocessable Entity"}"#),
        validation("418", &["status:418"], 418).body(r#"{"message":"I'm a teapot"}"#),
        failed("403", &["status:403"], "AUTHORIZATION", 403).body(r#"{"message":"Forbidden"}"#),
        failed("404", &["status:404"], "NOT_FOUND", 404).body(r#"{"message":"Not Found"}"#),
        failed("500", &["status:500"], "COMPUTE_FAILURE", 500).body(r#"{"message":"Internal Server Error"}"#),
        failed("500, idempotent", &["status:500"], "COMPUTE_FAILURE", 500)
            .body(r#"{"message":"Internal Server Error"}"#)
            .idempotent(),
        failed("500, stop at an unknown outcome", &["status:500"], "COMPUTE_FAILURE", 500)
            .body(r#"{"message":"Internal Server Error"}"#)
            .on_unknown("stop"),
    ]
}

pub(super) fn unknown_outcomes() -> Vec<Row> {
    const RESET: [Retried; 3] = [("NETWORK", None, FIRST), ("NETWORK", None, SECOND), ("NETWORK", None, THIRD)];
    const ONCE: &[Retried] = &[("NETWORK", None, FIRST)];
    vec![
        unknown("no answer", &["hang"], "TIMEOUT").and_fallback(),
        unknown("no answer, idempotent, but its time is over", &["hang"], "TIMEOUT").idempotent(),
        unknown("no answer, stop at an unknown outcome", &["hang"], "TIMEOUT").on_unknown("stop"),
        unknown("reset before reading", &["reset-before"], "NETWORK").ran(0),
        unknown("reset after reading", &["reset-after"], "NETWORK").and_fallback(),
        unknown("reset after reading, stop at an unknown outcome", &["reset-after"], "NETWORK").on_unknown("stop"),
        row("reset before reading once, idempotent", &["reset-before,times:1"])
            .idempotent()
            .after(ONCE)
            .maybe_repeated(),
        row("reset after reading once, idempotent", &["reset-after,times:1"])
            .idempotent()
            .after(ONCE)
            .ran(2)
            .maybe_repeated(),
        row("reset after reading once, sent again", &["reset-after,times:1"])
            .on_unknown("retry")
            .after(ONCE)
            .ran(2)
            .maybe_repeated(),
        unknown("reset after reading for ever, sent again", &["reset-after"], "NETWORK")
            .on_unknown("retry")
            .after(&RESET)
            .ran(4)
            .maybe_repeated(),
        unknown_status("408", &["status:408"], "TIMEOUT", 408).body(r#"{"message":"Request Timeout"}"#),
        unknown_status("502", &["status:502"], "NETWORK", 502).body(r#"{"message":"Bad Gateway"}"#),
        unknown_status("504", &["status:504"], "TIMEOUT", 504).body(r#"{"message":"Gateway Timeout"}"#),
        row("502 once, idempotent", &["status:502,times:1"])
            .idempotent()
            .after(&[("NETWORK", Some(502), FIRST)])
            .maybe_repeated(),
        row("504 once, sent again", &["status:504,times:1"])
            .on_unknown("retry")
            .after(&[("TIMEOUT", Some(504), FIRST)])
            .maybe_repeated(),
    ]
}
