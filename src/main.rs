//! Arguments → command → exit code.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cxchain::cli::{Arguments, Exit, run};

/// What is left of a command gets this long to end.
const LEFTOVERS: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run(arguments));
            // Whatever still runs is waited for no longer: a look-up in DNS, say, that nobody answers.
            runtime.shutdown_timeout(LEFTOVERS);
            code
        }
        Err(why) => {
            anstream::eprintln!("the async runtime could not be started: {why}");
            Exit::Internal.into()
        }
    }
}
