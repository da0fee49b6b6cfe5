//! `cxchain journal stats|prune|adopt`, and the way of all commands to the journal's file.

mod adopt;
mod prune;
mod stats;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use owo_colors::OwoColorize;

use super::Exit;
use super::text::plain;
use crate::chain::stamp::Millis;
use crate::config::{Config, JournalKind};
use crate::journal::sqlite::{FileError, Reader};
use crate::ports::{Clock as _, SystemClock};

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// What it holds, and what room that takes
    Stats {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    Prune(prune::PruneArgs),
    Adopt(adopt::AdoptArgs),
}

pub(super) async fn journal(config: &Config, command: &JournalCommand) -> Exit {
    match command {
        JournalCommand::Stats { json } => stats::stats(config, *json),
        JournalCommand::Prune(args) => prune::prune(config, args),
        JournalCommand::Adopt(args) => adopt::adopt(config, args).await,
    }
}

/// The journal's file, opened to be read.
///
/// # Errors
/// How the command ends, which has been said.
pub(super) fn open(config: &Config) -> Result<Reader, Exit> {
    Reader::open(file(config)?).map_err(|why| explain(&why))
}

/// Where the configuration has the journal's file.
///
/// # Errors
/// As [`open`].
fn file(config: &Config) -> Result<&Path, Exit> {
    if config.journal.kind == JournalKind::Memory {
        let what = "journal.kind is memory: run logs are in the worker's memory and gone with it; no other process can read them";
        say!("{} {what}", "error:".red().bold());
        say!("A journal that can be read is kind = \"sqlite\"; --config names another configuration.");
        return Err(Exit::Configuration);
    }
    Ok(&config.journal.path)
}

/// Says why the file cannot be used.
pub(super) fn explain(why: &FileError) -> Exit {
    say!("{} {}", "error:".red().bold(), plain(why));
    if let FileError::Missing { path } = why {
        let place = absolute(Path::new(path));
        say!(
            "It was looked for at {}; --config names another configuration, CXCHAIN__JOURNAL__PATH another file.",
            plain(place.display())
        );
    }
    if why.is_configuration() { Exit::Configuration } else { Exit::Internal }
}

/// As somebody elsewhere would have to name it.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) fn now() -> Millis {
    Millis::of(SystemClock.now())
}
