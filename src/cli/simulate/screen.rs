//! What `cxchain simulate` shows: what is configured, a line per call, and a summary.

use std::fmt::Display;
use std::io::{self, Write};

use owo_colors::OwoColorize;
use serde_json::json;

use super::super::text::plain;
use crate::ports::{Clock, SystemClock};
use crate::simulator::{Api, CallSeen, Calls, Ending, Seen, Simulator, SimulatorSettings, Tally};

/// Where it is shown: for a person, or as JSON lines.
pub(super) struct Screen {
    pub(super) json: bool,
}

impl Screen {
    pub(super) fn started(&self, simulator: &Simulator, settings: &SimulatorSettings) {
        let url = simulator.url();
        let limits: Vec<_> = settings.limits.iter().map(ToString::to_string).collect();
        let faults: Vec<_> = settings.faults.iter().map(ToString::to_string).collect();
        if self.json {
            let text = |duration| humantime::format_duration(duration).to_string();
            return line(&json!({
                "event": "listening", "api": settings.api.to_string(), "url": url, "token_url": simulator.token_url(), "client_id": settings.client_id,
                "latency": text(settings.latency), "job_queued": text(settings.job_queued),
                "job_running": text(settings.job_running), "token_life": text(settings.token_life),
                "limits": limits, "faults": faults,
            }));
        }
        let or_none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join("   ") };
        let title = match settings.api {
            Api::DataActions | Api::Cxone => "CXone simulator at",
            Api::Genesys => "Genesys Cloud simulator at",
        };
        line(&format_args!("{} {}", title.bold(), url.cyan().bold()));
        line(&format_args!("  latency     {}", humantime::format_duration(settings.latency)));
        if !settings.latency_jitter.is_zero() {
            line(&format_args!("  jitter      {}", humantime::format_duration(settings.latency_jitter)));
        }
        let (queued, running) = (settings.job_queued, settings.job_running);
        let (queued, running) = (humantime::format_duration(queued), humantime::format_duration(running));
        line(&format_args!("  jobs        queued for {queued}, then running for {running}"));
        line(&format_args!("  token life  {}", humantime::format_duration(settings.token_life)));
        line(&format_args!("  limits      {}", or_none(&limits)));
        line(&format_args!("  faults      {}", or_none(&faults)));
        line(&format_args!("  counts      {url}/_sim/calls"));
        line(&"\nA worker finds it with this in its configuration:\n".dimmed());
        line(&configuration(&url, settings));
    }

    pub(super) fn seen(&self, seen: &Seen) {
        match seen {
            Seen::Call(call) if self.json => {
                let mut shown = json!({ "event": "call", "time": time("%Y-%m-%dT%H:%M:%S%.3fZ") });
                if let (Some(shown), Ok(serde_json::Value::Object(call))) =
                    (shown.as_object_mut(), serde_json::to_value(call))
                {
                    shown.extend(call);
                }
                line(&shown);
            }
            Seen::Call(call) => line(&pretty(call)),
            Seen::Missed(calls) if self.json => line(&json!({ "event": "missed", "calls": calls })),
            Seen::Missed(calls) => {
                line(&format_args!("… {calls} more calls, too fast to show; they are counted").dimmed());
            }
        }
    }

    pub(super) fn summary(&self, calls: &Calls) {
        if self.json {
            return line(
                &json!({ "event": "summary", "calls": calls.totals, "polls": calls.polls, "jobs": calls.jobs, "max_concurrent": calls.max_concurrent,
                "actions": calls.actions, "tokens": calls.tokens, "discovery": calls.discovery, "quota": calls.quota, "ran_again": calls.ran_again(),
                "redirects_followed": calls.redirects_followed, "not_found": calls.not_found, "wrong_method": calls.wrong_method }),
            );
        }
        let totals = &calls.totals;
        line(&format_args!(
            "\n{}, {} runs: {} answered, {} cut off by the client, {} broken off; at most {} at once",
            format_args!("{} calls", totals.calls).bold(),
            calls.runs.len(),
            totals.answered,
            totals.cut_off,
            totals.broken_off,
            calls.max_concurrent,
        ));
        for (action, tally) in &calls.actions {
            let (calls, ran, statuses) = (tally.calls, tally.ran, statuses(tally));
            line(&format_args!("  {action:<40} {calls:>7} calls  {ran:>7} ran   {statuses}"));
        }
        if calls.jobs.submitted > 0 {
            let (jobs, polls) = (&calls.jobs, &calls.polls);
            line(&format_args!(
                "  jobs: {} submitted, at most {} under way at once",
                jobs.submitted, jobs.max_under_way
            ));
            line(&format_args!("  polls: {} calls   {}", polls.calls, statuses(polls)));
        }
        line(&format_args!("  tokens: {} calls, {} issued", calls.tokens.calls, calls.tokens.issued));
        if calls.discovery.calls > 0 {
            line(&format_args!("  discovery: {} calls   {}", calls.discovery.calls, statuses(&calls.discovery)));
        }
        line(&format_args!("  quota: {} accepted, {} throttled", calls.quota.accepted, calls.quota.throttled));
        for window in &calls.quota.windows {
            let per = humantime::format_duration(window.per);
            line(&format_args!("    {}/{per}: at most {} in any window", window.limit, window.max));
        }
        for (what, n) in
            [("redirects followed", calls.redirects_followed), ("requests to unknown paths", calls.not_found)]
        {
            if n > 0 {
                line(&format_args!("  {}", format_args!("{n} {what}").yellow()));
            }
        }
        for key in calls.ran_again() {
            line(&format_args!("  {}", format_args!("ran more than once: {key}").red()));
        }
    }
}

/// What a worker needs to find the simulator; a secret that is not the usual one is not shown.
fn configuration(url: &str, settings: &SimulatorSettings) -> String {
    let usual = SimulatorSettings::default();
    let shown = |secret: &str, usual: &str| if secret == usual { usual.to_owned() } else { "(as given)".to_owned() };
    let (id, secret) = (&settings.client_id, shown(&settings.client_secret, &usual.client_secret));
    let client = format!("  client_id = \"{id}\"\n  client_secret = \"{secret}\"\n");
    match settings.api {
        Api::DataActions => format!(
            "  [tenants.default]\n  api = \"data-actions\"\n  base_url = \"{url}\"\n\n  [tenants.default.auth]\n  grant = \
             \"client_credentials\"\n{client}"
        ),
        Api::Cxone => format!(
            "  [tenants.default]\n  api = \"cxone\"\n\n  [tenants.default.auth]\n  issuer = \"{url}\"\n  access_key_id = \"{}\"\n  \
             access_key_secret = \"{}\"\n{client}",
            settings.access_key_id,
            shown(&settings.access_key_secret, &usual.access_key_secret),
        ),
        Api::Genesys => format!(
            "  [tenants.default]\n  api = \"genesys\"\n  base_url = \"{url}\"\n\n  [tenants.default.auth]\n  token_url = \
             \"{url}/oauth/token\"\n{client}"
        ),
    }
}

fn statuses(tally: &Tally) -> String {
    let statuses: Vec<_> = tally.statuses.iter().map(|(status, n)| format!("{status} × {n}")).collect();
    statuses.join("  ")
}

fn pretty(call: &CallSeen) -> String {
    let time = time("%H:%M:%S%.3fZ");
    let attempt = call.attempt.map_or(String::new(), |n| format!("#{n}"));
    let status = call.status.map_or("-".to_owned(), |status| status.to_string());
    let status = match call.status {
        Some(200..300) => status.green().to_string(),
        Some(429) => status.yellow().to_string(),
        _ => status.red().to_string(),
    };
    let ending = match call.ending {
        Ending::Answered => "",
        Ending::CutOff => "  cut off by the client",
        Ending::BrokenOff => "  broken off",
    };
    let job = match (&call.job, &call.job_state) {
        (Some(job), Some(state)) => format!("  {} {}", plain(job), plain(state)),
        _ => String::new(),
    };
    let (run, step) = (plain(call.run.as_deref().unwrap_or("-")), plain(call.step.as_deref().unwrap_or("-")));
    let (target, ms) = (&call.target, call.took_ms);
    format!("{}  {run}  {step} {attempt:<3} {target}  {status} {ms:>6} ms{job}{}", time.dimmed(), ending.red())
}

/// Now, in UTC.
fn time(format: &str) -> String {
    SystemClock.now().strftime(format).to_string()
}

/// Whoever reads may have gone away; that is no reason to stop serving.
fn line(text: &dyn Display) {
    let _ = writeln!(anstream::stdout().lock(), "{text}");
    let _ = io::stdout().flush();
}
