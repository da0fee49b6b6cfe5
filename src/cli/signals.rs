//! SIGTERM, SIGINT and SIGHUP (a terminal that closes): the first asks to stop, the second stops.

use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Exit;

/// Cancels `stop` at the first signal; ends the process with 143 at the second.
///
/// # Errors
/// When the process may not handle signals.
pub(super) fn watch(stop: CancellationToken) -> io::Result<()> {
    let mut signals = vec![signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    if !hangup_is_ignored() {
        signals.push(signal(SignalKind::hangup())?);
    }
    tokio::spawn(async move {
        next(&mut signals).await;
        stop.cancel();
        next(&mut signals).await;
        // Nothing is flushed and no destructor runs: whoever asks twice wants it gone. What is in flight comes back from
        // the broker.
        std::process::exit(i32::from(Exit::Killed.code()));
    });
    Ok(())
}

async fn next(signals: &mut [Signal]) {
    let each = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures_util::future::select_all(each).await;
}

/// Whether the process was started so that it outlives its terminal (`nohup`): bit 0 of `SigIgn`, SIGHUP being the signal 1
/// (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn hangup_is_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
