//! The way to `deploy/dev-broker`, which knows how a RabbitMQ is run.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/dev-broker")
}

/// Runs a subcommand and answers with its output, trimmed.
pub async fn run(args: &[&str]) -> String {
    let done = tokio::process::Command::new(path()).args(args).stdin(Stdio::null()).output().await;
    let done = done.unwrap_or_else(|error| panic!("cannot run {}: {error}", path().display()));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "dev-broker {} failed: {}\n{said}", args.join(" "), done.status);
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A process that removes a broker when this value is dropped, or when this process ends in whatever way: it waits for
/// the end of its input, and the kernel closes that. Process exit runs no destructor of a `static`, SIGKILL none at all.
pub struct Guard(Child);

impl Guard {
    /// `dev-broker guard ARGS…`
    pub fn spawn(args: &[&str]) -> Self {
        let child = Command::new(path())
            .arg("guard")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", path().display()));
        Self(child)
    }

    /// Waits for the URL of the broker that it has started.
    pub fn url(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.0.stdout.take().expect("the URL is read once");
        BufReader::new(stdout).read_line(&mut line).expect("the guard's output is text");
        assert!(!line.is_empty(), "the broker did not start: see dev-broker's message above");
        line.trim().to_owned()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Whether a broker answers there.
pub async fn answers(host: &str, port: u16) -> bool {
    let port = port.to_string();
    let asked = tokio::process::Command::new(path()).args(["version", host, &port]).stdin(Stdio::null()).output().await;
    asked.is_ok_and(|done| done.status.success())
}
