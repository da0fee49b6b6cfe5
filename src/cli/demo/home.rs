//! Where the demo's workers live: a temporary directory with their configuration and their journal, gone with the value.
//!
//! The demo reads that configuration itself, so that it follows and cleans up what its workers work on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::config::Config;
use crate::simulator::{Simulator, SimulatorSettings};

/// The one setting that is not in the file, because it is a secret of the user's.
pub(super) const BROKER_URL: &str = "CXCHAIN__BROKER__URL";

/// Why there is no home for the workers.
#[derive(Debug, thiserror::Error)]
pub(super) enum HomeError {
    #[error("The demo's worker needs a temporary directory: {0}")]
    Directory(#[from] io::Error),
    #[error("The demo's configuration: {0}")]
    Configuration(String),
}

/// The directory, and what is configured in it.
pub(super) struct Home {
    directory: TempDir,
    /// As every worker in here reads it.
    pub(super) config: Config,
}

impl Home {
    /// Of `users` only the way to the broker is taken: the demo's names, limits and platform are its own.
    pub(super) fn new(users: &Config, simulator: &Simulator) -> Result<Self, HomeError> {
        let directory = TempDir::with_prefix("cxchain-demo-")?;
        let text = toml::to_string(&settings(users, simulator, &directory.path().join("cxchain.db")))
            .map_err(|why| HomeError::Configuration(why.to_string()))?;
        let file = file_in(directory.path());
        fs::write(&file, text)?;
        let url = users.broker.url.expose_secret();
        let config = Config::load(Some(&file), [(BROKER_URL, url)])
            .map_err(|problems| HomeError::Configuration(problems.to_string()))?;
        Ok(Self { directory, config })
    }

    /// Where everything lies.
    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The configuration.
    pub(super) fn file(&self) -> PathBuf {
        file_in(self.path())
    }

    /// Removes it. No worker lives in it any more.
    pub(super) fn remove(self) -> io::Result<()> {
        self.directory.close()
    }
}

fn file_in(directory: &Path) -> PathBuf {
    directory.join("demo.toml")
}

fn settings(users: &Config, simulator: &Simulator, journal: &Path) -> Value {
    let name = format!("cxchain-demo-{}", std::process::id());
    let platform = SimulatorSettings::default();
    json!({
        "worker": {
            // Nobody who has asked for the end of a demo wants to wait for a worker's full drain.
            "drain_timeout": "10s",
        },
        "broker": {
            "heartbeat": format!("{}s", users.broker.heartbeat.as_secs()),
            // The demo has done it: nothing that a dying worker still has on its way declares anything again.
            "declare": false,
            "tls": tls(users),
        },
        "queues": [{"name": format!("{name}.chains"), "tenant": "default"}],
        "exchanges": {
            "results": format!("{name}.results"),
            "audit": format!("{name}.audit"),
            "dead": format!("{name}.dead"),
            "control": format!("{name}.control"),
        },
        "logs": {"audit": "", "results": ""},
        "journal": {"kind": "sqlite", "path": journal},
        // The live view tells what goes wrong in a run; the log only what goes wrong with the demo.
        "telemetry": {"log": "error", "format": "pretty"},
        "ops": {"listen": ""},
        "tenants": {"default": {
            "base_url": simulator.url(),
            "auth": {
                "token_url": simulator.token_url(),
                "client_id": platform.client_id,
                "client_secret": platform.client_secret,
            },
            "limits": [{"limit": 10, "per": "1s", "burst": 2}],
            "jobs": {"poll": "400ms"},
        }},
    })
}

/// `[broker.tls]` of the user's configuration; a path in it may be relative to where the demo was started.
fn tls(users: &Config) -> Map<String, Value> {
    let files = &users.broker.tls;
    let identity = files.identity.as_ref();
    let keys = [
        ("ca_file", files.authorities.as_ref()),
        ("cert_file", identity.map(|identity| &identity.chain)),
        ("key_file", identity.map(|identity| &identity.key)),
    ];
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    keys.into_iter().filter_map(|(key, path)| Some((key.to_owned(), json!(absolute(path?))))).collect()
}

/// Whether a variable would configure a worker.
pub(super) fn configures(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("CXCHAIN__")
}
