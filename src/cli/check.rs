//! `cxchain check FILE…`: offline, the same judgement as the worker's.

mod amounts;
mod excerpt;
mod explain;
mod problems;
mod source;
mod tally;

use std::path::Path;

use clap::{Args, ValueEnum};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::figures::count;
use super::run::{chosen_tenant, tenant_name};
use super::submit::judge_size;
use super::text::{json_line, plain};
use super::{Exit, load, page};
use crate::app;
use crate::chain::check::{Catalogue, Submission, check as check_chain};
use crate::chain::plan::Plan;
use crate::chain::problem::Problems;
use crate::chain::{Chain, Problem, TenantName};
use crate::config::{Config, DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_PATH};
use explain::Source;
use tally::Tally;

pub(super) use problems::print_and_point;
use problems::print_problems;
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
    /// Also hold chains to the tenants and actions of the configuration, as --config FILE does
    #[arg(long)]
    strict: bool,
    /// The tenant of a chain that names none, of those in the configuration (else the first work queue's)
    #[arg(long, value_name = "NAME", value_parser = tenant_name)]
    tenant: Option<TenantName>,
    /// Show the plan of each valid chain: its steps, what hands data to what, the time and the requests that a run can take, and
    /// what becomes of a call whose answer is lost; with the limits of the configuration
    #[arg(long)]
    explain: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 all are valid, 2 a file cannot be read, 3 one is no valid chain, 78 the configuration is not valid.";

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
    let judge = match Judge::new(config, args) {
        Ok(judge) => judge,
        Err(exit) => return exit,
    };
    let mut tally = Tally::default();
    for file in &args.files {
        match source::take(file) {
            Ok((file, body)) => tally.add(judge.file(&file, &body, args)),
            Err(unread) => {
                unread.say();
                if args.json {
                    tell!(
                        "{}",
                        json_line(&json!({"file": unread.name, "valid": false, "unread": unread.why.to_string()}))
                    );
                }
                tally.unread += 1;
            }
        }
    }
    if args.files.len() > 1 && !args.json {
        say!("{tally}");
    }
    tally.exit()
}

/// What files are judged by, and explained with.
struct Judge {
    catalogue: Catalogue,
    /// Whose a chain is that does not say.
    tenant: TenantName,
    /// No worker looks at a longer message.
    max_bytes: usize,
    /// For plans: the configuration, and what it is called.
    plans: Option<(Config, String)>,
}

impl Judge {
    fn new(path: Option<&Path>, args: &CheckArgs) -> Result<Self, Exit> {
        // Without a word about a configuration, a definition is judged by the contract alone. A plan is one worker's, and takes
        // the configuration that a worker would have here.
        let there = path.or(Some(Path::new(DEFAULT_PATH)).filter(|default| default.exists()));
        let meant = args.strict || path.is_some() || (args.explain && there.is_some());
        if !meant && !args.explain {
            if args.tenant.is_some() {
                let what = "--tenant is one of a configuration's: name that with --config FILE, or say --strict";
                say!("{} {what}", "error:".red().bold());
                return Err(Exit::Usage);
            }
            let (catalogue, tenant) = (Catalogue::any(), default_tenant());
            return Ok(Self { catalogue, tenant, max_bytes: DEFAULT_MAX_MESSAGE_BYTES, plans: None });
        }
        let config = load(path)?;
        let tenant = chosen_tenant(&config, args.tenant.as_ref())?.clone();
        let catalogue = if meant { app::catalogue(&config) } else { Catalogue::any() };
        let name = there.map_or_else(|| "built-in defaults".to_owned(), |path| plain(path.display()));
        let max_bytes = config.worker.max_message_bytes;
        Ok(Self { catalogue, tenant, max_bytes, plans: args.explain.then_some((config, name)) })
    }

    /// How many problems it has.
    fn file(&self, file: &str, body: &[u8], args: &CheckArgs) -> usize {
        let judged = judge_size(body, self.max_bytes).and_then(|()| judge_for(&self.tenant, body, &self.catalogue));
        let plan = judged.as_ref().ok().and_then(|chain| self.plan(chain));
        if args.json {
            let mut document = document(file, &judged);
            if let Some((plan, source)) = &plan {
                document["plan"] = json!(plan);
                document["plan"]["rates"]["from"] = json!(source.configuration);
                document["plan"]["rates"]["assumed"] = json!(source.assumed.is_some());
            }
            tell!("{}", json_line(&document));
        } else {
            match &judged {
                Ok(chain) => {
                    let steps = count(chain.steps.len() as u64, "step");
                    tell!("{} {file}: {} with {steps}", "✔".green(), chain.chain_id.bold());
                }
                Err(problems) if args.format == Format::Short => problems::print_short(file, problems),
                Err(problems) => {
                    print_problems(file, body, problems);
                    if args.files.len() > 1 {
                        say!();
                    }
                }
            }
            if let Some((plan, source)) = &plan {
                tell!("\n{}\n", explain::lines(plan, source, page::columns()).join("\n"));
            }
        }
        judged.map_or_else(|problems| problems.total(), |_| 0)
    }

    fn plan(&self, chain: &Chain) -> Option<(Plan, Source<'_>)> {
        let (config, configuration) = self.plans.as_ref()?;
        let own = app::terms(config, &chain.tenant);
        let source = Source { configuration, assumed: own.is_none().then_some(&self.tenant) };
        let terms = own.or_else(|| app::terms(config, &self.tenant))?;
        Some((Plan::of(chain, &terms), source))
    }
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

/// The worker's own judgement, of a chain of which nobody knows the queue.
pub(super) fn judge(body: &[u8], catalogue: &Catalogue) -> Result<Chain, Problems> {
    judge_for(&default_tenant(), body, catalogue)
}

fn default_tenant() -> TenantName {
    TenantName::parse("default").unwrap_or_else(|_| unreachable!("a tenant's name"))
}

/// As [`judge`], where the chain is `tenant`'s unless it says otherwise.
pub(super) fn judge_for(tenant: &TenantName, body: &[u8], catalogue: &Catalogue) -> Result<Chain, Problems> {
    let submission = Submission { body, message_id: None, queue_tenant: tenant };
    check_chain(&submission, catalogue).map_err(|rejection| rejection.problems)
}
