//! `cxchain check FILE…`: offline, the same judgement as the worker's.

mod excerpt;
mod problems;
mod source;
mod tally;

use std::path::Path;

use clap::{Args, ValueEnum};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::figures::count;
use super::text::json_line;
use super::{Exit, load};
use crate::app;
use crate::chain::check::{Catalogue, Submission, check as check_chain};
use crate::chain::problem::Problems;
use crate::chain::{Chain, Problem, TenantName};
use tally::Tally;

pub(super) use problems::print_problems;
pub(super) use source::read;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CheckArgs {
    /// Chain definitions; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// How problems are shown
    #[arg(long, value_name = "FORM", default_value = "full", conflicts_with = "json")]
    format: Format,
    /// One JSON object a file
    #[arg(long)]
    json: bool,
    /// Accept only tenants of the configuration
    #[arg(long)]
    strict: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 all are valid, 2 a file cannot be read, 3 one is no valid chain.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With the lines of the source
    Full,
    /// FILE:LINE:COLUMN: and the problem, a line each, for editors
    Short,
}

pub(super) fn check(config: Option<&Path>, args: &CheckArgs) -> Exit {
    if args.files.iter().filter(|file| *file == "-").count() > 1 {
        say!("{} standard input can be read once only", "error:".red().bold());
        return Exit::Usage;
    }
    let catalogue = if args.strict || config.is_some() {
        match load(config) {
            Ok(config) => app::catalogue(&config),
            Err(exit) => return exit,
        }
    } else {
        Catalogue::any()
    };
    let mut tally = Tally::default();
    for file in &args.files {
        match read(file) {
            Ok((file, body)) => tally.add(check_file(&file, &body, &catalogue, args)),
            Err(_) => tally.unread += 1,
        }
    }
    if args.files.len() > 1 && !args.json {
        say!("{tally}");
    }
    tally.exit()
}

/// How many problems it has.
fn check_file(file: &str, body: &[u8], catalogue: &Catalogue, args: &CheckArgs) -> usize {
    let judged = judge(body, catalogue);
    if args.json {
        tell!("{}", json_line(&document(file, &judged)));
    } else {
        match &judged {
            Ok(chain) => {
                let steps = count(chain.steps.len() as u64, "step");
                tell!("{} {file}: {} with {steps}", "✔".green(), chain.chain_id.bold());
            }
            Err(problems) if args.format == Format::Short => problems::print_short(file, problems),
            Err(problems) => print_problems(file, body, problems),
        }
    }
    judged.map_or_else(|problems| problems.total(), |_| 0)
}

fn document(file: &str, judged: &Result<Chain, Problems>) -> Value {
    match judged {
        Ok(chain) => json!({"file": file, "valid": true, "chain_id": chain.chain_id, "steps": chain.steps.len()}),
        Err(problems) => {
            let list: Vec<Value> = problems.list().iter().map(with_span).collect();
            json!({"file": file, "valid": false, "problems": list, "more": problems.more()})
        }
    }
}

/// The problem as everywhere, and the bytes that it is about.
fn with_span(problem: &Problem) -> Value {
    let mut value = json!(problem);
    value["span"] = json!({"start": problem.span.start, "end": problem.span.end});
    value
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
