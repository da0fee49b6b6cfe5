//! On a terminal: colours unless nobody wants them, and as much as its columns hold. `script` runs a command on one.

use std::process::Stdio;

use tokio::process::Command;

use super::support::worker::CXCHAIN;
use super::{Stage, acknowledged, stage, submit};

async fn on_a_terminal(stage: &Stage, columns: u16, no_color: bool, arguments: &str) -> String {
    let mut command = Command::new("script");
    command.envs(stage.env()).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null()).kill_on_drop(true);
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let line = format!("stty cols {columns} && {CXCHAIN} {arguments}");
    let done = command.args(["-qec", &line, "/dev/null"]).output().await.expect("script(1) is there");
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{shown}");
    shown.replace("\r\n", "\n")
}

#[tokio::test]
async fn a_terminal_gets_colours_and_lines_that_fit() {
    let stage = stage(&["da-a=status:503,times:1"]).await;
    let _worker = stage.worker().await;
    submit(&stage, "shown", &["da-a", "da-b"]).await;
    acknowledged(&stage, "shown").await;
    for command in ["trace shown", "runs", "journal stats"] {
        let narrow = on_a_terminal(&stage, 56, true, command).await;
        assert!(!narrow.contains('\u{1b}'), "{command}: NO_COLOR is obeyed: {narrow}");
        assert!(!narrow.contains('█'), "{command}: {narrow}");
    }
    let colours = on_a_terminal(&stage, 100, false, "trace shown").await;
    assert!(colours.contains("\u{1b}[32m✔ success\u{1b}") && colours.contains('█'), "{colours}");

    let wide = on_a_terminal(&stage, 220, true, "runs").await;
    assert_eq!(wide.lines().count(), 2, "{wide}");
    let narrow = on_a_terminal(&stage, 56, true, "runs").await;
    let lines: Vec<&str> = narrow.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1]), (4, "■ shown", "    completed"), "{narrow}");
}
