//! A run as a person watches it: a line per event, and the result at the end.

use std::time::Duration;

use anstream::println;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::text::plain;
use crate::amqp::{ClientError, Feed};
use crate::chain::log::{Event, EventBody, StepFinished, StepRetried};
use crate::chain::result::RESULT_SCHEMA;
use crate::chain::{ErrorClass, StepStatus};

/// Follows one run to its result.
///
/// # Errors
/// [`ClientError`] when the connection is lost first.
pub(super) async fn follow(feed: &mut Feed, run_id: &str, show: bool) -> Result<Value, ClientError> {
    let mut seen = 0;
    loop {
        let message = feed.next().await?;
        if message.schema == RESULT_SCHEMA {
            let result: Value = serde_json::from_slice(&message.body).unwrap_or_default();
            if result["run_id"] == run_id {
                return Ok(result);
            }
        } else if show
            && let Ok(event) = serde_json::from_slice::<Event>(&message.body)
            && event.run_id.as_ref().is_some_and(|id| id.as_str() == run_id)
            && event.seq > seen
        {
            seen = event.seq;
            if let Some(line) = event_line(&event) {
                println!("{line}");
            }
        }
    }
}

/// An event on one line, if it is worth one.
pub(super) fn event_line(event: &Event) -> Option<String> {
    match &event.body {
        EventBody::RunAccepted(accepted) => {
            let (steps, s) = (accepted.steps_total, if accepted.steps_total == 1 { "" } else { "s" });
            Some(format!("  {} accepted: {steps} step{s}", "▸".cyan()))
        }
        EventBody::StepRetried(step) => Some(retry_line(step)),
        EventBody::StepFinished(step) => Some(step_line(step)),
        EventBody::RunResumed(resumed) => {
            let (worker, step) = (plain(&event.worker), plain(&resumed.from_step));
            Some(format!("  {} taken up by {worker} at step {step}", "↺".yellow()))
        }
        EventBody::RunFinished(_) | EventBody::RunRejected(_) => None,
    }
}

fn retry_line(step: &StepRetried) -> String {
    let http = step.http_status.map_or_else(|| "   ".into(), |status| status.to_string());
    let class = step.error_classification.as_str();
    let (sign, then) = match step.delay_ms {
        0 if is_final(step.error_classification) => ("⤵", ", its fallback is called".to_owned()),
        // The same call again, or the fallback's: the event does not tell.
        0 => ("↻", String::new()),
        delay => ("↻", format!(", again in {}", duration(delay))),
    };
    format!("  {} {:<34} {http}  {class}{then}", sign.yellow(), step.action_id.as_str())
}

/// Whether a call that failed so is never made again, so that what follows it is its fallback's.
fn is_final(class: ErrorClass) -> bool {
    use ErrorClass::{Authorization, ComputeFailure, NotFound, Validation};
    matches!(class, Validation | Authorization | NotFound | ComputeFailure)
}

fn step_line(step: &StepFinished) -> String {
    let http = step.http_status.map_or_else(|| "   ".into(), |status| status.to_string());
    let took = duration(step.latency_ms);
    let action = step.action_id.as_ref().map_or_else(|| format!("{} (a chain)", step.step_id), ToString::to_string);
    let job = match (&step.job_id, step.polls) {
        (None, _) => String::new(),
        (Some(_), 1) => ", a job, 1 poll".into(),
        (Some(_), polls) => format!(", a job, {polls} polls"),
    };
    let fallback = match (&step.fallback_action_id, step.fallback_used) {
        (Some(action), _) => format!(", by its fallback {action}"),
        (None, true) => ", by its fallback".to_owned(),
        (None, false) => String::new(),
    };
    match step.status {
        StepStatus::Success => return format!("  {} {action:<34} {http}  {took}{job}{fallback}", "✔".green()),
        StepStatus::Skipped => return format!("  {} {action:<34}      skipped", "○".dimmed()),
        StepStatus::Failed | StepStatus::Unknown => {}
    }
    let class = step.error_classification.as_str();
    let then = step.directive.map(|directive| format!(" → {}", directive.as_str())).unwrap_or_default();
    format!("  {} {action:<34} {http}  {took}{job}  {} {class}{then}", "✖".red(), step.status.as_str())
}

/// The result in one line, or two.
pub(super) fn result_lines(result: &Value) -> String {
    let status = plain(result["final_status"].as_str().unwrap_or("?"));
    let took = duration(result["total_latency_ms"].as_u64().unwrap_or(0));
    let number = |key: &str| result[key].as_number().map_or_else(|| "?".into(), ToString::to_string);
    let (executed, total) = (number("steps_executed"), number("steps_total"));
    let rate = number("completion_rate_percent");
    let figures = format!("{executed} of {total} steps, {rate} % successful, {took}");
    if status == "completed" {
        return format!("  {} {}  {figures}", "■".green(), status.green().bold());
    }
    let why = result["reason"]["message"].as_str().map(|why| format!("\n    {}", plain(why))).unwrap_or_default();
    format!("  {} {}  {figures}{why}", "■".red(), status.red().bold())
}

/// `87 ms`, `2.3 s`.
pub(super) fn duration(ms: u64) -> String {
    let span = Duration::from_millis(ms);
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", span.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chain::ActionId;

    #[test]
    fn a_call_that_is_never_made_again_is_followed_by_a_fallback() {
        let line = |class, delay_ms| {
            let step = StepRetried {
                step_index: 0,
                step_id: "a".into(),
                action_id: ActionId::parse("da-a").unwrap(),
                attempt: 1,
                payload_hash: "p".into(),
                response_hash: None,
                hash_alg: None,
                error_classification: class,
                http_status: Some(403),
                delay_ms,
            };
            let line = retry_line(&step);
            anstream::adapter::strip_str(&line).to_string().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line(ErrorClass::Authorization, 0), "⤵ da-a 403 AUTHORIZATION, its fallback is called");
        assert_eq!(line(ErrorClass::RateLimited, 0), "↻ da-a 403 RATE_LIMITED");
        assert_eq!(line(ErrorClass::Network, 900), "↻ da-a 403 NETWORK, again in 900 ms");
    }

    /// Whoever may publish to the results exchange may write what they like.
    #[test]
    fn a_result_of_somebody_else_cannot_speak_to_the_terminal() {
        let hostile = "x\u{1b}]0;title\u{7}\u{9b}2J";
        let result = json!({
            "final_status": hostile, "steps_executed": hostile, "steps_total": hostile, "completion_rate_percent": hostile,
            "reason": {"message": hostile},
        });
        let shown = anstream::adapter::strip_str(&result_lines(&result)).to_string();
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(result_lines(&result).contains(r"x\u{1b}]0;title\u{7}\u{9b}2J"), "{shown:?}");
    }
}
