//! `cxchain demo`: what a new user sees is true, and nothing of it is left behind, however it ends.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ExchangeKind};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::env;
use super::support::worker::cxchain;
use super::support::{Broker, SOON, amqp, eventually};

struct Demo {
    child: Child,
    pid: u32,
    lines: Lines<BufReader<ChildStdout>>,
    shown: String,
    /// What it takes for the machine's temporary directory.
    temp: TempDir,
    connection: Connection,
}

impl Demo {
    /// With settings of the user's own that no worker of the demo may have.
    async fn start(arguments: &[&str]) -> Self {
        let broker = Broker::shared().await;
        let temp = TempDir::new().expect("a temporary directory");
        let mut command = cxchain(&env(&[
            ("BROKER__URL", broker.url()),
            ("JOURNAL__KIND", "memory"),
            ("TELEMETRY__LOG", "trace"),
            ("TENANTS__DEFAULT__BASE_URL", "http://127.0.0.1:1"),
        ]));
        command.arg("demo").args(arguments).env("TMPDIR", temp.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cxchain starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let pid = child.id().expect("it runs");
        Self { child, pid, lines, shown: String::new(), temp, connection: amqp::connect(broker.url()).await }
    }

    /// Reads on until a line has this in it.
    async fn shows(&mut self, part: &str) {
        loop {
            let line = tokio::time::timeout(SOON, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("{part:?} does not come:\n{}", self.shown)).expect("text");
            let line = line.unwrap_or_else(|| panic!("it ended before {part:?}:\n{}", self.shown));
            self.shown.push_str(&line);
            self.shown.push('\n');
            if line.contains(part) {
                return;
            }
        }
    }

    /// The process id of its worker.
    async fn worker(&self) -> u32 {
        eventually("the demo has a worker", SOON, async || children(self.pid).first().copied()).await
    }

    async fn signal(pid: u32, name: &str) {
        let done = Command::new("kill").args(["-s", name, &pid.to_string()]).status().await.expect("kill runs");
        assert!(done.success(), "kill -s {name} {pid}");
    }

    /// Its exit code and what it said on standard error, once it is seen that nothing is left: process, file, queue, exchange.
    async fn ended(mut self) -> (i32, String, String) {
        let ending = async {
            while let Some(line) = self.lines.next_line().await.expect("text") {
                self.shown.push_str(&line);
                self.shown.push('\n');
            }
            let mut said = String::new();
            self.child.stderr.take().expect("piped").read_to_string(&mut said).await.expect("text");
            (self.child.wait().await.expect("it can be waited for"), said)
        };
        let ended = tokio::time::timeout(SOON + Duration::from_secs(30), ending).await;
        let (status, said) = ended.expect("the demo ends");
        let here = self.temp.path().to_str().expect("text");
        assert_eq!(started_with(here), [0; 0], "workers that are left running");
        let left: Vec<_> = fs::read_dir(self.temp.path()).expect("it is there").collect();
        assert!(left.is_empty(), "{left:?}");
        let name = format!("cxchain-demo-{}", self.pid);
        for queue in ["chains", "dead"].map(|what| format!("{name}.{what}")) {
            assert!(!self.has_queue(&queue).await, "{queue} is left");
            assert!(!self.has_queue(&format!("cxchain.journal.{queue}")).await, "the claim of {queue} is left");
            assert!(!self.has_queue(&format!("cxchain.lock.{queue}")).await, "the lock of {queue} is left");
        }
        for exchange in ["results", "audit", "dead", "control"].map(|what| format!("{name}.{what}")) {
            assert!(!self.has_exchange(&exchange).await, "{exchange} is left");
        }
        (status.code().unwrap_or(-1), self.shown, said)
    }

    async fn has_queue(&self, name: &str) -> bool {
        let channel = self.connection.create_channel().await.expect("a channel");
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), options, FieldTable::default()).await.is_ok()
    }

    async fn has_exchange(&self, name: &str) -> bool {
        let channel = self.connection.create_channel().await.expect("a channel");
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default()).await.is_ok()
    }
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").expect("Linux").filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The processes with `text` on their command line, whosever children they are.
fn started_with(text: &str) -> Vec<u32> {
    let command = |pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    processes().filter(|&pid| String::from_utf8_lossy(&command(pid)).contains(text)).collect()
}

/// The processes that `parent` has started and that run.
fn children(parent: u32) -> Vec<u32> {
    processes().filter(|&pid| state_and_parent(pid).is_some_and(|(state, of)| of == parent && state != "Z")).collect()
}

fn runs(pid: u32) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != "Z")
}

/// Fields 3 and 4 of <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>; the name before them is in parentheses.
fn state_and_parent(pid: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

#[tokio::test]
async fn a_worker_process_is_killed_in_a_job_and_the_next_one_goes_on_with_it() {
    let mut demo = Demo::start(&[]).await;
    demo.shows("▸ accepted: 3 steps").await;
    let first = demo.worker().await;
    demo.shows("7. The worker is killed in the middle of a job").await;
    assert_eq!(children(demo.pid), [first], "one worker ran all samples so far");
    demo.shows("✖ SIGKILL").await;
    assert!(!runs(first), "it is gone when the demo says so");
    demo.shows("↺ taken up by demo-worker-2 at step invoices").await;
    let second = demo.worker().await;
    assert_ne!(first, second);
    assert_eq!(started_with(demo.temp.path().to_str().expect("text")), [second], "so a worker is found that is left");
    let (code, shown, said) = demo.ended().await;
    assert_eq!((code, said.as_str()), (0, ""), "{shown}");
    let (_, last) = shown.split_once("\n7. ").expect("there is a seventh sample");
    assert_eq!(last.matches("▸ accepted").count(), 1, "{last}");
    for action in ["close-month", "write-invoices", "book-invoices", "notify-finance"] {
        assert_eq!(last.matches(&format!("✔ da-{action} ")).count(), 1, "{action}: {last}");
    }
    assert!(last.contains("■ completed  4 of 4 steps, 100 % successful"), "{last}");
    for counted in [
        "The simulator counted 23 calls and ",
        "1 of them throttled, 0 carried out twice.",
        "The job that outlived its worker was submitted once.",
    ] {
        assert!(shown.contains(counted), "{counted}: {shown}");
    }
}

#[tokio::test]
async fn as_json_the_demo_prints_the_seven_results_and_nothing_else() {
    let (code, shown, said) = Demo::start(&["--json"]).await.ended().await;
    assert_eq!((code, said.as_str()), (0, ""), "{shown}");
    let results: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let workers: Vec<_> = results.iter().map(|result| result["worker"].as_str().expect("a worker")).collect();
    assert_eq!(workers, [&["demo-worker"; 6][..], &["demo-worker-2"]].concat());
    assert_eq!(results[6]["chain_id"], "invoice-run-058");
}

/// At the beginning, with a worker that is at work, and between two workers.
#[tokio::test]
async fn ctrl_c_leaves_nothing_behind() {
    let interrupted = ["cxchain demo", "✔ da-fetch-customer-profile", "✖ SIGKILL"].map(async |moment| {
        let mut demo = Demo::start(&[]).await;
        demo.shows(moment).await;
        Demo::signal(demo.pid, "INT").await;
        let (code, shown, said) = demo.ended().await;
        assert_eq!((code, said.as_str()), (1, ""), "{moment}: {shown}");
        assert!(!shown.contains("Results"), "{moment}: {shown}");
    });
    futures_util::future::join_all(interrupted).await;
}

#[tokio::test]
async fn a_worker_that_ends_unasked_ends_the_demo_which_says_so() {
    let mut demo = Demo::start(&[]).await;
    demo.shows("✔ da-fetch-customer-profile").await;
    Demo::signal(demo.worker().await, "KILL").await;
    let (code, shown, said) = demo.ended().await;
    assert_eq!(
        (code, said.as_str()),
        (70, "The demo's worker has ended by itself (signal: 9 (SIGKILL)).\n"),
        "{shown}"
    );
}

/// What is on the broker then stays there: nobody is left to delete it.
#[tokio::test]
async fn a_demo_that_is_killed_takes_its_worker_with_it() {
    let mut demo = Demo::start(&[]).await;
    demo.shows("✔ da-fetch-customer-profile").await;
    let here = demo.temp.path().to_str().expect("text").to_owned();
    assert_eq!(started_with(&here), [demo.worker().await]);
    Demo::signal(demo.pid, "KILL").await;
    eventually("its worker is gone", SOON, async || started_with(&here).is_empty().then_some(())).await;
    let channel = demo.connection.create_channel().await.expect("a channel");
    let name = format!("cxchain-demo-{}", demo.pid);
    for queue in [format!("{name}.chains"), format!("{name}.dead"), format!("cxchain.journal.{name}.chains")] {
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.expect("it is deleted");
    }
    for exchange in ["results", "audit", "dead", "control"].map(|what| format!("{name}.{what}")) {
        let deleted = channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await;
        deleted.expect("it is deleted");
    }
}
