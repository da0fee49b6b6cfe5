//! SIGTERM and SIGINT: the first asks to stop, the second stops.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Exit;

/// Cancels `stop` at the first signal; ends the process with 143 at the second.
///
/// # Errors
/// When the process may not handle signals.
pub(super) fn watch(stop: CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        stop.cancel();
        next(&mut terminate, &mut interrupt).await;
        // Nothing is flushed and no destructor runs: whoever asks twice wants it gone. What is in flight comes back from
        // the broker.
        std::process::exit(i32::from(Exit::Killed.code()));
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
