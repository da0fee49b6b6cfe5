//! `cxchain submit FILE|- [--wait]`.

use std::time::Duration;

use clap::Args;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::check::{judge_for, print_and_point, read};
use super::text::{json_line, plain};
use super::topology::connect;
use super::{Exit, live};
use crate::amqp::{Client, ClientError};
use crate::app;
use crate::chain::check::Catalogue;
use crate::chain::problem::{Problem, Problems};
use crate::chain::{Chain, RunId, TenantName};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    /// A chain definition; - is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// The work queue (else the first one of the configuration)
    #[arg(long)]
    queue: Option<String>,
    /// The run's id, if the definition has none (else a new UUID)
    #[arg(long, value_parser = run_id)]
    run_id: Option<RunId>,
    /// Follow the run and wait for its result
    #[arg(long)]
    wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "30m")]
    timeout: Duration,
    /// Print the result (without --wait: the run id) as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run_id(text: &str) -> Result<RunId, String> {
    RunId::parse(text).map_err(|rule| rule.to_string())
}

pub(super) async fn submit(config: Config, args: SubmitArgs) -> Exit {
    let (file, body) = match read(&args.file) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    let queue = args.queue.clone().unwrap_or_else(|| config.queues[0].name.clone());
    let judged = judge_size(&body, config.worker.max_message_bytes)
        .and_then(|()| judge_for(tenant_of(&config, &queue), &body, &catalogue(&config)));
    let chain = match judged {
        Ok(chain) => chain,
        Err(problems) => {
            print_and_point(&file, &problems);
            say!("Nothing was published.");
            return Exit::InvalidChain;
        }
    };
    let Some(run_id) = choose_run_id(&chain, args.run_id.as_ref()) else { return Exit::Usage };
    let client = match connect(&config).await {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let done = send(&client, &config, &args, (&queue, run_id.as_str(), &body)).await;
    client.close().await;
    done.unwrap_or_else(|why| explain(&why, &config))
}

/// Whose the chains of the queue are. One that is not configured can only be known on the broker.
fn tenant_of<'c>(config: &'c Config, queue: &str) -> &'c TenantName {
    &config.queues.iter().find(|known| known.name == queue).unwrap_or(&config.queues[0]).tenant
}

/// A run id is given to every chain that has none.
fn catalogue(config: &Config) -> Catalogue {
    app::catalogue(config).require_run_id(false)
}

/// What a worker would refuse unread.
pub(super) fn judge_size(body: &[u8], most: usize) -> Result<(), Problems> {
    if body.len() <= most {
        return Ok(());
    }
    let what = format!("has {} bytes", body.len());
    Err(Problem::of_message(what, Some(format!("at most {most} bytes (worker.max_message_bytes)"))).into())
}

fn explain(why: &ClientError, config: &Config) -> Exit {
    say!("{} {}", "error:".red().bold(), plain(why));
    let names: Vec<&str> = config.queues.iter().map(|queue| queue.name.as_str()).collect();
    match why {
        ClientError::NoQueue(queue) if !names.contains(&queue.as_str()) => {
            say!("Work queues in the configuration: {}", names.join(", "));
        }
        ClientError::NoQueue(_) | ClientError::NoExchange(_) => {
            say!("A worker makes it when it starts, and so does `cxchain topology apply`.");
        }
        ClientError::Forbidden(_) => {
            say!("docs/OPERATIONS.md has the permissions of whoever submits.");
        }
        ClientError::Connect(_) | ClientError::NotTaken(_) | ClientError::Broker(_) => return Exit::Unreachable,
    }
    say!("Nothing was published.");
    Exit::Configuration
}

/// The definition's own, else the given one, else a new one; `None`, and said, where two differ.
pub(super) fn choose_run_id(chain: &Chain, given: Option<&RunId>) -> Option<RunId> {
    match (&chain.run_id, given) {
        (Some(own), Some(given)) if own != given => {
            let what = "the definition has a run_id of its own; --run-id cannot give it another one";
            say!("{} {what}", "error:".red().bold());
            None
        }
        (Some(own), _) => Some(own.clone()),
        (None, Some(given)) => Some(given.clone()),
        (None, None) => RunId::parse(&uuid::Uuid::now_v7().to_string()).ok(),
    }
}

async fn send(
    client: &Client,
    config: &Config,
    args: &SubmitArgs,
    (queue, run_id, body): (&str, &str, &[u8]),
) -> Result<Exit, ClientError> {
    if !args.wait {
        client.enqueue(queue, run_id, body).await?;
        if args.json {
            tell!("{}", serde_json::json!({"run_id": run_id, "queue": queue}));
        } else {
            tell!("{} run {} is in {queue}", "✔".green(), run_id.bold());
        }
        return Ok(Exit::Done);
    }
    let names = app::names(config);
    let mut feed = client.follow(&[(&names.audit, "#"), (&names.results, "#")]).await?;
    client.enqueue(queue, run_id, body).await?;
    if !args.json {
        tell!("Run {} is in {queue}; waiting for a worker to take it…", run_id.bold());
    }
    let following = live::follow(&mut feed, run_id, !args.json);
    let Ok(result) = tokio::time::timeout(args.timeout, following).await else {
        say!(
            "No result within {}. Does a worker run? The chain stays in the queue; its result will go to the exchange {}. \
             (A chain under the run id of another one gets none: it is in {}.)",
            humantime::format_duration(args.timeout),
            names.results,
            names.dead
        );
        return Ok(Exit::NotCompleted);
    };
    Ok(report(&result?, args.json))
}

fn report(result: &Value, json: bool) -> Exit {
    if json {
        tell!("{}", json_line(result));
    } else {
        tell!("{}", live::result_lines(result));
    }
    if result["final_status"] == "completed" { Exit::Done } else { Exit::NotCompleted }
}
