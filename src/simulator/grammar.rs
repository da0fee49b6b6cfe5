//! Faults as text: what `--fault` takes, what the admin surface takes and shows, and what tests may write.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use super::fault::{Behaviour, Fault, FaultRule, Per, RetryAfter, Target};
use super::job_fault::JobFault;
use super::job_grammar::{self, JobParts};
use crate::chain::ActionId;

/// All that is wrong with a fault's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("; "))]
pub struct FaultError {
    /// One sentence each; at least one.
    pub problems: Vec<String>,
}

impl FromStr for FaultRule {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((target, fault)) = text.split_once('=') else {
            return Err(FaultError { problems: vec![format!("{text:?} is not TARGET=FAULT")] });
        };
        match (target.parse(), fault.parse()) {
            (Ok(target), Ok(fault)) => Self::checked(target, fault),
            (target, fault) => {
                let problems = [target.err(), fault.err()].into_iter().flatten().flat_map(|e: FaultError| e.problems);
                Err(FaultError { problems: problems.collect() })
            }
        }
    }
}

impl FaultRule {
    /// A rule that means something.
    ///
    /// # Errors
    /// When it says how a job goes of calls that submit none.
    pub fn checked(target: Target, fault: Fault) -> Result<Self, FaultError> {
        match target {
            Target::Poll(_) | Target::EveryPoll | Target::Token | Target::Discovery
                if fault.job != JobFault::default() =>
            {
                Err(FaultError {
                    problems: vec![format!("{target}: how a job goes is said of the action that submits it")],
                })
            }
            _ => Ok(Self { target, fault }),
        }
    }
}

impl FromStr for Target {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        match text {
            "*" => Ok(Self::Every),
            "@token" => Ok(Self::Token),
            "@discovery" => Ok(Self::Discovery),
            "@poll" => Ok(Self::EveryPoll),
            text => {
                let polls = text.strip_suffix("@poll");
                ActionId::parse(polls.unwrap_or(text))
                    .map(if polls.is_some() { Self::Poll } else { Self::Action })
                    .map_err(|_| FaultError {
                        problems: vec![format!("{text:?} is no target, which is {TARGETS} ({})", ActionId::ALLOWED)],
                    })
            }
        }
    }
}

const TARGETS: &str = "* or @token or @discovery or @poll or an action id, with or without @poll";

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut parts = Parts::default();
        let mut rest = Some(text);
        while let Some(here) = rest {
            // A body takes all that follows, so that it can be JSON.
            let (part, next) = match here.split_once(',') {
                Some((part, next)) if !here.starts_with("body:") => (part, Some(next)),
                _ => (here, None),
            };
            parts.take(part);
            rest = next;
        }
        parts.finish()
    }
}

#[derive(Default)]
struct Parts {
    behaviour: Option<Behaviour>,
    job: JobParts,
    slow: Option<Duration>,
    times: Option<u32>,
    per: Option<Per>,
    retry_after: Option<RetryAfter>,
    body: Option<String>,
    problems: Vec<String>,
}

impl Parts {
    fn take(&mut self, part: &str) {
        let (name, value) = part.split_once(':').map_or((part, None), |(name, value)| (name, Some(value)));
        let outcome = match name {
            "slow" => needed(value, duration).map(|v| set(&mut self.slow, v)),
            "times" => needed(value, count).map(|v| set(&mut self.times, v)),
            "per" => needed(value, per).map(|v| set(&mut self.per, v)),
            "retry-after" => needed(value, seconds).map(|v| set(&mut self.retry_after, RetryAfter::Seconds(v))),
            "retry-at" => needed(value, seconds).map(|v| set(&mut self.retry_after, RetryAfter::Date(v))),
            "body" => needed(value, |text| Ok(text.to_owned())).map(|v| set(&mut self.body, v)),
            "rate-limited" if value.is_none() => {
                let status = Behaviour::Status { code: 400, retry_after: None, body: None };
                Ok(set(&mut self.behaviour, status) && set(&mut self.body, RATE_LIMITED.to_owned()))
            }
            _ => match self.job.take(name, value) {
                Some(outcome) => outcome,
                None => behaviour(name, value).map(|v| set(&mut self.behaviour, v)),
            },
        };
        match outcome {
            Ok(true) => {}
            Ok(false) => self.problems.push(format!("{part:?} says again, or otherwise, what was said already")),
            Err(wanted) => self.problems.push(format!("{part:?}: {wanted}")),
        }
    }

    fn finish(mut self) -> Result<Fault, FaultError> {
        let job = self.job.finish();
        match &mut self.behaviour {
            Some(Behaviour::Status { code: 204 | 304, .. }) if self.body.is_some() => {
                self.problems.push("204 and 304 have no body".to_owned());
            }
            Some(Behaviour::Status { retry_after, body, .. }) => {
                *retry_after = self.retry_after;
                *body = self.body.map(Into::into);
            }
            _ if self.retry_after.is_some() || self.body.is_some() => {
                self.problems.push("retry-after, retry-at and body go with status".to_owned());
            }
            None if self.slow.is_none() && job == JobFault::default() && self.problems.is_empty() => {
                self.problems.push("it says nothing of what goes wrong".to_owned());
            }
            _ => {}
        }
        if self.per.is_some() && self.times.is_none() {
            self.problems.push("per goes with times".to_owned());
        }
        if !self.problems.is_empty() {
            return Err(FaultError { problems: self.problems });
        }
        Ok(Fault {
            behaviour: self.behaviour.unwrap_or(Behaviour::Healthy),
            job,
            slow: self.slow.unwrap_or_default(),
            times: self.times,
            per: self.per.unwrap_or_default(),
        })
    }
}

pub(super) fn set<T>(slot: &mut Option<T>, value: T) -> bool {
    slot.replace(value).is_none()
}

pub(super) fn needed<T>(
    value: Option<&str>,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<T, &'static str> {
    value.ok_or("a value is missing after the colon").and_then(read)
}

fn behaviour(name: &str, value: Option<&str>) -> Result<Behaviour, &'static str> {
    Ok(match (name, value) {
        ("status", _) => Behaviour::Status { code: needed(value, status)?, retry_after: None, body: None },
        ("drip", _) => Behaviour::Drip(needed(value, duration)?),
        ("huge", _) => Behaviour::Huge(needed(value, size)?),
        ("bomb", _) => Behaviour::Bomb(needed(value, size)?),
        ("truncate", Some(kept)) => Behaviour::Truncate(Some(kept.parse().map_err(|_| "a number of bytes")?)),
        ("truncate", None) => Behaviour::Truncate(None),
        ("reset-before", None) => Behaviour::ResetBefore,
        ("reset-after", None) => Behaviour::ResetAfter,
        ("broken-json", None) => Behaviour::BrokenJson,
        ("text", None) => Behaviour::Text,
        ("empty", None) => Behaviour::Empty,
        ("redirect", None) => Behaviour::Redirect,
        ("hang", None) => Behaviour::Hang,
        ("unauthorized", None) => Behaviour::Unauthorized,
        (
            "rate-limited" | "reset-before" | "reset-after" | "broken-json" | "text" | "empty" | "redirect" | "hang"
            | "unauthorized",
            _,
        ) => {
            return Err("takes no value");
        }
        _ => return Err(UNKNOWN),
    })
}

/// How Genesys Cloud's token endpoint throttles, with 400.
const RATE_LIMITED: &str = r#"{"error":"invalid_request","description":"rate limit exceeded"}"#;

const UNKNOWN: &str = "is none of status, rate-limited, slow, drip, reset-before, reset-after, truncate, broken-json, text, empty, huge, bomb, \
                       redirect, hang, unauthorized, times, per, retry-after, retry-at, body, nor of the parts about jobs: \
                       job-queued, job-stuck, job-runs-for, job-runs, job-state, job-fails, job-times-out, no-job-id, job-id, \
                       job-case";

fn status(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|code| (200..600).contains(code)).ok_or("a status is 200 to 599")
}

pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "a duration is such as 2s or 100ms")
}

fn seconds(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "a number of whole seconds")
}

fn count(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|&n| n > 0).ok_or("a number of calls, at least 1")
}

fn per(text: &str) -> Result<Per, &'static str> {
    match text {
        "action" => Ok(Per::Action),
        "run" => Ok(Per::Run),
        _ => Err("is action or run"),
    }
}

const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

fn size(text: &str) -> Result<u64, &'static str> {
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).unwrap_or((text, 1));
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    bytes.filter(|&n| n >= 2).ok_or("a size is such as 10MB, 512MiB or 4096, at least 2")
}

impl Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.target, self.fault)
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Action(action) => action.as_str(),
            Self::Every => "*",
            Self::Poll(action) => return write!(f, "{action}@poll"),
            Self::EveryPoll => "@poll",
            Self::Token => "@token",
            Self::Discovery => "@discovery",
        })
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut body = None;
        match &self.behaviour {
            Behaviour::Healthy => {}
            Behaviour::Status { code, retry_after, body: text } => {
                parts.push(format!("status:{code}"));
                parts.extend(retry_after.map(|at| match at {
                    RetryAfter::Seconds(seconds) => format!("retry-after:{seconds}"),
                    RetryAfter::Date(seconds) => format!("retry-at:{seconds}"),
                }));
                body = text.as_ref().map(|text| format!("body:{text}"));
            }
            Behaviour::Drip(interval) => parts.push(format!("drip:{}", spell(*interval))),
            Behaviour::ResetBefore => parts.push("reset-before".to_owned()),
            Behaviour::ResetAfter => parts.push("reset-after".to_owned()),
            Behaviour::Truncate(kept) => parts.push(kept.map_or("truncate".to_owned(), |n| format!("truncate:{n}"))),
            Behaviour::BrokenJson => parts.push("broken-json".to_owned()),
            Behaviour::Text => parts.push("text".to_owned()),
            Behaviour::Empty => parts.push("empty".to_owned()),
            Behaviour::Huge(bytes) => parts.push(format!("huge:{bytes}")),
            Behaviour::Bomb(bytes) => parts.push(format!("bomb:{bytes}")),
            Behaviour::Redirect => parts.push("redirect".to_owned()),
            Behaviour::Hang => parts.push("hang".to_owned()),
            Behaviour::Unauthorized => parts.push("unauthorized".to_owned()),
        }
        parts.extend(job_grammar::parts(&self.job));
        if !self.slow.is_zero() || parts.is_empty() {
            parts.push(format!("slow:{}", spell(self.slow)));
        }
        parts.extend(self.times.map(|n| format!("times:{n}")));
        if self.per == Per::Run {
            parts.push("per:run".to_owned());
        }
        parts.extend(body);
        f.write_str(&parts.join(","))
    }
}

pub(super) fn spell(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}
