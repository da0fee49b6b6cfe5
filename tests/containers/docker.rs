//! `docker` and the scripts of deploy/, run to their end.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::process::Command;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn script(name: &str) -> PathBuf {
    root().join("deploy").join(name)
}

/// What it printed.
///
/// # Panics
/// When it fails, with what it said.
pub(crate) async fn run(command: &mut Command) -> String {
    let done = output(command).await;
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{:?}: {}\n{out}\n{err}", command.as_std(), done.status);
    out
}

pub(crate) async fn output(command: &mut Command) -> Output {
    let done = command.current_dir(root()).stdin(Stdio::null()).output().await;
    done.unwrap_or_else(|error| panic!("{:?} cannot be run: {error}", command.as_std()))
}

/// `docker ARGS…`
pub(crate) async fn docker(args: &[&str]) -> String {
    run(Command::new("docker").args(args)).await.trim().to_owned()
}

/// What `docker inspect` tells of a container, an image, a network or a volume.
pub(crate) async fn inspect(id: &str) -> Value {
    let told: Value = serde_json::from_str(&docker(&["inspect", id]).await).expect("docker inspect prints JSON");
    told[0].clone()
}

/// Everything that a container has said.
pub(crate) async fn log(id: &str) -> String {
    let done = output(Command::new("docker").args(["logs", id])).await;
    assert!(done.status.success(), "docker logs {id}: {}", done.status);
    text(&done.stdout) + &text(&done.stderr)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
