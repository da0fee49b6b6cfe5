//! Canaries in everything that is secret or somebody's data: they may be where they belong, and nowhere else.

#[path = "../support/mod.rs"]
mod support;

mod door;
mod files;
mod life;
mod outside;

/// Begins every canary.
const CANARY: &str = "canary";
/// Begins every token that the simulator issues.
const TOKEN: &str = "simulated-token";

/// Fails with the lines that hold what they must not.
fn assert_clean(what: &str, text: &str) {
    let bad: Vec<&str> = text.lines().filter(|line| line.contains(CANARY) || line.contains(TOKEN)).collect();
    assert!(bad.is_empty(), "{what}:\n{}", bad.join("\n"));
}
