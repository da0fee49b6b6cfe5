//! The shipped binary as a process: started, signalled, killed, waited for.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::health::Health;
use super::wait::eventually;

/// Where cargo put the binary under test.
pub const CXCHAIN: &str = env!("CARGO_BIN_EXE_cxchain");

/// A command that sees nothing of the caller's environment that could configure it.
pub fn cxchain(env: &[(String, String)]) -> Command {
    configured(Command::new(CXCHAIN), env)
}

fn configured(mut command: Command, env: &[(String, String)]) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CXCHAIN") {
            command.env_remove(name);
        }
    }
    // Workers of tests that run side by side each serve their health on a port of their own.
    command.env("CXCHAIN__OPS__LISTEN", "127.0.0.1:0");
    command.envs(env.iter().cloned()).current_dir("/tmp").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The environment of a worker that dies of SIGKILL where it comes by `place` (`name`, `name:n`, `name@step`): see
/// [`cxchain::failpoint`].
///
/// # Panics
/// When the binary under test cannot be told to die.
pub fn doomed(mut env: Vec<(String, String)>, place: &str) -> Vec<(String, String)> {
    if !cfg!(feature = "failpoints") {
        panic!("this test needs a binary that can be told to die: --features failpoints");
    }
    env.push(("CXCHAIN_FAILPOINT".into(), place.into()));
    env
}

/// A running `cxchain worker`. Dropped, it is killed.
pub struct Worker {
    child: Child,
    /// Where it works, and where its journal lies unless it is told otherwise.
    _home: TempDir,
    log: Arc<Mutex<String>>,
    collectors: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Starts it and collects what it logs.
    pub fn spawn(env: &[(String, String)]) -> Self {
        let mut command = cxchain(env);
        command.arg("worker");
        Self::start(command)
    }

    /// As [`Worker::spawn`], with this configuration file below `env`.
    pub fn spawn_with(file: &str, env: &[(String, String)]) -> Self {
        let mut command = cxchain(env);
        command.args(["worker", "--config", file]);
        Self::start(command)
    }

    /// As [`Worker::spawn`], after this in a shell: `ulimit -n 256`.
    pub fn spawn_after(shell: &str, env: &[(String, String)]) -> Self {
        let mut command = configured(Command::new("sh"), env);
        command.args(["-c", &format!("{shell} && exec \"$0\" worker"), CXCHAIN]);
        Self::start(command)
    }

    /// As [`Worker::spawn`], run by another command that becomes it: `nsenter … --`.
    pub fn spawn_within(within: &[&str], env: &[(String, String)]) -> Self {
        let mut command = configured(Command::new(within[0]), env);
        command.args(&within[1..]).args([CXCHAIN, "worker"]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        command.current_dir(home.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cxchain starts");
        let log = Arc::new(Mutex::new(String::new()));
        let collectors = vec![
            collect(child.stderr.take().expect("piped"), log.clone()),
            collect(child.stdout.take().expect("piped"), log.clone()),
        ];
        Self { child, _home: home, log, collectors }
    }

    /// Waits until it consumes for the `times`th time since its start.
    pub async fn consuming(&self, times: usize, within: Duration) {
        eventually("the worker consumes", within, async || {
            let log = self.log();
            (log.matches("consuming queue=").count() + log.matches("\"message\":\"consuming\"").count() >= times)
                .then_some(())
        })
        .await;
    }

    /// Where it serves its health.
    pub async fn health(&self) -> Health {
        let address = eventually("the worker serves its health", Duration::from_secs(30), async || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("health is served"))?;
            let (_, rest) = line.split_once("address=").or_else(|| line.split_once("\"address\":\""))?;
            Some(rest.split([' ', '"']).next().unwrap_or_default().to_owned())
        });
        Health::at(&address.await)
    }

    /// Waits until it has no run in hand. A copy of a message that comes while its run is being settled is settled with it, without a
    /// result of its own.
    pub async fn at_rest(&self) {
        self.health().await.until("no run in hand", |said| said["checks"]["work"]["runs"] == 0).await;
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic while collecting").clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends a signal by name: `TERM`, `KILL`, `STOP`, `CONT`.
    pub async fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let done = Command::new("kill").args(["-s", name, &pid]).status().await.expect("kill runs");
        assert!(done.success(), "kill -s {name} {pid}");
    }

    /// Its exit code; for a signal, 128 and the signal's number. Everything that it said is in the log by then.
    ///
    /// # Panics
    /// When it does not end in time, with its log.
    pub async fn ended(&mut self, within: Duration) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        match tokio::time::timeout(within, self.child.wait()).await {
            Ok(status) => {
                let status = status.expect("it can be waited for");
                for collector in self.collectors.drain(..) {
                    collector.await.expect("no panic while collecting");
                }
                status.code().or(status.signal().map(|signal| 128 + signal)).expect("a code or a signal")
            }
            Err(_) => panic!("the worker did not end within {within:?}; its log:\n{}", self.log()),
        }
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most resident memory in bytes since its start, or since [`Worker::forget_peak`].
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// From now on the peak is that of the time to come.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").expect("Linux resets VmHWM");
    }

    fn status(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find(|line| line.starts_with(field)).expect("Linux tells it");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
    }
}

/// A test that fails shows what its workers had to say.
impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of worker {:?}:\n{}", self.child.id(), self.log());
        }
    }
}

fn collect(stream: impl AsyncRead + Unpin + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().expect("no panic while collecting");
            log.push_str(&line);
            log.push('\n');
        }
    })
}
