//! `cxchain check FILE…`: offline, the same judgement as the worker's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::Args;
use owo_colors::OwoColorize;

use super::text::{json_line, plain};
use super::{Exit, load};
use crate::app;
use crate::chain::check::{Catalogue, Submission, check as check_chain};
use crate::chain::problem::Problems;
use crate::chain::{Chain, TenantName};

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Chain definitions; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// One JSON object a file
    #[arg(long)]
    json: bool,
    /// Accept only tenants of the configuration
    #[arg(long)]
    strict: bool,
}

pub(super) fn check(config: Option<&Path>, args: &CheckArgs) -> Exit {
    let catalogue = if args.strict || config.is_some() {
        match load(config) {
            Ok(config) => app::catalogue(&config),
            Err(exit) => return exit,
        }
    } else {
        Catalogue::any()
    };
    let mut worst = Exit::Done;
    for file in &args.files {
        let exit = check_file(file, &catalogue, args.json);
        if exit != Exit::Done && worst != Exit::Usage {
            worst = exit;
        }
    }
    worst
}

fn check_file(file: &str, catalogue: &Catalogue, json: bool) -> Exit {
    let (file, body) = match read(file) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    match judge(&body, catalogue) {
        Ok(chain) if json => {
            let good = serde_json::json!({"file": file, "valid": true, "chain_id": chain.chain_id, "steps": chain.steps.len()});
            tell!("{}", json_line(&good));
            Exit::Done
        }
        Ok(chain) => {
            let (steps, s) = (chain.steps.len(), if chain.steps.len() == 1 { "" } else { "s" });
            tell!("{} {file}: {} with {steps} step{s}", "✔".green(), chain.chain_id.bold());
            Exit::Done
        }
        Err(problems) if json => {
            let list = problems.list();
            let bad = serde_json::json!({"file": file, "valid": false, "problems": list, "more": problems.more()});
            tell!("{}", json_line(&bad));
            Exit::InvalidChain
        }
        Err(problems) => {
            print_problems(&file, &problems);
            Exit::InvalidChain
        }
    }
}

/// The worker's own judgement.
pub(super) fn judge(body: &[u8], catalogue: &Catalogue) -> Result<Chain, Problems> {
    let tenant = TenantName::parse("default").unwrap_or_else(|_| unreachable!("a tenant's name"));
    judge_for(&tenant, body, catalogue)
}

/// As [`judge`], where the chain is `tenant`'s unless it says otherwise.
pub(super) fn judge_for(tenant: &TenantName, body: &[u8], catalogue: &Catalogue) -> Result<Chain, Problems> {
    let submission = Submission { body, message_id: None, queue_tenant: tenant };
    check_chain(&submission, catalogue).map_err(|rejection| rejection.problems)
}

/// Every problem on a line of its own, in a form that editors jump to.
pub(super) fn print_problems(file: &str, problems: &Problems) {
    let (total, s) = (problems.total(), if problems.total() == 1 { "" } else { "s" });
    say!("{} {file}: {total} problem{s}", "✖".red());
    for problem in problems.list() {
        let place = if problem.pointer.is_empty() { "the message" } else { &problem.pointer };
        let allowed = problem.allowed.as_ref().map(|allowed| format!(" (allowed: {})", plain(allowed)));
        say!(
            "  {file}:{}:{}: {} {}{}",
            problem.line,
            problem.column,
            plain(place).bold(),
            plain(&problem.what),
            allowed.unwrap_or_default().dimmed()
        );
    }
    if problems.more() > 0 {
        say!("  and {} more", problems.more());
    }
}

/// More than `worker.max_message_bytes` can be: whatever is longer is no chain definition, and may have no end.
const MOST: u64 = 64 * 1024 * 1024;

/// A file's bytes, or standard input's, and what to call it, fit for a terminal.
pub(super) fn read(file: &str) -> Result<(String, Vec<u8>), Exit> {
    let name = if file == "-" { "<stdin>".to_owned() } else { plain(file) };
    let mut body = Vec::new();
    let read = if file == "-" {
        std::io::stdin().take(MOST + 1).read_to_end(&mut body)
    } else {
        File::open(file).and_then(|file| file.take(MOST + 1).read_to_end(&mut body))
    };
    let why = match read {
        Ok(length) if length as u64 <= MOST => return Ok((name, body)),
        Ok(_) => format!("longer than {MOST} bytes"),
        Err(why) => why.to_string(),
    };
    say!("{} {name} cannot be read: {why}", "error:".red().bold());
    Err(Exit::Usage)
}
