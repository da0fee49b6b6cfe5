//! A run as a person watches it: a line per event, and the result at the end.

use std::time::Duration;

use anstream::println;
use owo_colors::OwoColorize;
use serde_json::Value;

use crate::amqp::{ClientError, Feed};
use crate::chain::StepStatus;
use crate::chain::log::{Event, EventBody, StepFinished, StepRetried};
use crate::chain::result::RESULT_SCHEMA;

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
            print_event(&event);
        }
    }
}

fn print_event(event: &Event) {
    match &event.body {
        EventBody::RunAccepted(accepted) => {
            let (steps, s) = (accepted.steps_total, if accepted.steps_total == 1 { "" } else { "s" });
            println!("  {} accepted: {steps} step{s}", "▸".cyan());
        }
        EventBody::StepRetried(step) => print_retry(step),
        EventBody::StepFinished(step) => print_step(step),
        EventBody::RunResumed(_) | EventBody::RunFinished(_) | EventBody::RunRejected(_) => {}
    }
}

fn print_retry(step: &StepRetried) {
    let http = step.http_status.map_or_else(|| "   ".into(), |status| status.to_string());
    let class = step.error_classification.as_str();
    let wait = duration(step.delay_ms);
    println!("  {} {:<34} {http}  {class}, again in {wait}", "↻".yellow(), step.action_id.as_str());
}

fn print_step(step: &StepFinished) {
    let http = step.http_status.map_or_else(|| "   ".into(), |status| status.to_string());
    let took = duration(step.latency_ms);
    let action = step.action_id.as_str();
    let job = match (&step.job_id, step.polls) {
        (None, _) => String::new(),
        (Some(_), 1) => ", a job, 1 poll".into(),
        (Some(_), polls) => format!(", a job, {polls} polls"),
    };
    if step.status == StepStatus::Success {
        println!("  {} {action:<34} {http}  {took}{job}", "✔".green());
        return;
    }
    let class = step.error_classification.as_str();
    let then = step.directive.and_then(|directive| serde_json::to_value(directive).ok());
    let then = then.as_ref().and_then(Value::as_str).map(|word| format!(" → {word}")).unwrap_or_default();
    println!("  {} {action:<34} {http}  {took}{job}  {} {class}{then}", "✖".red(), step.status.as_str());
}

/// The result in two lines.
pub(super) fn print_result(result: &Value) {
    let status = result["final_status"].as_str().unwrap_or("?");
    let took = duration(result["total_latency_ms"].as_u64().unwrap_or(0));
    let (executed, total) = (&result["steps_executed"], &result["steps_total"]);
    let rate = &result["completion_rate_percent"];
    let figures = format!("{executed} of {total} steps, {rate} % successful, {took}");
    if status == "completed" {
        println!("  {} {}  {figures}", "■".green(), status.green().bold());
    } else {
        println!("  {} {}  {figures}", "■".red(), status.red().bold());
        if let Some(message) = result["reason"]["message"].as_str() {
            println!("    {message}");
        }
    }
}

/// `87 ms`, `2.3 s`.
pub(super) fn duration(ms: u64) -> String {
    let span = Duration::from_millis(ms);
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", span.as_secs_f64()) }
}
