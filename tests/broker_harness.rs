//! The harness that all integration tests stand on: a broker that can be broken on purpose, and that never stays behind.

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapin::BasicProperties;
use support::{Broker, amqp, eventually, unique};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_published_message_comes_out_again() {
    let broker = Broker::shared().await;
    let connection = amqp::connect(broker.url()).await;
    let channel = amqp::channel(&connection).await;
    let (exchange, queue) = (unique("audit"), unique("audit-log"));
    amqp::topic_with_queue(&channel, &exchange, "default.#", &queue).await;

    let properties = BasicProperties::default().with_message_id("m-1".into());
    amqp::publish(&channel, &exchange, "default.run.accepted", b"hello", properties).await;

    let message = amqp::take(&channel, &queue, 1, SOON).await.remove(0);
    assert_eq!(message.delivery.data, b"hello");
    assert_eq!(message.delivery.properties.message_id().as_ref().map(lapin::types::ShortString::as_str), Some("m-1"));
    assert_eq!(amqp::depth(&channel, &queue).await, 0);
}

#[tokio::test]
async fn tests_of_one_process_share_a_broker() {
    let (one, other) = tokio::join!(Broker::shared(), Broker::shared());
    assert!(std::ptr::eq(one, other));
    assert!(one.version().starts_with(|digit: char| digit.is_ascii_digit()), "{}", one.version());
}

#[tokio::test]
async fn a_killed_broker_comes_back_with_its_confirmed_messages() {
    let broker = Broker::start().await;
    let queue = unique("work");
    let connection = amqp::connect(broker.url()).await;
    let channel = amqp::channel(&connection).await;
    amqp::quorum_queue(&channel, &queue).await;
    for body in ["one", "two", "three"] {
        amqp::publish(&channel, "", &queue, body.as_bytes(), BasicProperties::default()).await;
    }

    broker.kill().await;
    eventually("the client notices", SOON, async || (!connection.status().connected()).then_some(())).await;
    assert!(amqp::try_connect(broker.url(), SOON).await.is_err(), "a killed broker answers");
    broker.restart().await;

    let connection = amqp::connect(broker.url()).await;
    let channel = amqp::channel(&connection).await;
    let bodies: Vec<_> =
        amqp::take(&channel, &queue, 3, SOON).await.into_iter().map(|message| message.delivery.data.clone()).collect();
    assert_eq!(bodies, [b"one".as_slice(), b"two", b"three"]);
}

#[tokio::test]
async fn a_frozen_broker_is_silent_and_a_stopped_one_refuses() {
    let broker = Broker::start().await;

    broker.pause().await;
    let silence = amqp::try_connect(broker.url(), Duration::from_secs(1)).await;
    let said = silence.map(drop);
    assert!(said.as_ref().is_err_and(|why| why.contains("no answer")), "a frozen broker answers: {said:?}");
    broker.resume().await;
    amqp::connect(broker.url()).await;

    broker.stop().await;
    let refused = amqp::try_connect(broker.url(), SOON).await;
    assert!(refused.is_err_and(|why| !why.contains("no answer")), "a stopped broker neither refuses nor serves");
    broker.restart().await;
    amqp::connect(broker.url()).await;
}

#[tokio::test]
async fn a_dropped_broker_leaves_nothing() {
    let broker = Broker::start().await;
    let (url, dir) = (broker.url().to_owned(), broker.dir().map(Path::to_owned));
    if std::env::var_os("CXCHAIN_TEST_AMQP_URL").is_some() {
        return amqp::connect(&url).await.close(200, "done".into()).await.expect("a given broker stays");
    }
    drop(broker);
    assert_nothing_left(&url, dir.as_deref()).await;
}

/// This very test is the process that is killed: as a child of itself it starts a broker, says so, and waits for its end.
#[tokio::test]
async fn a_test_process_that_is_killed_leaves_nothing() {
    const CHILD: &str = "CXCHAIN_TEST_TO_BE_KILLED";
    if std::env::var_os(CHILD).is_some() {
        let broker = Broker::shared().await;
        println!("\nstarted {} {}", broker.url(), broker.dir().unwrap_or(Path::new("-")).display());
        std::future::pending::<()>().await;
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_test_process_that_is_killed_leaves_nothing", "--nocapture"])
        .env(CHILD, "1")
        .env_remove("CXCHAIN_TEST_AMQP_URL")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let (url, dir) = tokio::task::spawn_blocking(move || {
        let started = started(&mut child);
        child.kill().expect("SIGKILL");
        child.wait().expect("it is gone");
        started
    })
    .await
    .expect("the child has started a broker");
    assert_nothing_left(&url, Some(Path::new(&dir))).await;
}

/// Reads the child's line about its broker.
fn started(child: &mut Child) -> (String, String) {
    let stdout = child.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("text"));
    let line = lines.find_map(|line| line.strip_prefix("started ").map(str::to_owned)).expect("a started broker");
    let (url, dir) = line.split_once(' ').expect("a URL and a directory");
    (url.to_owned(), dir.to_owned())
}

/// Nobody listens, no process carries the node's mark, and its directory is gone.
async fn assert_nothing_left(url: &str, dir: Option<&Path>) {
    eventually("nobody listens", SOON, async || amqp::try_connect(url, SOON).await.is_err().then_some(())).await;
    let Some(dir) = dir.filter(|dir| dir.is_absolute()) else { return };
    eventually("the directory is gone", SOON, async || (!dir.exists()).then_some(())).await;
    assert_eq!(marked_processes(dir), Vec::<String>::new());
}

fn marked_processes(dir: &Path) -> Vec<String> {
    let mark = format!("CXCHAIN_DEV_BROKER={}", dir.display());
    let processes = std::fs::read_dir("/proc").expect("/proc").map(|entry| entry.expect("/proc").path());
    processes
        .filter(|process| std::fs::read(process.join("environ")).is_ok_and(|all| names(&all, &mark)))
        .map(|process| process.display().to_string())
        .collect()
}

fn names(environment: &[u8], variable: &str) -> bool {
    environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes())
}
