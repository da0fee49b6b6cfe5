//! `cxchain simulate`: the CXone simulator in the foreground, with a line per call.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use owo_colors::OwoColorize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::ports::{Clock, SystemClock};
use crate::simulator::{CallSeen, Calls, Ending, FAULT_HELP, Seen, Simulator, SimulatorSettings};

/// Runs the CXone simulator until SIGINT or SIGTERM.
///
/// It speaks the API of preset `data-actions`: POST /oauth/token and POST
/// /api/v2/integration/data-actions/{action_id}/execute. It counts every call by run and step: GET /_sim/calls. Faults can be
/// changed while it runs: PUT /_sim/faults with {"da-x": "status:503,times:2"}, DELETE /_sim/faults. POST /_sim/reset forgets
/// what was counted.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = format!("Faults:\n{FAULT_HELP}"))]
pub struct SimulateArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8099")]
    pub listen: String,
    /// How long an action takes
    #[arg(long, value_name = "DURATION", default_value = "50ms")]
    pub latency: String,
    /// An action takes up to this much longer, the same sequence every time
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub jitter: String,
    /// How long a token is good for; whole seconds
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub token_life: String,
    /// The client that may have tokens
    #[arg(long, value_name = "ID", default_value = "simulator-client")]
    pub client_id: String,
    /// Its secret
    #[arg(long, value_name = "SECRET", default_value = "simulator-secret")]
    pub client_secret: String,
    /// The quota, such as 10/1s: at most 10 calls in every window of a second; repeatable, all hold
    #[arg(long = "limit", value_name = "CALLS/WINDOW")]
    pub limits: Vec<String>,
    /// Let a call that the quota refuses count against it all the same
    #[arg(long)]
    pub refused_calls_count: bool,
    /// What goes wrong, such as da-x=status:503,times:2; repeatable; see --help
    #[arg(long = "fault", value_name = "TARGET=FAULT")]
    pub faults: Vec<String>,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

/// Runs the command. Exit code 0 after a signal, 2 when the arguments do not hold, 69 when the address cannot be listened at.
pub async fn simulate(args: SimulateArgs) -> ExitCode {
    let settings = match settings(&args) {
        Ok(settings) => settings,
        Err(problems) => {
            for problem in problems {
                anstream::eprintln!("{} {problem}", "error:".red().bold());
            }
            return ExitCode::from(2);
        }
    };
    // Asked for before the URL is printed: whoever has read it may end us.
    let (mut interrupt, mut terminate) = match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        (Err(error), _) | (_, Err(error)) => {
            anstream::eprintln!("{} signals cannot be caught: {error}", "error:".red().bold());
            return ExitCode::from(70);
        }
    };
    let simulator = match Simulator::start(settings.clone()) {
        Ok(simulator) => simulator,
        Err(error) => {
            anstream::eprintln!("{} cannot listen at {}: {error}", "error:".red().bold(), settings.listen);
            return ExitCode::from(69);
        }
    };
    let mut feed = simulator.feed();
    let screen = Screen { json: args.json };
    screen.started(&simulator, &settings);
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            seen = feed.next() => match seen {
                Some(seen) => screen.seen(&seen),
                None => break,
            },
        }
    }
    let calls = simulator.stop().await;
    while let Some(seen) = feed.next_now() {
        screen.seen(&seen);
    }
    screen.summary(&calls);
    ExitCode::SUCCESS
}

fn settings(args: &SimulateArgs) -> Result<SimulatorSettings, Vec<String>> {
    let mut problems = Vec::new();
    let listen = checked(&mut problems, "--listen", &args.listen, |text| {
        text.parse().map_err(|_| "is no address with a port, such as 127.0.0.1:8099")
    });
    let latency = checked(&mut problems, "--latency", &args.latency, humantime::parse_duration);
    let latency_jitter = checked(&mut problems, "--jitter", &args.jitter, humantime::parse_duration);
    let token_life = checked(&mut problems, "--token-life", &args.token_life, |text| {
        humantime::parse_duration(text)
            .ok()
            .filter(|life| life.as_secs() > 0 && life.subsec_nanos() == 0)
            .ok_or("is no duration of whole seconds, such as 2s or 1h")
    });
    for (name, text) in [("--client-id", &args.client_id), ("--client-secret", &args.client_secret)] {
        if text.is_empty() {
            problems.push(format!("{name}: must not be empty"));
        }
    }
    let limits =
        args.limits.iter().filter_map(|text| checked(&mut problems, "--limit", text, FromStr::from_str)).collect();
    let faults =
        args.faults.iter().filter_map(|text| checked(&mut problems, "--fault", text, FromStr::from_str)).collect();
    match (listen, latency, latency_jitter, token_life) {
        (Some(listen), Some(latency), Some(latency_jitter), Some(token_life)) if problems.is_empty() => {
            Ok(SimulatorSettings {
                listen,
                client_id: args.client_id.clone(),
                client_secret: args.client_secret.clone(),
                token_life,
                latency,
                latency_jitter,
                limits,
                refused_calls_count: args.refused_calls_count,
                faults,
                ..SimulatorSettings::default()
            })
        }
        _ => Err(problems),
    }
}

fn checked<T, E: Display>(
    problems: &mut Vec<String>,
    name: &str,
    text: &str,
    check: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    check(text).map_err(|problem| problems.push(format!("{name} {text:?}: {problem}"))).ok()
}

struct Screen {
    json: bool,
}

impl Screen {
    fn started(&self, simulator: &Simulator, settings: &SimulatorSettings) {
        let url = simulator.url();
        let limits: Vec<_> = settings.limits.iter().map(ToString::to_string).collect();
        let faults: Vec<_> = settings.faults.iter().map(ToString::to_string).collect();
        if self.json {
            let latency = humantime::format_duration(settings.latency).to_string();
            let token_life = humantime::format_duration(settings.token_life).to_string();
            return line(&json!({
                "event": "listening", "url": url, "token_url": simulator.token_url(), "client_id": settings.client_id,
                "latency": latency, "token_life": token_life, "limits": limits, "faults": faults,
            }));
        }
        let or_none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join("   ") };
        let secret = if settings.client_secret == SimulatorSettings::default().client_secret {
            settings.client_secret.as_str()
        } else {
            "(as given)"
        };
        line(&format_args!("{} {}", "CXone simulator at".bold(), url.cyan().bold()));
        line(&format_args!("  latency     {}", humantime::format_duration(settings.latency)));
        if !settings.latency_jitter.is_zero() {
            line(&format_args!("  jitter      {}", humantime::format_duration(settings.latency_jitter)));
        }
        line(&format_args!("  token life  {}", humantime::format_duration(settings.token_life)));
        line(&format_args!("  limits      {}", or_none(&limits)));
        line(&format_args!("  faults      {}", or_none(&faults)));
        line(&format_args!("  counts      {url}/_sim/calls"));
        line(&"\nA worker finds it with this in its configuration:\n".dimmed());
        line(&format_args!("  [tenants.default]\n  api = \"data-actions\"\n  base_url = \"{url}\"\n"));
        line(&format_args!("  [tenants.default.auth]\n  grant = \"client_credentials\""));
        line(&format_args!("  client_id = \"{}\"\n  client_secret = \"{secret}\"\n", settings.client_id));
    }

    fn seen(&self, seen: &Seen) {
        match seen {
            Seen::Call(call) if self.json => {
                let mut shown = json!({ "event": "call", "time": SystemClock.now() });
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

    fn summary(&self, calls: &Calls) {
        if self.json {
            return line(&json!({ "event": "summary", "calls": calls.totals, "max_concurrent": calls.max_concurrent,
                "actions": calls.actions, "tokens": calls.tokens, "quota": calls.quota, "ran_again": calls.ran_again(),
                "redirects_followed": calls.redirects_followed, "not_found": calls.not_found, "wrong_method": calls.wrong_method }));
        }
        let totals = &calls.totals;
        line(&format_args!(
            "\n{} in {} runs: {} answered, {} cut off by the client, {} broken off; at most {} at once",
            format_args!("{} calls", totals.calls).bold(),
            calls.runs.len(),
            totals.answered,
            totals.cut_off,
            totals.broken_off,
            calls.max_concurrent,
        ));
        for (action, tally) in &calls.actions {
            let statuses: Vec<_> = tally.statuses.iter().map(|(status, n)| format!("{status} × {n}")).collect();
            line(&format_args!(
                "  {action:<40} {:>7} calls  {:>7} ran   {}",
                tally.calls,
                tally.ran,
                statuses.join("  ")
            ));
        }
        line(&format_args!("  tokens: {} calls, {} issued", calls.tokens.calls, calls.tokens.issued));
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

fn pretty(call: &CallSeen) -> String {
    let time = SystemClock.now().strftime("%H:%M:%S%.3f").to_string();
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
    let (run, step) = (call.run.as_deref().unwrap_or("-"), call.step.as_deref().unwrap_or("-"));
    let (target, ms) = (&call.target, call.took_ms);
    format!("{}  {run}  {step} {attempt:<3} {target}  {status} {ms:>6} ms{}", time.dimmed(), ending.red())
}

/// Whoever reads may have gone away; that is no reason to stop serving.
fn line(text: &dyn Display) {
    let _ = writeln!(anstream::stdout().lock(), "{text}");
    let _ = io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        simulate: SimulateArgs,
    }

    fn parse(args: &[&str]) -> Result<SimulatorSettings, Vec<String>> {
        let args = std::iter::once("simulate").chain(args.iter().copied());
        settings(&Command::try_parse_from(args).unwrap().simulate)
    }

    #[test]
    fn arguments_become_settings() {
        let settings = parse(&[
            "--listen=127.0.0.1:0",
            "--limit=10/1s",
            "--limit=100/60s",
            "--fault=da-x=status:503,retry-after:2,times:2",
            "--fault=*=drip:100ms",
        ])
        .unwrap();
        assert_eq!(settings.listen.port(), 0);
        assert_eq!(settings.limits.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10/1s", "100/1m"]);
        assert_eq!(
            settings.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["da-x=status:503,retry-after:2,times:2", "*=drip:100ms"]
        );
        assert_eq!(parse(&[]).unwrap().listen.port(), 8099);
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let problems = parse(&[
            "--listen=nowhere",
            "--latency=fast",
            "--token-life=500ms",
            "--client-id=",
            "--limit=0/1s",
            "--limit=10/1s",
            "--fault=da-x=explode",
            "--fault=da/y=hang",
        ])
        .unwrap_err();
        let names: Vec<_> = problems.iter().map(|p| p.split([' ', ':']).next().unwrap_or_default()).collect();
        assert_eq!(names, ["--listen", "--latency", "--token-life", "--client-id", "--limit", "--fault", "--fault"]);
    }
}
