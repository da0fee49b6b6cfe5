//! The commands as a person meets them: what they say, and what they end with.

#[path = "../support/mod.rs"]
mod support;

mod check;
mod config;
mod demo;
mod platforms;
mod run;
mod simulate;
mod submit;
mod unreachable;
mod usage;

use std::process::Stdio;
use std::time::Duration;

use support::unique;
use support::worker::cxchain;
use tokio::io::AsyncWriteExt as _;

/// A chain of one step that nothing is wrong with.
const GOOD: &str = r#"{"chain_id": "good-chain", "steps": [{"action_id": "da-good"}]}"#;

/// Three problems in three lines.
const BAD: &str = r#"{"chain_id": "a b",
 "steps": [{"action_id": "da-bad", "on_faliure": "abort"},
  {"action_id": "da-bad", "payload": {"secret": "canary-7a"}}]}"#;

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    said: String,
}

/// Runs a command to its end.
async fn run(arguments: &[&str], env: &[(String, String)], input: &str) -> Ended {
    let mut command = cxchain(env);
    let home = tempfile::TempDir::new().expect("a temporary directory");
    command.current_dir(home.path());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("cxchain starts");
    let mut stdin = child.stdin.take().expect("piped");
    // Whoever does not read it has closed it.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let done = tokio::time::timeout(Duration::from_secs(120), child.wait_with_output()).await;
    let done = done.unwrap_or_else(|_| panic!("{arguments:?} does not end")).expect("it can be waited for");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: done.status.code().unwrap_or(-1), out: text(&done.stdout), said: text(&done.stderr) }
}

/// Runs a command that needs no configuration.
async fn plain(arguments: &[&str]) -> Ended {
    run(arguments, &[], "").await
}

/// A file of the test's own, removed with the value.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = std::env::temp_dir().join(unique(name));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the name is ours")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn env(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(key, value)| (format!("CXCHAIN__{key}"), (*value).to_owned())).collect()
}
