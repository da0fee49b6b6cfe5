//! `cxchain simulate`: says where it is, and stops when told to.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Child;

use super::plain;
use super::support::SOON;
use super::support::worker::cxchain;

/// Starts it on a free port; its output follows the first line.
async fn start(arguments: &[&str]) -> (Child, BufReader<tokio::process::ChildStdout>, String) {
    let mut command = cxchain(&[]);
    command.args(["simulate", "--listen", "127.0.0.1:0"]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("cxchain starts");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    let read = tokio::time::timeout(SOON, out.read_line(&mut line)).await;
    read.expect("it says something soon").expect("text");
    (child, out, line)
}

async fn stop(mut child: Child, mut out: BufReader<tokio::process::ChildStdout>, signal: &str) -> String {
    let pid = child.id().expect("it runs").to_string();
    let killed = tokio::process::Command::new("kill").args(["-s", signal, &pid]).status().await.expect("kill runs");
    assert!(killed.success());
    let mut rest = String::new();
    tokio::time::timeout(SOON, out.read_to_string(&mut rest)).await.expect("it ends soon").expect("text");
    assert_eq!(child.wait().await.expect("it can be waited for").code(), Some(0));
    rest
}

#[tokio::test]
async fn it_prints_its_url_first_and_ends_with_0_at_a_signal() {
    for signal in ["TERM", "INT"] {
        let (child, out, line) = start(&["--client-secret", "canary-70", "--access-key-secret", "canary-71"]).await;
        let url = line.trim().strip_prefix("CXone simulator at ").unwrap_or_else(|| panic!("{line}"));
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        let rest = stop(child, out, signal).await;
        assert!(rest.contains(&format!("base_url = \"{url}\"")), "a configuration to copy: {rest}");
        assert!(rest.contains("0 calls"), "a summary: {rest}");
        assert!(!rest.contains("canary"), "{rest}");
    }
}

#[tokio::test]
async fn as_json_every_line_is_an_object() {
    let (child, out, line) = start(&["--json", "--limit", "10/1s"]).await;
    let listening: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!((&listening["event"], &listening["limits"]), (&"listening".into(), &serde_json::json!(["10/1s"])));
    let rest = stop(child, out, "TERM").await;
    let summary: Value =
        rest.lines().map(|line| serde_json::from_str(line).expect("JSON")).next_back().expect("a summary");
    assert_eq!(summary["event"], "summary");
}

#[tokio::test]
async fn an_address_that_is_taken_ends_with_69() {
    let (child, out, line) = start(&["--json"]).await;
    let listening: Value = serde_json::from_str(&line).expect("JSON");
    let address = listening["url"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let ended = plain(&["simulate", "--listen", address]).await;
    assert_eq!(ended.code, 69);
    assert!(ended.said.contains(&format!("cannot listen at {address}")), "{}", ended.said);
    stop(child, out, "TERM").await;
}

/// What it prints to be copied is a configuration.
#[tokio::test]
async fn the_configuration_that_it_prints_is_good() {
    for api in ["data-actions", "cxone", "genesys"] {
        let (child, out, _) = start(&["--api", api]).await;
        let rest = stop(child, out, "TERM").await;
        let from = rest.find("[tenants.default]").expect("a configuration");
        let to = rest.find("0 calls").expect("a summary");
        assert!(rest[from..to].contains(&format!("api = \"{api}\"")), "{rest}");
        let file = super::File::new("config.toml", &rest[from..to]);
        let ended = plain(&["--config", file.path(), "config", "check"]).await;
        assert_eq!(ended.code, 0, "{}\n{}", &rest[from..to], ended.said);
    }
}
