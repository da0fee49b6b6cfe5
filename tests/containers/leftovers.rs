//! What is left of a stack whose test is over.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::docker::docker;
use super::image;
use super::stack::Stack;
use super::support::eventually;
use super::traffic::SOON;

/// This very test is the process that is killed: as a child of itself it starts a stack, says so, and waits for its end.
#[tokio::test]
async fn nothing_is_left_of_a_stack_whose_test_is_killed() {
    const CHILD: &str = "CXCHAIN_TEST_TO_BE_KILLED";
    if std::env::var_os(CHILD).is_some() {
        let stack = Stack::of_the_built_image().await;
        println!("\nstarted {} {}", stack.project(), stack.secrets().display());
        std::future::pending::<()>().await;
    }
    image::built().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leftovers::nothing_is_left_of_a_stack_whose_test_is_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.expect("text"));
        let started = lines.find_map(|line| line.strip_prefix("started ").map(str::to_owned)).expect("a started stack");
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        started
    })
    .await
    .unwrap();
    let (project, secrets) = started.split_once(' ').unwrap();
    eventually("its containers, network and volume are gone", SOON, async || {
        left_of(project).await.is_empty().then_some(())
    })
    .await;
    eventually("its secrets are gone", SOON, async || (!Path::new(secrets).exists()).then_some(())).await;
}

async fn left_of(project: &str) -> String {
    let of_it = format!("label=com.docker.compose.project={project}");
    let mut left = docker(&["ps", "--all", "--quiet", "--filter", &of_it]).await;
    for kind in ["network", "volume"] {
        left += &docker(&[kind, "ls", "--quiet", "--filter", &of_it]).await;
    }
    left
}
