//! SIGTERM and SIGINT under load. Journal in memory: a chain that was begun is finished here, one that was not goes back.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use lapin::Channel;
use tokio::signal::unix::{SignalKind, signal};

use crate::support::load::{self, Load, channel, emptied, left_over, taking, times, until, waiting};
use crate::support::{Broker, Caught, Hiccups, SOON, Stage, Worker, amqp, eventually};

const DRAINING: &str = "draining: no new runs";
const AT_ONCE: Duration = Duration::from_secs(1);
const PREFETCH: u16 = 20;

/// Sixty chains of two slow calls each; twenty of them in a worker's hands, in the middle of their calls.
async fn in_the_middle() -> (Stage, Load, Worker, Channel) {
    let slow = taking(Duration::from_secs(1), Duration::from_secs(2));
    let mut stage = load::stage(Broker::shared().await, slow, PREFETCH).await;
    stage.in_memory();
    let load = Load::submit(&stage, 60, 2).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.answered >= 25 && seen.totals.open >= 10).await;
    let channel = channel(&stage).await;
    (stage, load, worker, channel)
}

async fn says_that_it_drains(worker: &Worker) {
    eventually("the worker drains", SOON, async || (times(worker, DRAINING) > 0).then_some(())).await;
}

#[tokio::test]
async fn sigterm_under_load_finishes_what_is_in_hand_and_leaves_the_rest_to_the_next_worker() {
    in_order("TERM").await;
}

#[tokio::test]
async fn sigint_under_load_does_the_same() {
    in_order("INT").await;
}

/// A terminal that closes, or `kill -HUP` by somebody who expects the configuration to be read again.
#[tokio::test]
async fn and_so_it_does_on_sighup() {
    // Where these tests run under `nohup`, a worker would ignore it. What its parent handles is no longer ignored.
    let _handled = signal(SignalKind::hangup()).expect("signals can be handled");
    in_order("HUP").await;
}

async fn in_order(signal: &str) {
    let (stage, load, mut worker, channel) = in_the_middle().await;
    worker.signal(signal).await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());

    let seen = stage.simulator.calls();
    assert_eq!((seen.totals.cut_off, seen.totals.open), (0, 0), "exchanges were cut off");
    let in_hand = said_in_hand(&worker);
    assert!((1..=usize::from(PREFETCH)).contains(&in_hand), "{in_hand} runs in hand");
    let (_, after) = worker.log().split_once(DRAINING).map(|(a, b)| (a.to_owned(), b.to_owned())).expect("drained");
    assert!(after.matches("run finished").count() <= in_hand, "runs were begun after the signal:\n{}", worker.log());

    let mut results = left_over(&stage, &channel).await;
    assert_eq!(results.len(), seen.runs.len(), "every chain that was begun has its result");
    waiting(&stage, &channel, load.len() - results.len()).await;
    assert!(results.len() < load.len(), "nothing was left to hand back");

    results.extend(the_rest(&stage, &load, &channel).await);
    load.assert_once(&results, &stage.events(&channel).await, &stage.simulator.calls());
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
}

/// `runs=20`, as the log says when draining begins.
fn said_in_hand(worker: &Worker) -> usize {
    let log = worker.log();
    let (_, after) = log.split_once(DRAINING).unwrap_or_else(|| panic!("no drain:\n{log}"));
    let (_, number) = after.split_once("runs=").expect("it says how many runs");
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// Another worker takes what is left and drains. Answers with the results that it made.
async fn the_rest(stage: &Stage, load: &Load, channel: &Channel) -> Vec<Caught> {
    let mut worker = stage.worker().await;
    // What was delivered and is not begun would go back.
    until(stage, |seen| seen.runs.len() == load.len()).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    left_over(stage, channel).await
}

#[tokio::test]
async fn a_second_sigterm_leaves_at_once_and_loses_no_message() {
    leaves_at_once("TERM", "TERM").await;
}

#[tokio::test]
async fn sigint_and_sigterm_count_together() {
    leaves_at_once("INT", "TERM").await;
}

async fn leaves_at_once(first: &str, second: &str) {
    let (stage, load, mut worker, channel) = in_the_middle().await;
    worker.signal(first).await;
    says_that_it_drains(&worker).await;
    let (asked, hiccups) = (Instant::now(), Hiccups::watch());
    worker.signal(second).await;
    assert_eq!(worker.ended(SOON).await, 143, "{}", worker.log());
    assert!(asked.elapsed() < AT_ONCE + hiccups.total(), "it took {:?}", asked.elapsed());

    // The journal was in memory: what was in hand is begun again. Nothing is lost.
    let worker = stage.worker().await;
    load.results(&stage, &channel).await;
    emptied(&stage, &channel).await;
    drop(worker);
}

/// Nobody listens where the broker is to be.
#[tokio::test]
async fn sigterm_while_the_first_connection_backs_off_leaves_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let (_stage, mut worker) = waits_for_its_broker(free.port()).await;
    eventually("it tries again", SOON, async || (times(&worker, "trying again") > 0).then_some(())).await;
    stops_at_once(&mut worker).await;
}

/// Somebody takes the connection and says nothing.
#[tokio::test]
async fn sigterm_while_the_first_connection_waits_for_an_answer_leaves_at_once() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (_stage, mut worker) = waits_for_its_broker(mute.local_addr().expect("bound").port()).await;
    let _connection = tokio::time::timeout(SOON, mute.accept()).await.expect("it connects").expect("a connection");
    stops_at_once(&mut worker).await;
}

async fn waits_for_its_broker(port: u16) -> (Stage, Worker) {
    let simulator = cxchain::simulator::SimulatorSettings::default();
    let mut stage = Stage::new(Broker::shared().await, simulator).await;
    stage.set("broker.url", &format!("amqp://guest:guest@127.0.0.1:{port}/%2f"));
    let worker = Worker::spawn(&stage.env());
    (stage, worker)
}

async fn stops_at_once(worker: &mut Worker) {
    let (asked, hiccups) = (Instant::now(), Hiccups::watch());
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert!(asked.elapsed() < AT_ONCE + hiccups.total(), "it took {:?}", asked.elapsed());
}

/// And says a proper goodbye: a connection that breaks over its own end may lose what was said last.
#[tokio::test]
async fn sigterm_with_nothing_in_hand_leaves_at_once() {
    let stage = Stage::new(Broker::shared().await, load::brisk()).await;
    let channel = channel(&stage).await;
    for _ in 0..10 {
        let mut worker = stage.worker().await;
        // One run, so that there are channels to close.
        Load::submit(&stage, 1, 1).await.results(&stage, &channel).await;
        eventually("it is settled", SOON, async || (times(&worker, "run finished") > 0).then_some(())).await;
        stops_at_once(&mut worker).await;
        let log = worker.log();
        let trouble = ["ERROR", "WARN", "panicked"].iter().any(|word| log.contains(word));
        assert!(!trouble, "{log}");
    }
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
}
