//! `cxchain simulate`: a platform's simulator in the foreground, with a line per call.

mod screen;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use owo_colors::OwoColorize;
use tokio::signal::unix::{SignalKind, signal};

use super::Exit;
use crate::simulator::{FAULT_HELP, Simulator, SimulatorSettings};
use screen::Screen;

/// A CXone, or a Genesys Cloud, to try things on, with faults to order
///
/// Runs until SIGINT or SIGTERM. It plays the platform of a preset.
///
/// data-actions: POST /oauth/token, POST /api/v2/integration/data-actions/{action_id}/execute, and for jobs POST
/// /api/v2/dataactions/{action_id}/execute and GET /api/v2/dataactions/{action_id}/jobs/{job_id}.
///
/// cxone: an issuer with its discovery documents, access keys at POST /auth/token and POST /authentication/v1/token/access-key;
/// below /incontactapi/services/v31.0/ POST scripts/start?skillId=&scriptPath=&Parameters=, POST
/// interactions/{contactId}/signal, POST or PUT agent-sessions/{sessionId}/interactions/{contactId}/disposition, and an echo for
/// everything else; jobs at /data-extraction/v1/jobs. An operation's name is its path without numbers: scripts.start.
///
/// genesys: POST /oauth/token by Basic, POST /api/v2/integrations/actions/{action_id}/execute?flatten=false, jobs at
/// /api/v2/…/jobs, and an echo for everything else below /api/v2/.
///
/// It counts every call by run and step: GET /_sim/calls. Faults can be changed while it runs: PUT /_sim/faults with {"da-x":
/// "status:503,times:2"}, DELETE /_sim/faults. POST /_sim/reset forgets what was counted.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = format!("Faults:\n{FAULT_HELP}"))]
pub struct SimulateArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8099")]
    pub listen: String,
    /// The platform that it plays: data-actions, cxone or genesys
    #[arg(long, value_name = "PRESET", default_value = "data-actions")]
    pub api: String,
    /// How long an action takes; as a job, its submission and each poll
    #[arg(long, value_name = "DURATION", default_value = "50ms")]
    pub latency: String,
    /// An action takes up to this much longer, the same sequence every time
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub jitter: String,
    /// How long a job is QUEUED
    #[arg(long, value_name = "DURATION", default_value = "100ms")]
    pub job_queued: String,
    /// How long it is RUNNING after that
    #[arg(long, value_name = "DURATION", default_value = "200ms")]
    pub job_running: String,
    /// How long a token is good for; whole seconds
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub token_life: String,
    /// The client that may have tokens
    #[arg(long, value_name = "ID", default_value = "simulator-client")]
    pub client_id: String,
    /// Its secret
    #[arg(long, value_name = "SECRET", default_value = "simulator-secret")]
    pub client_secret: String,
    /// The access key of --api cxone
    #[arg(long, value_name = "ID", default_value = "simulator-key")]
    pub access_key_id: String,
    /// Its secret
    #[arg(long, value_name = "SECRET", default_value = "simulator-key-secret")]
    pub access_key_secret: String,
    /// What --api cxone calls the tenant
    #[arg(long, value_name = "ID", default_value = "simulator-tenant")]
    pub tenant_id: String,
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
pub async fn simulate(args: SimulateArgs) -> Exit {
    let settings = match settings(&args) {
        Ok(settings) => settings,
        Err(problems) => {
            for problem in problems {
                say!("{} {problem}", "error:".red().bold());
            }
            return Exit::Usage;
        }
    };
    // Asked for before the URL is printed: whoever has read it may end us.
    let (mut interrupt, mut terminate) = match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        (Err(error), _) | (_, Err(error)) => {
            say!("{} signals cannot be caught: {error}", "error:".red().bold());
            return Exit::Internal;
        }
    };
    let simulator = match Simulator::start(settings.clone()) {
        Ok(simulator) => simulator,
        Err(error) => {
            say!("{} cannot listen at {}: {error}", "error:".red().bold(), settings.listen);
            return Exit::Unreachable;
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
    Exit::Done
}

fn settings(args: &SimulateArgs) -> Result<SimulatorSettings, Vec<String>> {
    let mut problems = Vec::new();
    let listen = checked(&mut problems, "--listen", &args.listen, |text| {
        text.parse().map_err(|_| "is no address with a port, such as 127.0.0.1:8099")
    });
    let api = checked(&mut problems, "--api", &args.api, FromStr::from_str);
    let latency = checked(&mut problems, "--latency", &args.latency, duration);
    let latency_jitter = checked(&mut problems, "--jitter", &args.jitter, duration);
    let job_queued = checked(&mut problems, "--job-queued", &args.job_queued, duration);
    let job_running = checked(&mut problems, "--job-running", &args.job_running, duration);
    let token_life = checked(&mut problems, "--token-life", &args.token_life, |text| {
        humantime::parse_duration(text)
            .ok()
            .filter(|life| life.as_secs() > 0 && life.subsec_nanos() == 0)
            .ok_or("is no duration of whole seconds, such as 2s or 1h")
    });
    for (name, text) in [
        ("--client-id", &args.client_id),
        ("--client-secret", &args.client_secret),
        ("--access-key-id", &args.access_key_id),
        ("--access-key-secret", &args.access_key_secret),
        ("--tenant-id", &args.tenant_id),
    ] {
        if text.is_empty() {
            problems.push(format!("{name}: must not be empty"));
        }
    }
    let limits =
        args.limits.iter().filter_map(|text| checked(&mut problems, "--limit", text, FromStr::from_str)).collect();
    let faults =
        args.faults.iter().filter_map(|text| checked(&mut problems, "--fault", text, FromStr::from_str)).collect();
    let all = (listen, api, latency, latency_jitter, job_queued, job_running, token_life);
    let (
        Some(listen),
        Some(api),
        Some(latency),
        Some(latency_jitter),
        Some(job_queued),
        Some(job_running),
        Some(token_life),
    ) = all
    else {
        return Err(problems);
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(SimulatorSettings {
        listen,
        api,
        client_id: args.client_id.clone(),
        client_secret: args.client_secret.clone(),
        access_key_id: args.access_key_id.clone(),
        access_key_secret: args.access_key_secret.clone(),
        tenant_id: args.tenant_id.clone(),
        token_life,
        latency,
        latency_jitter,
        job_queued,
        job_running,
        limits,
        refused_calls_count: args.refused_calls_count,
        faults,
        ..SimulatorSettings::default()
    })
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "is no duration, such as 50ms or 2s")
}

fn checked<T, E: Display>(
    problems: &mut Vec<String>,
    name: &str,
    text: &str,
    check: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    check(text).map_err(|problem| problems.push(format!("{name} {text:?}: {problem}"))).ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::simulator::Api;

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
            "--fault=da-j=job-fails:no row,times:1",
            "--job-queued=1s",
            "--job-running=2s",
        ])
        .unwrap();
        assert_eq!(settings.listen.port(), 0);
        assert_eq!(settings.limits.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10/1s", "100/1m"]);
        assert_eq!(
            settings.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["da-x=status:503,retry-after:2,times:2", "*=drip:100ms", "da-j=job-fails:no row,times:1"]
        );
        assert_eq!((settings.job_queued, settings.job_running), (Duration::from_secs(1), Duration::from_secs(2)));
        assert_eq!((parse(&[]).unwrap().listen.port(), parse(&[]).unwrap().api), (8099, Api::DataActions));
        assert_eq!(parse(&["--api=genesys"]).unwrap().api, Api::Genesys);
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let problems = parse(&[
            "--listen=nowhere",
            "--api=cx",
            "--latency=fast",
            "--token-life=500ms",
            "--client-id=",
            "--limit=0/1s",
            "--limit=10/1s",
            "--job-queued=soon",
            "--job-running=-1s",
            "--fault=da-x=explode",
            "--fault=da/y=hang",
        ])
        .unwrap_err();
        let names: Vec<_> = problems.iter().map(|p| p.split([' ', ':']).next().unwrap_or_default()).collect();
        let expected = [
            "--listen",
            "--api",
            "--latency",
            "--job-queued",
            "--job-running",
            "--token-life",
            "--client-id",
            "--limit",
        ];
        assert_eq!(names, [&expected[..], &["--fault", "--fault"]].concat());
    }
}
