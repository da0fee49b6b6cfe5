//! Logs go to standard error: cxchain's own at the configured level, other crates' from `warn` up. No payload, response or
//! secret is in any of them, at any level.
//!
//! Every line about a run is in the span `run` (run_id, chain_id, tenant, queue), every line about a step in `step` (step_id,
//! action_id, attempt) within it. A failure is told once, where it is settled: a run that did not complete on one line at `warn`,
//! a step that failed in a chain that goes on at `info`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// `telemetry.log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Off,
    /// What needs a person.
    Error,
    /// What did not go well.
    Warn,
    /// What happened.
    Info,
    /// Why.
    Debug,
    /// Everything.
    Trace,
}

/// `telemetry.format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Pretty,
    /// For machines: one JSON object a line.
    Json,
}

impl Level {
    fn directive(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Starts logging for this process. A second call changes nothing.
pub fn init(level: Level, format: Format) {
    let others = match level {
        Level::Off => "off",
        Level::Error => "error",
        Level::Warn | Level::Info | Level::Debug | Level::Trace => "warn",
    };
    // lapin logs returned messages with their payloads, and an ordinary goodbye as an error. What matters of it we tell
    // ourselves.
    let directives = format!("{others},lapin=off,cxchain={}", level.directive());
    let filter = EnvFilter::new(directives);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        Format::Pretty => {
            let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            registry.with(fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(ansi)).try_init()
        }
        Format::Json => {
            // The innermost span is the last of the list: once is enough.
            let json = fmt::layer().json().flatten_event(true).with_current_span(false);
            registry.with(json.with_writer(std::io::stderr)).try_init()
        }
    };
    // Only a second call fails, and the first one's choice stands.
    let _ = started;
}
