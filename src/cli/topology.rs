//! `cxchain topology apply|check|print`.

use clap::Subcommand;
use owo_colors::OwoColorize;

use super::Exit;
use super::text::{fit_json, plain, plain_lines};
use crate::amqp::{Client, ConnectError, Declared, Retry, TopologyError};
use crate::app;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum TopologyCommand {
    /// Declare what is missing; fail where something differs
    Apply,
    /// Compare the broker with what is wanted, changing nothing
    Check {
        /// As a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print what is wanted
    Print {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn topology(config: Config, command: TopologyCommand) -> Exit {
    let topology = app::topology(&config);
    if let TopologyCommand::Print { json } = command {
        if json {
            tell!("{}", serde_json::to_string_pretty(&topology).unwrap_or_default());
        } else {
            tell!("{}", topology.to_string().trim_end());
        }
        return Exit::Done;
    }
    let client = match connect(&config).await {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let answer = match command {
        TopologyCommand::Apply => client.apply(&topology).await.map(|()| {
            tell!("Everything is declared.");
            Exit::Done
        }),
        TopologyCommand::Check { json } => client.check(&topology).await.map(|found| report(&found, json)),
        TopologyCommand::Print { .. } => Ok(Exit::Done),
    };
    client.close().await;
    answer.unwrap_or_else(|why| refused(&why))
}

/// Says why the broker does not have what is wanted.
pub(super) fn refused(why: &TopologyError) -> Exit {
    say!("{} {}", "error:".red().bold(), plain_lines(why));
    match why {
        TopologyError::Mismatch(_) | TopologyError::Forbidden(_) => Exit::Configuration,
        TopologyError::Connection(_) => Exit::Unreachable,
    }
}

pub(super) async fn connect(config: &Config) -> Result<Client, Exit> {
    let connected = Client::connect(&app::link(config, "command"), Retry::Once).await;
    connected.map_err(|why: ConnectError| {
        say!("{} {}", "error:".red().bold(), plain(why));
        say!("The configuration has it in broker.url; the environment can set CXCHAIN__BROKER__URL.");
        Exit::Unreachable
    })
}

fn report(found: &[(String, Declared)], json: bool) -> Exit {
    let good = found.iter().all(|(_, state)| matches!(state, Declared::AsWanted | Declared::There));
    if json {
        let list: Vec<_> =
            found.iter().map(|(object, state)| serde_json::json!({"object": object, "is": state})).collect();
        tell!("{}", fit_json(&serde_json::to_string_pretty(&list).unwrap_or_default()));
    } else {
        for (object, state) in found {
            match state {
                Declared::AsWanted => tell!("{} {object}", "✔".green()),
                Declared::There => tell!("{} {object} (this user may not compare it)", "✔".green()),
                Declared::Missing => tell!("{} {object} is missing", "✖".red()),
                Declared::Differs(mismatch) => tell!("{} {}", "✖".red(), plain(mismatch)),
            }
        }
        tell!("{}", "Bindings cannot be looked at over AMQP; `cxchain topology apply` makes them.".dimmed());
        if !good {
            tell!(
                "\n`cxchain topology apply` makes what is missing. RabbitMQ cannot change what differs: delete it, or choose \
                 another name in the configuration."
            );
        }
    }
    if good { Exit::Done } else { Exit::Configuration }
}
