//! Where a command's output goes: a terminal of so many columns, or a pipe.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

use owo_colors::OwoColorize;

use super::Exit;

/// How many columns standard output has; a pipe has as many as are wanted.
pub(super) fn columns() -> usize {
    columns_of(&std::io::stdout())
}

/// As [`columns`], for another stream.
pub(super) fn columns_of(stream: &(impl IsTerminal + AsFd)) -> usize {
    if !stream.is_terminal() {
        return usize::MAX;
    }
    let size = rustix::termios::tcgetwinsize(stream).map(|size| usize::from(size.ws_col));
    // A terminal that does not say is taken for one of the usual size.
    size.ok().filter(|columns| *columns > 0).unwrap_or(80)
}

/// Prints lines. That nobody reads them to their end (`| head`) is no fault.
pub(super) fn print(lines: &[String]) -> Exit {
    let mut text = lines.join("\n");
    text.push('\n');
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Done,
        Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(why) => {
            say!("{} the output cannot be written: {why}", "error:".red().bold());
            Exit::Internal
        }
    }
}
