//! What a process of cxchain may do in its container: nothing that it does not need.

use tokio::process::Command;

use super::docker::{docker, output, text};
use super::stack::Stack;

const OURS: [&str; 3] = ["simulator", "worker-1", "worker-2"];

#[tokio::test]
async fn it_is_nobody_in_particular_and_can_become_nobody_else() {
    let stack = Stack::shared().await;
    for service in OURS {
        let status = docker(&["exec", &stack.container(service).await, "cat", "/proc/1/status"]).await;
        let of = |name: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {status}"));
            line.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("Uid"), "10001 10001 10001 10001", "{service}");
        assert_eq!(of("Gid"), "10001 10001 10001 10001", "{service}");
        for capabilities in ["CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(of(capabilities), "0000000000000000", "{service}: {capabilities}");
        }
        assert_eq!(of("NoNewPrivs"), "1", "{service}");
    }
}

/// Not even root could.
#[tokio::test]
async fn it_cannot_write_to_its_file_system() {
    let stack = Stack::shared().await;
    for service in OURS {
        let container = stack.container(service).await;
        for file in ["/probe", "/tmp/probe", "/var/lib/probe", "/usr/local/bin/probe", "/run/secrets/client_secret"] {
            let touch = ["exec", "--user", "0", &container, "touch", file];
            let touched = output(Command::new("docker").args(touch)).await;
            let said = text(&touched.stderr);
            assert!(!touched.status.success(), "{service} can write {file}");
            assert!(said.contains("Read-only file system"), "{service}, {file}: {said}");
        }
    }
}
