//! What somebody learns who may look at the stack from outside: not its secrets.

use std::os::unix::fs::PermissionsExt as _;

use super::docker::{docker, inspect, log, run};
use super::image::IMAGE;
use super::stack::Stack;

#[tokio::test]
async fn no_secret_is_seen_from_outside() {
    let stack = Stack::shared().await;
    run(stack.script().arg("samples")).await;
    let mut seen = Vec::new();
    for service in ["rabbitmq", "simulator", "worker-1", "worker-2"] {
        let container = stack.container(service).await;
        let said = log(&container).await;
        assert!(said.lines().count() > 1, "{service} has a log: {said}");
        seen.push((format!("the log of {service}"), said));
        seen.push((format!("docker inspect {service}"), inspect(&container).await.to_string()));
        seen.push((format!("docker top {service}"), docker(&["top", &container, "-eo", "pid,user,comm"]).await));
    }
    seen.push(("docker inspect of the image".to_owned(), inspect(IMAGE).await.to_string()));
    seen.push(("docker history".to_owned(), docker(&["history", "--no-trunc", IMAGE]).await));
    for secret in secrets(stack) {
        for (what, text) in &seen {
            assert!(!text.contains(&secret), "a secret is in {what}");
        }
    }
}

/// The client's secret, the broker's password and the URL that holds it.
fn secrets(stack: &Stack) -> Vec<String> {
    let file = |name: &str| std::fs::read_to_string(stack.secrets().join(name)).unwrap().trim().to_owned();
    let url = file("amqp_url");
    let password = url.split_once("amqp://cxchain:").and_then(|(_, rest)| rest.split_once('@')).unwrap().0.to_owned();
    assert!(file("rabbitmq.conf").contains(&password));
    let all = vec![file("client_secret"), password, url];
    assert!(all.iter().all(|secret| secret.len() >= 32), "long enough to be found, and not to be guessed");
    all
}

#[tokio::test]
async fn no_other_user_of_the_host_gets_at_the_secrets() {
    let stack = Stack::shared().await;
    let mode = std::fs::metadata(stack.secrets()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
