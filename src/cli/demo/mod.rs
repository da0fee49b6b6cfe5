//! `cxchain demo`: a simulator, a worker process and sample chains, on a real RabbitMQ, under names of their own. One worker is
//! killed, and the next one goes on.

mod crew;
mod home;
mod samples;
mod show;

use anstream::println;
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::crew::FIRST;
use self::home::Home;
use self::samples::{SAMPLES, faults};
use self::show::Show;
use super::text::{plain, plain_lines};
use super::{Exit, live, signals, topology, worker};
use crate::amqp::ClientError;
use crate::app;
use crate::config::Config;
use crate::simulator::{Calls, Simulator, SimulatorSettings};

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Print only the results: one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn demo(config: Config, args: DemoArgs) -> Exit {
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
    let home = match Home::new(&config, &simulator) {
        Ok(home) => home,
        Err(why) => {
            say!("{}", plain_lines(why));
            return Exit::Internal;
        }
    };
    worker::start_logs(&home.config);
    let client = match topology::connect(&home.config).await {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    if !args.json {
        introduce(&home.config, &simulator);
    }
    let topology = app::topology(&home.config);
    // Neither this nor the cleaning up is cut off by `stop`: a declaration that is on its way would arrive after the deletion.
    let shown = match client.apply(&topology).await {
        Ok(()) => Show { home: &home, client: &client, simulator: &simulator, json: args.json }.run(&stop).await,
        Err(why) => Err(topology::refused(&why)),
    };
    // Whatever was shown, nothing of it stays on this machine or on the broker.
    let removed = home.remove();
    let cleaned = client.delete(&topology).await;
    client.close().await;
    let calls = simulator.stop().await;
    let ended = shown.and_then(|results| {
        removed.map_err(|why| not_removed(&why))?;
        cleaned.map_err(|why| lost(&why))?;
        Ok(results)
    });
    let results = match ended {
        Ok(results) => results,
        Err(exit) => return exit,
    };
    if !args.json && !results.is_empty() {
        print_table(&results);
        say_goodbye(&results, &calls);
    }
    if as_told(&results, &calls) { Exit::Done } else { Exit::NotCompleted }
}

fn lost(why: &ClientError) -> Exit {
    say!("{}", plain(why));
    Exit::Unreachable
}

fn not_removed(why: &std::io::Error) -> Exit {
    say!("{}", plain(why));
    Exit::Internal
}

/// Whether everything went as the samples say, and nothing was sent twice.
fn as_told(results: &[Value], calls: &Calls) -> bool {
    results.len() == SAMPLES.len()
        && results.iter().zip(&SAMPLES).all(|(result, sample)| result["final_status"] == sample.ends)
        && calls.ran_again().is_empty()
        && submissions(results, calls).all(|submitted| submitted == 1)
}

/// How often each job was submitted in which the worker was killed.
fn submissions(results: &[Value], calls: &Calls) -> impl Iterator<Item = u64> {
    results.iter().zip(&SAMPLES).filter_map(|(result, sample)| {
        let run_id = result["run_id"].as_str().unwrap_or_default();
        sample.killed_in.map(|step| calls.step(run_id, step).calls)
    })
}

fn introduce(config: &Config, simulator: &Simulator) {
    println!("{}", "cxchain demo".bold());
    println!("  RabbitMQ   queue {}", config.queues[0].name);
    println!("  CXone      a simulator at {}", simulator.url());
    println!("  worker     {FIRST}, a process of its own, with at most 10 requests in any second");
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

fn say_goodbye(results: &[Value], calls: &Calls) {
    let (made, again) = (calls.totals.calls, calls.ran_again().len());
    let throttled = calls.totals.statuses.get(&429).copied().unwrap_or(0);
    let polls = calls.polls.calls;
    println!(
        "\n  The simulator counted {made} calls and {polls} polls; {throttled} of them throttled, {again} carried out twice."
    );
    for submitted in submissions(results, calls) {
        let times = if submitted == 1 { "once".into() } else { format!("{submitted} times") };
        println!("  The job that outlived its worker was submitted {times}.");
    }
    println!("  Nothing is left running, and nothing is left on the broker.");
    println!("\n{}", "Where to look next".bold());
    println!("  README.md               your own chain in five minutes");
    println!("  examples/               the chains that were just run");
    println!("  docs/MESSAGES.md        the results and audit events that went out, field by field");
    println!("  docs/ARCHITECTURE.md    one chain followed through the code");
}
