//! A broker that is not there, or lets nobody in: 69, at once or after a minute, and no password in what is said.

use std::time::{Duration, Instant};

use url::Url;

use super::support::{Broker, SOON, Worker};
use super::{File, GOOD, env, run};

/// Nobody listens at port 1.
const NOBODY: &str = "amqp://guest:canary-7f@127.0.0.1:1/%2f";

async fn locked_out() -> Vec<(String, String)> {
    let mut url = Url::parse(Broker::shared().await.url()).expect("an AMQP URL");
    url.set_password(Some("canary-7f")).expect("a URL with a host");
    env(&[("BROKER__URL", url.as_str())])
}

#[tokio::test]
async fn refused_credentials_end_everything_at_once() {
    let env = locked_out().await;
    let chain = File::new("chain", GOOD);
    for command in [&["worker"][..], &["submit", chain.path()], &["topology", "check"], &["topology", "apply"]] {
        let begun = Instant::now();
        let ended = run(command, &env, "").await;
        assert_eq!(ended.code, 69, "{command:?}: {ended:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{command:?} took {:?}", begun.elapsed());
        let all = ended.out + &ended.said;
        assert!(all.contains("refused the login: ACCESS_REFUSED"), "{command:?}: {all}");
        assert!(all.contains("127.0.0.1") || all.contains("localhost"), "it says where: {all}");
        assert!(!all.contains("canary"), "{command:?}: {all}");
    }
}

#[tokio::test]
async fn a_virtual_host_that_is_not_there_is_said() {
    let mut url = Url::parse(Broker::shared().await.url()).expect("an AMQP URL");
    url.set_path("no-such-vhost");
    let mut worker = Worker::spawn(&env(&[("BROKER__URL", url.as_str())]));
    assert_eq!(worker.ended(SOON).await, 69);
    assert!(worker.log().contains("no-such-vhost"), "{}", worker.log());
}

#[tokio::test]
async fn without_a_broker_a_command_says_so_at_once() {
    let chain = File::new("chain", GOOD);
    for command in [&["submit", chain.path()][..], &["submit", chain.path(), "--wait"], &["topology", "check"]] {
        let begun = Instant::now();
        let ended = run(command, &env(&[("BROKER__URL", NOBODY)]), "").await;
        assert_eq!((ended.code, ended.out.as_str()), (69, ""), "{command:?}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{command:?} took {:?}", begun.elapsed());
        assert!(ended.said.contains("RabbitMQ at 127.0.0.1:1") && ended.said.contains("refused"), "{}", ended.said);
        assert!(ended.said.contains("CXCHAIN__BROKER__URL"), "it says what to do: {}", ended.said);
        assert!(!ended.said.contains("canary"), "{}", ended.said);
    }
}

#[tokio::test]
async fn a_worker_without_a_broker_tries_for_a_minute() {
    let begun = Instant::now();
    let mut worker = Worker::spawn(&env(&[("BROKER__URL", NOBODY)]));
    assert_eq!(worker.ended(Duration::from_secs(100)).await, 69, "{}", worker.log());
    let took = begun.elapsed();
    assert!((Duration::from_secs(55)..Duration::from_secs(75)).contains(&took), "{took:?}");
    let said = worker.log();
    assert!(said.contains("trying again"), "{said}");
    assert!(said.lines().count() < 10, "not a line for every try: {said}");
    assert!(!said.contains("canary"), "{said}");
}

/// A worker that waits for its broker can be told to leave.
#[tokio::test]
async fn a_worker_that_waits_for_its_broker_hears_sigterm() {
    let mut worker = Worker::spawn(&env(&[("BROKER__URL", NOBODY)]));
    super::support::eventually("it tries", SOON, async || worker.log().contains("trying again").then_some(())).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(Duration::from_secs(10)).await, 0);
}
