//! RLIMIT_NOFILE of the worker.

use super::*;
use crate::support::Broker;

fn limits(worker: &Worker) -> Vec<String> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", worker.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().take(2).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn the_soft_limit_is_raised_and_a_hard_limit_that_is_too_low_is_named() {
    let _busy = QUIET.read().await;
    let mut stage = Stage::new(Broker::shared().await, taking(Duration::ZERO)).await;
    stage.set("tenants.default.max_concurrent", "400");
    let mut worker = Worker::spawn_after("ulimit -Sn 200 && ulimit -Hn 500", &stage.env());
    worker.consuming(1, SOON).await;
    assert_eq!(limits(&worker), ["500", "500"]);
    assert!(worker.log().contains("open files limit=500 needed=464"), "{}", worker.log());
    drained(&mut worker).await;

    let mut worker = Worker::spawn_after("ulimit -Sn 200 && ulimit -Hn 300", &stage.env());
    worker.consuming(1, SOON).await;
    assert_eq!(limits(&worker), ["300", "300"]);
    let warned = worker.log().lines().any(|line| line.contains("WARN") && line.contains("LimitNOFILE"));
    assert!(warned, "{}", worker.log());
    drained(&mut worker).await;
}
