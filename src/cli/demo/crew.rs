//! The demo's worker: a process of its own, so that it can really be killed, and the one that goes on after it.

use std::env;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret as _;
use tokio::process::{Child, ChildStdin, Command};

use super::super::Exit;
use super::home::{BROKER_URL, Home, configures};

/// How long a worker may take to stop; it has nothing in hand.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// The name of the first worker.
pub(super) const FIRST: &str = "demo-worker";

/// The worker that there is now. Dropped, it is killed; it ends, too, when the demo is killed itself.
pub(super) struct Crew {
    child: Child,
    /// Held, not written to; apart from the child, because waiting for that would close it.
    _leash: Option<ChildStdin>,
    started: u32,
}

impl Crew {
    /// Starts the first worker.
    pub(super) fn start(home: &Home) -> Result<Self, Exit> {
        Self::number(1, home)
    }

    /// Starts the next worker, in the place of one that is gone.
    pub(super) fn next(&mut self, home: &Home) -> Result<(), Exit> {
        *self = Self::number(self.started + 1, home)?;
        Ok(())
    }

    fn number(started: u32, home: &Home) -> Result<Self, Exit> {
        let id = if started == 1 { FIRST.to_owned() } else { format!("{FIRST}-{started}") };
        let mut child = spawn(home, &id)?;
        Ok(Self { _leash: child.stdin.take(), child, started })
    }

    /// SIGKILL; it is gone on return.
    pub(super) async fn kill(&mut self) {
        // Fails only where it is gone already.
        let _ = self.child.kill().await;
    }

    /// SIGTERM, and SIGKILL if that is not enough; it is gone on return.
    pub(super) async fn stop(&mut self) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
            let _ = tokio::time::timeout(STOPS_WITHIN, self.child.wait()).await;
        }
        self.kill().await;
    }

    /// Waits until the worker ends by itself, and says so; what is wrong it has said on standard error, which is ours, too.
    pub(super) async fn ended(&mut self) -> Exit {
        let status = self.child.wait().await;
        let how = status.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        say!("The demo's worker has ended by itself ({how}).");
        status.map_or(Exit::Internal, meaning)
    }
}

fn spawn(home: &Home, id: &str) -> Result<Child, Exit> {
    start(home, id).map_err(|why| {
        say!("The demo's worker cannot be started: {why}");
        Exit::Internal
    })
}

fn start(home: &Home, id: &str) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    for (name, _) in env::vars_os().filter(|(name, _)| configures(name)) {
        command.env_remove(name);
    }
    command
        .args(["worker", "--leashed", "--config"])
        .arg(home.file())
        .env(BROKER_URL, home.config.broker.url.expose_secret())
        .env("CXCHAIN__WORKER__ID", id)
        .current_dir(home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Ctrl-C is for the demo, which then ends its worker: the signal does not end it behind the demo's back.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// The demo could not go on for the reason that its worker could not.
fn meaning(status: ExitStatus) -> Exit {
    let same = |exit: &Exit| status.code() == Some(i32::from(exit.code()));
    [Exit::Unreachable, Exit::Configuration].into_iter().find(same).unwrap_or(Exit::Internal)
}
