//! `cxchain run FILE`: one chain here, without a broker. The result goes to standard output, all else to standard error.

mod screen;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use owo_colors::OwoColorize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::check::{judge_for, print_and_point, read};
use super::submit::{choose_run_id, judge_size, run_id};
use super::text::{fit_json, indented, plain};
use super::{Exit, live, signals, worker};
use crate::app::{self, Solo};
use crate::chain::{Chain, RunId, TenantName};
use crate::config::{Config, LogFormat, LogLevel};
use screen::{Screen, Shows};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// A chain definition; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The tenant of a chain that names none (else the first work queue's)
    #[arg(long, value_name = "NAME", value_parser = tenant_name)]
    tenant: Option<TenantName>,
    /// The run's id, if the definition has none (else a new UUID)
    #[arg(long, value_parser = run_id)]
    run_id: Option<RunId>,
    /// Write the audit events there, too: one JSON object a line
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Print only the result, on one line
    #[arg(long)]
    json: bool,
}

pub(super) fn tenant_name(text: &str) -> Result<TenantName, String> {
    TenantName::parse(text).map_err(|rule| rule.to_string())
}

/// The `given` tenant, else that of the first work queue; one that the configuration does not have is said to be none.
pub(super) fn chosen_tenant<'a>(config: &'a Config, given: Option<&'a TenantName>) -> Result<&'a TenantName, Exit> {
    let tenant = given.unwrap_or(&config.queues[0].tenant);
    if config.tenants.contains_key(tenant) {
        return Ok(tenant);
    }
    let known: Vec<&str> = config.tenants.keys().map(TenantName::as_str).collect();
    let what = format!("there is no tenant {tenant} in the configuration; there are: {}", known.join(", "));
    Err(fail(&what, Exit::Usage))
}

pub(super) async fn run(mut config: Config, args: RunArgs) -> Exit {
    // The live view tells what goes wrong in a run; the log only what goes wrong with cxchain.
    (config.telemetry.log, config.telemetry.format) = (LogLevel::Error, LogFormat::Pretty);
    worker::start_logs(&config);
    match run_file(&config, args).await {
        Ok(exit) | Err(exit) => exit,
    }
}

async fn run_file(config: &Config, args: RunArgs) -> Result<Exit, Exit> {
    let (chain, run_id) = chain(config, &args)?;
    has_credentials(config, &chain.tenant)?;
    // Only now: there is nothing to finish before, and a file can be a pipe that nobody writes to.
    let stop = CancellationToken::new();
    signals::watch(stop.clone()).map_err(|why| fail(&format!("signals cannot be handled: {why}"), Exit::Internal))?;
    let events = args.events.as_ref().map(|path| events(path, &args.file));
    let shows = if args.json { Shows::Nothing } else { Shows::at(&io::stderr()) };
    let screen = Arc::new(Screen::new(&chain, shows, events.transpose()?));
    screen.begin(&chain, &run_id);
    let tenant = chain.tenant.clone();
    let solo = Solo::new(config, screen.clone()).map_err(|why| fail(&why.to_string(), worker::exit(&why)))?;
    let ran = tokio::select! {
        ran = solo.run(chain, run_id, stop.clone()) => ran,
        never = screen.keep_moving(solo.watch(), &tenant, stop) => match never {},
    };
    ran.map_err(|why| fail(&why.to_string(), Exit::Internal))?;
    let body = screen.result().ok_or_else(|| fail("the run ended without a result", Exit::Internal))?;
    let result: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !args.json {
        say!("{}", live::result_lines(&result));
    }
    let exit = judge_result(&result);
    if exit == Exit::Unreachable {
        explain(config, &result, &tenant);
    }
    let lost_events = screen.lost_events();
    let lost_events = lost_events.map(|why| fail(&format!("the events could not be written: {why}"), Exit::Internal));
    let document = fit_json(&String::from_utf8_lossy(&body));
    let document = if !args.json && io::stdout().is_terminal() { indented(&document) } else { document };
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{document}").and_then(|()| stdout.flush());
    written.map_err(|why| fail(&format!("the result could not be written: {why}"), Exit::Internal))?;
    Ok(lost_events.unwrap_or(exit))
}

/// Where the events go. Not over the chain itself.
fn events(path: &Path, chain: &str) -> Result<File, Exit> {
    if path.canonicalize().is_ok_and(|path| Path::new(chain).canonicalize().is_ok_and(|chain| chain == path)) {
        return Err(fail(&format!("--events {} would overwrite the chain", path.display()), Exit::Usage));
    }
    File::create(path).map_err(|why| fail(&format!("{} cannot be written: {why}", path.display()), Exit::Usage))
}

/// The chain in the file, and the name of its run; what is wrong with either is said.
fn chain(config: &Config, args: &RunArgs) -> Result<(Chain, RunId), Exit> {
    let tenant = chosen_tenant(config, args.tenant.as_ref())?;
    let (file, body) = read(&args.file)?;
    let catalogue = app::catalogue(config).require_run_id(false);
    let judged = judge_size(&body, config.worker.max_message_bytes).and_then(|()| judge_for(tenant, &body, &catalogue));
    let chain = judged.map_err(|problems| {
        print_and_point(&file, &problems);
        say!("Nothing was called.");
        Exit::InvalidChain
    })?;
    let run_id = choose_run_id(&chain, args.run_id.as_ref()).ok_or(Exit::Usage)?;
    Ok((chain, run_id))
}

/// Without credentials no platform lets anybody in, and the built-in one is somebody's production.
fn has_credentials(config: &Config, tenant: &TenantName) -> Result<(), Exit> {
    let Some(found) = config.tenants.get(tenant) else { return Ok(()) };
    let Some(what) = found.locked_out(tenant) else { return Ok(()) };
    let exit = fail(&what, Exit::Configuration);
    let (simulator, example) = found.api.example();
    say!("Name a configuration that has them. For `{simulator}`: --config {example}");
    Err(exit)
}

/// 0: completed. 69: no call was answered, since the platform could not be reached or did not let the run in. 1: any other end.
fn judge_result(result: &Value) -> Exit {
    if result["final_status"] == "completed" {
        return Exit::Done;
    }
    let steps = result["aggregated_responses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let nobody = |step: &Value| {
        let never_sent = step["attempts"] == 0;
        step["status"] == "failed"
            && match step["error_classification"].as_str() {
                Some("NETWORK" | "AUTHENTICATION") => true,
                Some("TIMEOUT" | "NOT_FOUND" | "RESPONSE_INVALID" | "COMPUTE_CLUSTER_UNAVAILABLE") => never_sent,
                _ => false,
            }
    };
    let never_sent = |step: &Value| step["attempts"] == 0 && nobody(step);
    let nowhere = match result["final_status"].as_str() {
        Some("terminated_early") => steps.iter().all(nobody),
        Some("timed_out") => !steps.is_empty() && steps.iter().all(never_sent),
        _ => false,
    };
    if nowhere { Exit::Unreachable } else { Exit::NotCompleted }
}

fn explain(config: &Config, result: &Value, tenant: &TenantName) {
    let last = result["aggregated_responses"].as_array().and_then(|steps| steps.last());
    let why = last.and_then(|step| step["error_message"].as_str()).unwrap_or("no call was answered");
    let api = config.tenants.get(tenant).map(|tenant| tenant.api).unwrap_or_default();
    let (platform, (simulator, example)) = (api.platform(), api.example());
    say!("{} {platform}: {}", "error:".red().bold(), plain(why));
    say!(
        "The configuration says {}. (A {platform} to try things on: `{simulator}`, with --config {example} here.)",
        config.found_by(tenant)
    );
}

fn fail(what: &str, exit: Exit) -> Exit {
    say!("{} {}", "error:".red().bold(), plain(what));
    exit
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_a_run_ended_decides_the_exit_code() {
        let step = |status: &str, class: &str, attempts: u32| json!({"status": status, "error_classification": class, "attempts": attempts});
        let ended = |status: &str, steps: &[Value]| {
            judge_result(&json!({"final_status": status, "aggregated_responses": steps})).code()
        };
        for (code, status, steps) in [
            (0, "completed", vec![step("success", "NONE", 1)]),
            (0, "completed", vec![step("failed", "NETWORK", 4)]),
            (69, "terminated_early", vec![step("failed", "NETWORK", 4)]),
            (69, "terminated_early", vec![step("failed", "AUTHENTICATION", 0)]),
            (69, "terminated_early", vec![step("failed", "TIMEOUT", 0)]),
            (69, "terminated_early", vec![step("failed", "NETWORK", 4), step("failed", "NETWORK", 4)]),
            (1, "terminated_early", vec![step("success", "NONE", 1), step("failed", "NETWORK", 4)]),
            (1, "terminated_early", vec![step("failed", "TIMEOUT", 1)]),
            (1, "terminated_early", vec![step("failed", "VALIDATION", 1)]),
            (1, "indeterminate", vec![step("unknown", "NETWORK", 1)]),
            (1, "cancelled", vec![]),
            (1, "timed_out", vec![step("failed", "RATE_LIMITED", 1)]),
            (69, "timed_out", vec![step("failed", "TIMEOUT", 0)]),
            (1, "timed_out", vec![step("failed", "NETWORK", 4)]),
            (1, "timed_out", vec![]),
            (1, "expired", vec![]),
        ] {
            assert_eq!(ended(status, &steps), code, "{status} {steps:?}");
        }
    }
}
