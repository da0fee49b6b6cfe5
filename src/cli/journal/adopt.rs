//! `cxchain journal adopt`.

use clap::Args;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::super::page;
use super::super::text::{json_line, plain};
use super::super::topology::connect;
use super::{Exit, explain, open};
use crate::amqp::{Claim, Client, ClientError, Found};
use crate::config::Config;

/// Make this journal the one that knows the configured work queues, though they were worked on with another
///
/// A worker whose journal is not its queue's makes no call for a message that was handed out before and that its journal knows
/// nothing of: nobody knows how far it got, and it goes to dead as history_lost. After this it takes such a message for one that
/// was never begun, and runs it from its first step. Calls that were made under the other journal are then made again.
#[derive(Debug, Args)]
pub(in super::super) struct AdoptArgs {
    /// Do it; without this nothing is changed
    #[arg(long)]
    yes: bool,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// A work queue, and what lay in the queue of its claim.
struct Queue<'a> {
    name: &'a str,
    before: Found,
}

pub(super) async fn adopt(config: &Config, args: &AdoptArgs) -> Exit {
    let journal = match open(config).and_then(|reader| reader.stats().map_err(|why| explain(&why))) {
        Ok(stats) => stats.identity,
        Err(exit) => return exit,
    };
    let client = match connect(config).await {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let exit = match look(&client, config).await {
        Ok(queues) => carry_out(&client, config, args, &journal, &queues).await,
        Err(why) => fail(why),
    };
    client.close().await;
    exit
}

/// Why it was not done.
enum Obstacle {
    /// A worker works on the queue.
    Locked(String),
    Client(ClientError),
}

impl From<ClientError> for Obstacle {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

/// Takes every queue's lock first: a worker that works, or starts meanwhile, is not to find its claim changed.
async fn look<'a>(client: &Client, config: &'a Config) -> Result<Vec<Queue<'a>>, Obstacle> {
    for queue in &config.queues {
        if !client.lock(&queue.name).await? {
            return Err(Obstacle::Locked(queue.name.clone()));
        }
    }
    let mut queues = Vec::new();
    for queue in &config.queues {
        queues.push(Queue { name: &queue.name, before: client.claim(&queue.name).await? });
    }
    Ok(queues)
}

async fn carry_out(client: &Client, config: &Config, args: &AdoptArgs, journal: &str, queues: &[Queue<'_>]) -> Exit {
    let foreign: Vec<&Queue<'_>> = queues.iter().filter(|queue| !queue.is_known_to(journal)).collect();
    if args.yes {
        for queue in &foreign {
            if let Err(why) = client.adopt(queue.name, journal, &config.worker.id).await {
                return fail(why.into());
            }
        }
    }
    let done = args.yes || foreign.is_empty();
    let shown = if args.json { vec![report(journal, args.yes, queues)] } else { lines(journal, args.yes, queues) };
    match page::print(&shown) {
        Exit::Done if !done => Exit::Usage,
        exit => exit,
    }
}

impl Queue<'_> {
    /// Whether there is nothing to be adopted.
    fn is_known_to(&self, journal: &str) -> bool {
        matches!(&self.before, Found::Claim(claim) if claim.journal == journal && !claim.history_lost)
    }
}

fn lines(journal: &str, yes: bool, queues: &[Queue<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    for queue in queues {
        let name = plain(queue.name);
        let before = match &queue.before {
            Found::Nothing => "was claimed by no journal".to_owned(),
            Found::Unreadable => "was claimed by something that is no claim".to_owned(),
            Found::Claim(claim) => format!("was claimed by {}", told(claim, journal)),
        };
        lines.push(match (queue.is_known_to(journal), yes) {
            (true, _) => format!("{} {name} is this journal's already", "✔".green()),
            (false, true) => format!("{} {name} {before}; now it is this journal's", "✔".green()),
            (false, false) => format!("{} {name} {before}", "…".yellow()),
        });
    }
    lines.push(format!("This journal is {}.", plain(journal)));
    if queues.iter().any(|queue| !queue.is_known_to(journal)) {
        let what = "A message of these queues that was handed out before, and that this journal knows nothing of,";
        lines.push(if yes {
            format!("{what} is run from its first step.")
        } else {
            format!(
                "{what} goes to dead as history_lost. With --yes it is run from its first step instead: calls that were made for it \
                 under another journal are made again. Nothing was changed."
            )
        });
    }
    lines
}

fn told(claim: &Claim, journal: &str) -> String {
    let whose = if claim.journal == journal { "this journal".to_owned() } else { format!("journal {}", claim.journal) };
    let lost = if claim.history_lost { ", after another one" } else { "" };
    format!("{whose}{lost} (worker {}, {})", claim.worker, claim.since)
}

fn report(journal: &str, yes: bool, queues: &[Queue<'_>]) -> String {
    let entry = |queue: &Queue<'_>| {
        let before = match &queue.before {
            Found::Nothing => Value::Null,
            Found::Unreadable => json!("unreadable"),
            Found::Claim(claim) => json!({
                "journal": claim.journal,
                "history_lost": claim.history_lost,
                "worker": claim.worker,
                "since": claim.since,
            }),
        };
        let known = queue.is_known_to(journal);
        json!({"queue": queue.name, "before": before, "adopted": yes && !known, "known": yes || known})
    };
    let queues: Vec<Value> = queues.iter().map(entry).collect();
    json_line(&json!({"schema": "cxchain.journal-adopt.v1", "journal": journal, "queues": queues}))
}

fn fail(why: Obstacle) -> Exit {
    let (what, hint, exit) = match why {
        Obstacle::Locked(queue) => (
            format!("a worker works on queue {queue}: it holds cxchain.lock.{queue}"),
            Some("Stop it first; it would go on by what it has found when it started."),
            Exit::Configuration,
        ),
        Obstacle::Client(why) => {
            let (hint, exit) = match &why {
                ClientError::NoQueue(_) | ClientError::NoExchange(_) => (
                    Some("A worker makes it when it starts, and so does `cxchain topology apply`."),
                    Exit::Configuration,
                ),
                ClientError::Forbidden(_) => {
                    (Some("docs/OPERATIONS.md has the permissions that this needs."), Exit::Configuration)
                }
                ClientError::Connect(_) | ClientError::NotTaken(_) | ClientError::Broker(_) => {
                    (None, Exit::Unreachable)
                }
            };
            (why.to_string(), hint, exit)
        }
    };
    say!("{} {}", "error:".red().bold(), plain(what));
    if let Some(hint) = hint {
        say!("{hint}");
    }
    exit
}
