//! Writing to the terminal or wherever standard output and error lead: a full disk at their end is no reason to panic.

use std::io::{ErrorKind, Result};

use super::Exit;

/// A line on standard error. That it cannot be written is nobody's concern: there is no other place to say so.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stderr(), $($text)*);
    }};
}

/// A line on standard output, which is what the command is for: when it cannot be written, the command fails.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        $crate::cli::out::written(writeln!(anstream::stdout(), $($text)*));
    }};
}

/// Ends the process where output that was asked for is lost. Whoever closed their end of a pipe has read enough.
pub(super) fn written(written: Result<()>) {
    match written {
        Ok(()) => {}
        Err(why) if why.kind() == ErrorKind::BrokenPipe => {}
        Err(why) => {
            say!("error: standard output cannot be written: {why}");
            std::process::exit(i32::from(Exit::Internal.code()));
        }
    }
}
