//! The commands: one file each. Arguments → library → text and exit code.

#[macro_use]
mod out;

mod check;
mod config;
mod demo;
mod exit;
mod figures;
mod journal;
mod live;
mod page;
mod run;
mod runs;
mod signals;
pub mod simulate;
mod standing;
mod submit;
mod text;
mod topology;
mod trace;
mod worker;

use std::future::ready;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;

use crate::config::Config;

/// Runs chains of NICE CXone actions off RabbitMQ: step by step, inside the tenant's rate limit, with a hash-linked
/// audit log.
#[derive(Debug, Parser)]
#[command(name = "cxchain", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Configuration file (else config/cxchain.toml if there is one, else built-in defaults)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Every configuration key can be set by an environment variable, too: CXCHAIN__BROKER__URL is broker.url.

Exit codes:
    0  done; run, submit --wait: the run completed
    1  the run did not complete, a drain was cut short, or there is no such run
    2  the command line is wrong, or a file on it cannot be read
    3  invalid chain; nothing was published
   69  RabbitMQ or a tenant's platform cannot be reached or trusted, or refuses the credentials
   70  a fault in cxchain, or a journal that cannot be read or written
   78  the configuration is wrong, RabbitMQ's queues and exchanges differ from it, its user may not work, or a
       queue is another worker's
  143  a second SIGTERM (or SIGINT, or SIGHUP)";

#[derive(Debug, Subcommand)]
enum Command {
    /// Take chains off the work queues and run them, until SIGTERM
    Worker(worker::WorkerArgs),
    /// Everything on this machine: a simulator, a worker and sample chains, with a live view; the worker is killed once
    Demo(demo::DemoArgs),
    /// Put a chain into a work queue
    Submit(submit::SubmitArgs),
    /// Run one chain here, without a broker: the live view on standard error, the result on standard output
    Run(run::RunArgs),
    /// Check chain definitions without sending anything
    Check(check::CheckArgs),
    /// List the runs that the journal holds, the newest first
    Runs(runs::RunsArgs),
    /// Show what happened to a run: its log as a timeline
    Trace(trace::TraceArgs),
    /// The file that holds the run logs
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// The exchanges and queues that a worker stands on
    #[command(subcommand)]
    Topology(topology::TopologyCommand),
    Simulate(Box<simulate::SimulateArgs>),
    /// The configuration that holds, secrets masked
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Runs the command that `arguments` ask for.
pub async fn run(arguments: Arguments) -> ExitCode {
    let path = arguments.config.as_deref();
    match arguments.command {
        Command::Worker(args) => with_config(path, |config| worker::worker(config, args)).await,
        Command::Demo(args) => with_config(path, |config| demo::demo(config, args)).await,
        Command::Submit(args) => with_config(path, |config| submit::submit(config, args)).await,
        Command::Run(args) => with_config(path, |config| run::run(config, args)).await,
        Command::Check(args) => check::check(path, &args).into(),
        Command::Runs(args) => with_config(path, |config| ready(runs::runs(&config, &args))).await,
        Command::Trace(args) => with_config(path, |config| ready(trace::trace(&config, &args))).await,
        Command::Journal(command) => with_config(path, async |config| journal::journal(&config, &command).await).await,
        Command::Topology(command) => with_config(path, |config| topology::topology(config, command)).await,
        Command::Simulate(args) => simulate::simulate(*args).await.into(),
        Command::Config(command) => config::config(path, &command).into(),
    }
}

async fn with_config<F>(path: Option<&Path>, command: impl FnOnce(Config) -> F) -> ExitCode
where
    F: Future<Output = Exit>,
{
    match load(path) {
        Ok(config) => command(config).await.into(),
        Err(exit) => exit.into(),
    }
}

fn load(path: Option<&Path>) -> Result<Config, Exit> {
    Config::load(path, std::env::vars_os()).map_err(|problems| {
        say!("{}", text::plain_lines(&problems));
        Exit::Configuration
    })
}
