//! `cxchain worker`.

use std::{io, process, thread};

use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Exit, signals};
use crate::app::{Running, StartError, WorkError};
use crate::config::{Config, LogFormat, LogLevel};
use crate::ops;
use crate::worker::Drained;

#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// Ends at once, like one that is killed, when standard input does: for a parent that may itself be killed
    #[arg(long, hide = true)]
    pub(super) leashed: bool,
}

pub(super) async fn worker(config: Config, args: WorkerArgs) -> Exit {
    if args.leashed {
        thread::spawn(|| {
            // However it ends: nobody holds the other end any more.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            process::exit(i32::from(Exit::Killed.code()));
        });
    }
    start_logs(&config);
    for warning in config.warnings() {
        warn!("{warning}");
    }
    let stop = CancellationToken::new();
    if let Err(why) = signals::watch(stop.clone()) {
        error!("signals cannot be handled: {why}");
        return Exit::Internal;
    }
    let starting = Running::start(&config, stop.clone());
    let running = tokio::select! {
        () = stop.cancelled() => {
            info!("worker stopped before it had begun");
            return Exit::Done;
        }
        started = starting => match started {
            Ok(running) => running,
            Err(why) => {
                error!("{why}");
                return exit(&why);
            }
        },
    };
    match running.work().await {
        Ok(Drained::Clean) => {
            info!("worker stopped: everything in hand is settled");
            Exit::Done
        }
        Ok(Drained::CutShort { runs }) => {
            error!(runs, "worker stopped before everything in hand was settled; the broker hands it out again");
            Exit::NotCompleted
        }
        Err(why @ WorkError::Locked(_)) => {
            error!("worker stopped, and what was in hand goes back to the queue: {why}");
            Exit::Configuration
        }
        Err(why @ WorkError::Journal(_)) => {
            error!("worker stopped, and what was in hand goes back to the queue: {why}");
            Exit::Internal
        }
    }
}

pub(super) fn exit(why: &StartError) -> Exit {
    match why {
        StartError::Connect(_) | StartError::Gone(_) => Exit::Unreachable,
        StartError::Topology(_) | StartError::Locked(_) | StartError::Limit { .. } | StartError::Listen { .. } => {
            Exit::Configuration
        }
        StartError::Journal(file) if file.is_configuration() => Exit::Configuration,
        StartError::Cxone(_) | StartError::Journal(_) => Exit::Internal,
    }
}

pub(super) fn start_logs(config: &Config) {
    let level = match config.telemetry.log {
        LogLevel::Off => ops::Level::Off,
        LogLevel::Error => ops::Level::Error,
        LogLevel::Warn => ops::Level::Warn,
        LogLevel::Info => ops::Level::Info,
        LogLevel::Debug => ops::Level::Debug,
        LogLevel::Trace => ops::Level::Trace,
    };
    let format = match config.telemetry.format {
        LogFormat::Pretty => ops::Format::Pretty,
        LogFormat::Json => ops::Format::Json,
    };
    ops::init(level, format);
}
