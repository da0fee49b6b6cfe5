//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser;
use cxchain::cli::{Arguments, Exit, run};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(why) => {
            anstream::eprintln!("the async runtime could not be started: {why}");
            Exit::Internal.into()
        }
    }
}
