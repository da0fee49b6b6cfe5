//! Arguments → command → exit code.

use std::process::ExitCode;

use clap::Parser;
use cxchain::cli::{Arguments, Exit, run};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run(arguments));
            // Whatever still runs ends with the process: nobody waits for a look-up in DNS that is not answered, and no
            // thread of a library finds its runtime gone.
            std::mem::forget(runtime);
            code
        }
        Err(why) => {
            anstream::eprintln!("the async runtime could not be started: {why}");
            Exit::Internal.into()
        }
    }
}
