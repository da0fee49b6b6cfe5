//! A plan as a person reads it: what a run of the chain can come to, before anything is sent.

use std::time::Duration;

use owo_colors::OwoColorize;

use super::super::figures::count;
use super::super::text::{plain, wrapped};
use super::amounts::{RUNS_A_MINUTE, clock, listed, rate};
use crate::chain::plan::{Exchange, Lost, Place, Plan, Stage, Substitute, Task, Then, Time, Window};
use crate::chain::{OnFailure, TenantName};

/// Fewer columns than that are taken for so many, and more as well.
const COLUMNS: std::ops::RangeInclusive<usize> = 50..=100;
/// What is to the left of the names.
const MARGIN: usize = 2;
/// What a nested chain is further to the right.
const STEP_IN: usize = 2;
/// A longer name does not push the others aside.
const LONGEST_NAME: usize = 20;
/// How many characters of a condition are shown.
const LONGEST_EXPRESSION: usize = 160;
/// The longest label, and two blanks.
const LABEL: usize = 7;
/// The longest heading below the steps, and two blanks.
const HEADING: usize = 10;
/// The longest `global_timeout_seconds`.
const LONGEST_CLOCK: Duration = Duration::from_secs(900);

/// Where a plan's terms come from.
pub(super) struct Source<'s> {
    /// What the configuration is called.
    pub(super) configuration: &'s str,
    /// The tenant is not in it: these are the terms of another one.
    pub(super) assumed: Option<&'s TenantName>,
}

/// The lines of a plan for so many columns, with colours.
pub(super) fn lines(plan: &Plan, source: &Source<'_>, columns: usize) -> Vec<String> {
    let columns = columns.clamp(*COLUMNS.start(), *COLUMNS.end());
    let names = plan.all_steps().map(|stage| indent(stage) + plain(&stage.id).chars().count());
    let names = MARGIN + names.max().unwrap_or(0).min(LONGEST_NAME) + 2;
    let mut lines = Vec::new();
    for stage in plan.all_steps() {
        lines.extend(step(stage, names, columns));
    }
    lines.push(String::new());
    for (heading, text) in totals(plan, source) {
        for (n, line) in wrapped(&text, columns - MARGIN - HEADING).into_iter().enumerate() {
            let heading = format!("{:HEADING$}", if n == 0 { heading } else { "" });
            lines.push(format!("{:MARGIN$}{}{line}", "", heading.bold()));
        }
    }
    lines
}

/// How deep it is nested.
fn depth(stage: &Stage) -> usize {
    stage.id.matches('.').count()
}

fn indent(stage: &Stage) -> usize {
    depth(stage) * STEP_IN
}

/// A step: its name and what it does, and below what else there is to know of it.
fn step(stage: &Stage, names: usize, columns: usize) -> Vec<String> {
    let left = MARGIN + indent(stage);
    let id = plain(&stage.id);
    // The second column is as far to the left as the name lets it.
    let name = format!("{id:<0$}", (names - left).saturating_sub(2));
    let at = left + name.chars().count() + 2;
    let task = wrapped(&task(&stage.task), columns.saturating_sub(at).max(LABEL));
    let mut lines = Vec::new();
    for (n, line) in task.into_iter().enumerate() {
        let before = if n == 0 { format!("{:left$}{}  ", "", name.bold()) } else { " ".repeat(at) };
        lines.push(format!("{before}{line}"));
    }
    for (label, text) in details(stage) {
        for (n, line) in wrapped(&text, columns - names - LABEL).into_iter().enumerate() {
            let label = format!("{:LABEL$}", if n == 0 { label } else { "" });
            lines.push(format!("{:names$}{}{line}", "", label.dimmed()));
        }
    }
    lines
}

fn task(task: &Task) -> String {
    match task {
        Task::Call(call) => exchange(call),
        Task::Chain { chain_id, time, steps } => {
            let lasts = match time.clock {
                Some(own) if own <= time.at_most => format!("{} by its own clock", clock(own)),
                _ => format!("{} at most", clock(time.at_most)),
            };
            format!("chain {chain_id} · {} · {lasts}", count(steps.len() as u64, "step"))
        }
    }
}

fn exchange(call: &Exchange) -> String {
    let attempts = if call.attempts == 1 { "1 attempt".into() } else { format!("up to {} attempts", call.attempts) };
    let polls = if call.job { format!(", then up to {}", count(call.polls.into(), "poll")) } else { String::new() };
    let job = if call.job { "job, " } else { "" };
    format!("{} · {job}{} · {attempts}{polls}", call.action_id, clock(call.timeout))
}

/// A few words each on what is worth to be known of a step.
fn details(stage: &Stage) -> Vec<(&'static str, String)> {
    let nested = depth(stage) > 0;
    let mut details = Vec::new();
    details.extend(stage.when.as_ref().map(|when| ("when", format!("{}; else it is skipped", shortened(when)))));
    // What the condition needs is seen in it.
    let uses = stage.uses.iter().filter(|used| used.place != Place::When);
    let uses: Vec<String> = uses.map(|used| plain(&used.step) + place(used.place)).collect();
    if !uses.is_empty() {
        details.push(("uses", listed(&uses)));
    }
    if !stage.extracts.is_empty() {
        let names: Vec<String> = stage.extracts.iter().map(plain).collect();
        details.push(("gives", listed(&names)));
    }
    details.push(("fails", failure(stage, nested)));
    if let (Some(lost), Task::Call(call)) = (stage.if_lost, &stage.task) {
        details.push(("lost", lost_words(lost, call, nested)));
    }
    if let Some(Substitute::Call { call, if_lost }) = &stage.fallback {
        let label = if stage.if_lost.is_some() { "" } else { "lost" };
        details.push((label, format!("its fallback: {}", lost_words(*if_lost, call, nested))));
    }
    details
}

/// What is said of a step that is needed there; most are needed for the payload.
fn place(place: Place) -> &'static str {
    match place {
        Place::When | Place::Payload => "",
        Place::Fallback => " (fallback)",
    }
}

/// An expression, if it is not too long.
fn shortened(expression: &str) -> String {
    let text = plain(expression);
    match text.char_indices().nth(LONGEST_EXPRESSION) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn ends(nested: bool) -> &'static str {
    if nested { "its chain ends" } else { "the run ends" }
}

fn failure(stage: &Stage, nested: bool) -> String {
    match (stage.on_failure, &stage.fallback) {
        (OnFailure::Abort, _) => ends(nested).into(),
        (OnFailure::Continue, _) => "the chain goes on".into(),
        (OnFailure::Fallback, Some(Substitute::Call { call, .. })) => format!("falls back on {}", exchange(call)),
        (OnFailure::Fallback, Some(Substitute::Output)) => "falls back on its fixed output".into(),
        (OnFailure::Fallback, None) => "the chain goes on; the fallback is only recorded".into(),
    }
}

fn lost_words(lost: Lost, call: &Exchange, nested: bool) -> String {
    let next = |then| match then {
        Then::Ends => ends(nested),
        Then::GoesOn => "the chain goes on",
        Then::FallsBack => "falls back",
    };
    let words = match lost {
        Lost::Repeated => "sent again: it is idempotent".to_owned(),
        Lost::RepeatedRegardless => "sent again, and may be carried out twice (on_unknown: retry)".to_owned(),
        Lost::RepeatedIfWorkerDied(then) => format!("sent again only if its worker died, else unknown; {}", next(then)),
        Lost::RepeatedRegardlessIfWorkerDied(then) => format!(
            "sent again only if its worker died, and may be carried out twice then (on_unknown: retry), else unknown; {}",
            next(then)
        ),
        Lost::Unknown(then) => format!("unknown, not sent again; {}", next(then)),
    };
    if call.job { format!("{words} (a job that is known is polled on)") } else { words }
}

/// What all steps come to.
fn totals(plan: &Plan, source: &Source<'_>) -> Vec<(&'static str, String)> {
    let mut totals = vec![("Time", time(&plan.time))];
    for stage in plan.all_steps() {
        if let Task::Chain { time, .. } = &stage.task
            && let (Some(own), Some(cut)) = (time.clock, &time.cut_at)
        {
            let (id, all) = (plain(&stage.id), clock(time.at_most));
            totals.push((
                "",
                format!("{id} has {} for steps of {all}: its clock can end it at {}.", clock(own), plain(cut)),
            ));
        }
    }
    totals.push(("Requests", requests(plan)));
    totals.push(("Limits", limits(plan, source)));
    let calls: Vec<Lost> = plan.all_steps().flat_map(losses).collect();
    if calls.iter().all(|lost| matches!(lost, Lost::Unknown(_))) {
        let what = "a call whose worker died, or whose time was over, before its answer was there: nobody knows whether it was \
                    carried out. What is known is never sent again.";
        totals.extend((!calls.is_empty()).then(|| ("Lost", what.into())));
    } else {
        let what = "a call whose worker died, or whose connection broke, before its answer was there: nobody knows whether it was \
                    carried out. Once its step's time is over, it stays unknown. What is known is never sent again.";
        totals.push(("Lost", what.into()));
    }
    totals
}

/// What becomes of its calls.
fn losses(stage: &Stage) -> impl Iterator<Item = Lost> {
    let fallback = match stage.fallback {
        Some(Substitute::Call { if_lost, .. }) => Some(if_lost),
        Some(Substitute::Output) | None => None,
    };
    stage.if_lost.into_iter().chain(fallback)
}

fn time(time: &Time) -> String {
    let all = clock(time.at_most);
    let own = time.clock.unwrap_or_default();
    let Some(cut) = &time.cut_at else {
        return format!("{all} at most, of the run's {}; waiting for the rate limit comes on top.", clock(own));
    };
    let enough = time.at_most.as_secs();
    let advice = if time.at_most <= LONGEST_CLOCK {
        format!("global_timeout_seconds: {enough} would be enough for all of them")
    } else {
        format!("no run lasts longer than {}", clock(LONGEST_CLOCK))
    };
    let cut = plain(cut);
    format!(
        "{all} at most, but the run has {}: its clock can end it at {cut} ({advice}); waiting for the rate limit comes on top.",
        clock(own)
    )
}

fn requests(plan: &Plan) -> String {
    let calls = plan.requests;
    let smooth = if calls.least == calls.smooth {
        format!("{} when all goes well", calls.smooth)
    } else {
        format!("{} to {} when all goes well, depending on the conditions", calls.least, calls.smooth)
    };
    let most = if calls.smooth == calls.most { String::new() } else { format!(", {} at most", calls.most) };
    format!("{smooth}{most}. Not counted: tokens, and calls that a 429 or a 401 sends back.")
}

fn limits(plan: &Plan, source: &Source<'_>) -> String {
    let window = |window: &Window| format!("{} in {}", window.limit, clock(window.per));
    let windows: Vec<String> = plan.rates.limits.iter().map(window).collect();
    let (best, worst) = (rate(plan.rates.runs_per_minute), rate(plan.rates.runs_per_minute_at_worst));
    let short = worst.strip_suffix(RUNS_A_MINUTE).unwrap_or(&worst);
    let runs = if best == worst { best } else { format!("{best} when all goes well, {short} at worst") };
    let (tenant, from) = (plain(&plan.tenant), source.configuration);
    let whose = match source.assumed {
        Some(other) => format!("of {}, for tenant {tenant} is not in the configuration ({from})", plain(other)),
        None => format!("for tenant {tenant} ({from})"),
    };
    let narrowest = plan.rates.narrowest.as_ref().map(|action| format!(", as {action} has limits of its own"));
    let narrowest = narrowest.unwrap_or_default();
    format!("{} {whose}: about {runs}, all workers together{narrowest}.", listed(&windows))
}

#[cfg(test)]
mod tests;
