//! A command line that is wrong, and help for it.

use super::plain;

#[tokio::test]
async fn a_wrong_command_line_ends_with_2_and_says_why() {
    for (arguments, why) in [
        (&[][..], "Usage: cxchain"),
        (&["wroker"], "a similar subcommand exists: 'worker'"),
        (&["check"], "<FILE>"),
        (&["check", "--jsno", "x"], "--json"),
        (&["submit"], "<FILE>"),
        (&["submit", "x", "--run-id", "a b"], "1 to 128 characters"),
        (&["submit", "x", "--wait", "--timeout", "soon"], "--timeout"),
        (&["topology"], "apply"),
        (&["topology", "destroy"], "unrecognized"),
        (&["config"], "show"),
        (&["trace"], "<RUN_ID>"),
        (&["trace", "a b"], "1 to 128 characters"),
        (&["runs", "--status", "done"], "a run ends completed, terminated_early"),
        (&["runs", "--open", "--status", "completed"], "cannot be used with"),
        (&["journal"], "prune"),
        (&["journal", "prune", "--older-than", "old"], "--older-than"),
        (&["simulate", "--listen", "nowhere", "--latency", "fast"], "--latency"),
    ] {
        let ended = plain(arguments).await;
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
        assert!(ended.said.contains(why), "{arguments:?}: {}", ended.said);
        assert_eq!(ended.out, "", "{arguments:?}");
    }
}

#[tokio::test]
async fn help_names_every_command_and_exit_code() {
    let ended = plain(&["--help"]).await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    for command in ["worker", "demo", "submit", "check", "runs", "trace", "journal", "topology", "simulate", "config"] {
        assert!(ended.out.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {}", ended.out);
        let of_it = plain(&[command, "--help"]).await;
        assert_eq!(of_it.code, 0);
        assert!(of_it.out.contains(&format!("Usage: cxchain {command}")), "{}", of_it.out);
    }
    for code in ["0", "1", "2", "3", "69", "70", "78", "143"] {
        let is_it = |line: &str| line.trim_start().starts_with(&format!("{code}  "));
        assert!(ended.out.lines().any(is_it), "{code}: {}", ended.out);
    }
    assert!(ended.out.lines().all(|line| line.chars().count() <= 110), "{}", ended.out);
}

#[tokio::test]
async fn the_version_is_the_crates() {
    let ended = plain(&["--version"]).await;
    assert_eq!((ended.code, ended.out), (0, format!("cxchain {}\n", env!("CARGO_PKG_VERSION"))));
}
