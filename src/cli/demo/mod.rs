//! `cxchain demo`: a simulator, a worker and sample chains in one process, on a real RabbitMQ, under names of its own.

mod samples;

use anstream::println;
use clap::Args;
use owo_colors::OwoColorize;
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::samples::{SAMPLES, Sample, faults};
use super::text::{json_line, plain, plain_lines};
use super::{Exit, live, signals, topology, worker};
use crate::amqp::{Client, ClientError, Feed};
use crate::app::{self, Running};
use crate::config::{Config, JournalKind, Limit, LogFormat, LogLevel, Prefetch, Queue};
use crate::simulator::{Calls, Simulator, SimulatorSettings};

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Print only the results: one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn demo(mut config: Config, args: DemoArgs) -> Exit {
    let stop = CancellationToken::new();
    if signals::watch(stop.clone()).is_err() {
        return Exit::Internal;
    }
    let simulator = match Simulator::start(SimulatorSettings { faults: faults(), ..SimulatorSettings::default() }) {
        Ok(simulator) => simulator,
        Err(why) => {
            say!("The simulator cannot listen on this machine: {why}");
            return Exit::Internal;
        }
    };
    if let Err(why) = point_at(&mut config, &simulator) {
        say!("{why}");
        return Exit::Internal;
    }
    worker::start_logs(&config);
    let client = match topology::connect(&config).await {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    if !args.json {
        introduce(&config, &simulator);
    }
    let shown = show(&config, &client, &stop, args.json).await;
    // Whatever was shown, nothing of it stays on the broker.
    let cleaned = client.delete(&app::topology(&config)).await;
    client.close().await;
    let calls = simulator.stop().await;
    match (shown, cleaned) {
        (Ok(exit), Ok(())) => {
            if !args.json && exit == Exit::Done {
                say_goodbye(&calls);
            }
            exit
        }
        (Err(why), _) | (_, Err(why)) => {
            say!("{}", plain(why));
            Exit::Unreachable
        }
    }
}

/// The demo's own names, limits and platform; the broker is the configured one.
fn point_at(config: &mut Config, simulator: &Simulator) -> Result<(), String> {
    let name = format!("cxchain-demo-{}", std::process::id());
    let base_url: Url = simulator.url().parse().map_err(|why| format!("the simulator's URL: {why}"))?;
    let token_url: Url = simulator.token_url().parse().map_err(|why| format!("the simulator's URL: {why}"))?;
    let settings = SimulatorSettings::default();
    let Some((tenant, defaults)) = config.tenants.pop_first() else { return Err("there is no tenant".into()) };
    let mut platform = defaults;
    platform.base_url = base_url;
    platform.auth.token_url = token_url;
    platform.auth.client_id = settings.client_id;
    platform.auth.client_secret = Some(SecretString::from(settings.client_secret));
    platform.limits = vec![Limit { limit: 10, per: std::time::Duration::from_secs(1), burst: 2 }];
    platform.jobs.poll = std::time::Duration::from_millis(400);
    config.tenants = [(tenant.clone(), platform)].into();
    config.worker.id = "demo-worker".into();
    // Nobody who has asked for the end of a demo wants to wait for a worker's full drain.
    config.worker.drain_timeout = std::time::Duration::from_secs(10);
    config.queues = vec![Queue { name: format!("{name}.chains"), tenant, prefetch: Prefetch::Auto }];
    config.exchanges.results = format!("{name}.results");
    config.exchanges.audit = format!("{name}.audit");
    config.exchanges.dead = format!("{name}.dead");
    config.exchanges.control = format!("{name}.control");
    (config.logs.audit, config.logs.results) = (None, None);
    config.broker.declare = true;
    config.ops.listen = None;
    // Nothing of a demo is left on this machine.
    config.journal.kind = JournalKind::Memory;
    // The live view tells what goes wrong in a run; the log only what goes wrong with the demo.
    (config.telemetry.log, config.telemetry.format) = (LogLevel::Error, LogFormat::Pretty);
    Ok(())
}

async fn show(config: &Config, client: &Client, stop: &CancellationToken, json: bool) -> Result<Exit, ClientError> {
    // Not cut off by `stop`: a declaration that is on its way would arrive after the cleaning up.
    let running = match Running::start(config, stop.clone()).await {
        Ok(running) => running,
        Err(why) => {
            say!("{}", plain_lines(&why));
            return Ok(worker::exit(&why));
        }
    };
    let working = tokio::spawn(running.work());
    let shown = tokio::select! {
        () = stop.cancelled() => Ok(Vec::new()),
        shown = show_samples(config, client, json) => shown,
    };
    // However it ended, the worker is gone before its queues are: one that still publishes would declare them again.
    stop.cancel();
    let _ = working.await;
    let results = shown?;
    if !json && !results.is_empty() {
        print_table(&results);
    }
    let as_told = results.len() == SAMPLES.len()
        && results.iter().zip(&SAMPLES).all(|(result, sample)| result["final_status"] == sample.ends);
    Ok(if as_told { Exit::Done } else { Exit::NotCompleted })
}

/// Runs the samples one after the other; their results.
async fn show_samples(config: &Config, client: &Client, json: bool) -> Result<Vec<Value>, ClientError> {
    let names = app::names(config);
    let mut feed = client.follow(&[(&names.audit, "#"), (&names.results, "#")]).await?;
    let mut results = Vec::new();
    for (number, sample) in SAMPLES.iter().enumerate() {
        if !json {
            println!("\n{} {}  {}", format!("{}.", number + 1).bold(), sample.title.bold(), sample.file.dimmed());
        }
        results.push(run(config, client, &mut feed, sample, json).await?);
    }
    Ok(results)
}

async fn run(
    config: &Config,
    client: &Client,
    feed: &mut Feed,
    sample: &Sample,
    json: bool,
) -> Result<Value, ClientError> {
    let run_id = uuid::Uuid::now_v7().to_string();
    client.enqueue(&config.queues[0].name, &run_id, sample.body.as_bytes()).await?;
    let result = live::follow(feed, &run_id, !json).await?;
    if json {
        println!("{}", json_line(&result));
    } else {
        println!("{}", live::result_lines(&result));
    }
    Ok(result)
}

fn introduce(config: &Config, simulator: &Simulator) {
    println!("{}", "cxchain demo".bold());
    println!("  RabbitMQ   queue {}", config.queues[0].name);
    println!("  CXone      a simulator at {}", simulator.url());
    println!("  worker     {} with at most 10 requests in any second", config.worker.id);
}

fn print_table(results: &[Value]) {
    println!("\n{}", "Results".bold());
    println!(
        "  {}",
        format!("{:<20} {:<18} {:>5} {:>10} {:>10}", "chain", "status", "steps", "successful", "time").dimmed()
    );
    for result in results {
        let steps = format!("{}/{}", result["steps_executed"], result["steps_total"]);
        let status = plain(result["final_status"].as_str().unwrap_or("?"));
        let padded = format!("{status:<18}");
        let status = if status == "completed" { padded.green().to_string() } else { padded.red().to_string() };
        let chain = plain(result["chain_id"].as_str().unwrap_or("?"));
        let rate = format!("{} %", result["completion_rate_percent"]);
        let time = live::duration(result["total_latency_ms"].as_u64().unwrap_or(0));
        println!("  {chain:<20} {status} {steps:>5} {rate:>10} {time:>10}");
    }
}

fn say_goodbye(calls: &Calls) {
    let (made, again) = (calls.totals.calls, calls.ran_again().len());
    let throttled = calls.totals.statuses.get(&429).copied().unwrap_or(0);
    let polls = calls.polls.calls;
    println!(
        "\n  The simulator counted {made} calls and {polls} polls; {throttled} of them throttled, {again} carried out twice."
    );
    println!("  Nothing is left running, and nothing is left on the broker.");
    println!("\n{}", "Where to look next".bold());
    println!("  README.md               your own chain in five minutes");
    println!("  examples/               the chains that were just run");
    println!("  docs/MESSAGES.md        the results and audit events that went out, field by field");
    println!("  docs/ARCHITECTURE.md    one chain followed through the code");
}
