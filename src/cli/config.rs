//! `cxchain config show|check`.

use std::path::Path;

use clap::Subcommand;
use owo_colors::OwoColorize;

use super::{Exit, load};
use crate::config::JournalKind;
use crate::journal::sqlite::check_place;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every key with its value and where that came from
    Show {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say everything that is wrong with it
    Check,
}

pub(super) fn config(path: Option<&Path>, command: &ConfigCommand) -> Exit {
    let config = match load(path) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match command {
        ConfigCommand::Show { json: false } => tell!("{}", config.shown().to_string().trim_end()),
        ConfigCommand::Show { json: true } => tell!("{}", config.shown_json()),
        ConfigCommand::Check => {
            if config.journal.kind == JournalKind::Sqlite
                && let Err(why) = check_place(&config.journal.path)
            {
                say!("{why}");
                return Exit::Configuration;
            }
            for warning in config.warnings() {
                say!("{} {warning}", "warning:".yellow().bold());
            }
            let (queues, tenants) = (config.queues.len(), config.tenants.len());
            tell!("The configuration is good: {queues} work queue(s), {tenants} tenant(s).");
        }
    }
    Exit::Done
}
