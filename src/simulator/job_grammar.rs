//! The parts of a fault's text that are about jobs.

use std::sync::Arc;

use super::grammar::{duration, needed, set, spell};
use super::job_fault::{JobEnd, JobFault, JobId, Span, StateCase};

/// What was said of a job so far.
#[derive(Default)]
pub(super) struct JobParts {
    queued: Option<Span>,
    running: Option<Span>,
    running_as: Option<Arc<str>>,
    end: Option<JobEnd>,
    id: Option<JobId>,
    case: Option<StateCase>,
}

impl JobParts {
    /// Takes the part if it is about jobs. `Ok(false)` when that was said already, `Err` with what is wanted in its place.
    pub(super) fn take(&mut self, name: &str, value: Option<&str>) -> Option<Result<bool, &'static str>> {
        let span = |text: &str| duration(text).map(Span::For);
        let text = |text: &str| Ok(Arc::from(text));
        Some(match (name, value) {
            ("job-queued", _) => needed(value, span).map(|v| set(&mut self.queued, v)),
            ("job-stuck", None) => Ok(set(&mut self.queued, Span::Ever)),
            ("job-runs-for", _) => needed(value, span).map(|v| set(&mut self.running, v)),
            ("job-runs", None) => Ok(set(&mut self.running, Span::Ever)),
            ("job-state", _) => needed(value, text).map(|v| set(&mut self.running_as, v)),
            ("job-fails", _) => Ok(set(&mut self.end, JobEnd::Fails(value.map(Arc::from)))),
            ("job-times-out", None) => Ok(set(&mut self.end, JobEnd::TimesOut)),
            ("no-job-id", None) => Ok(set(&mut self.id, JobId::Missing)),
            ("job-id", _) => needed(value, text).map(|v| set(&mut self.id, JobId::Text(v))),
            ("job-case", _) => needed(value, case).map(|v| set(&mut self.case, v)),
            ("job-stuck" | "job-runs" | "job-times-out" | "no-job-id", Some(_)) => Err("takes no value"),
            _ => return None,
        })
    }

    pub(super) fn finish(self) -> JobFault {
        JobFault {
            queued: self.queued,
            running: self.running,
            running_as: self.running_as,
            end: self.end.unwrap_or_default(),
            id: self.id.unwrap_or_default(),
            case: self.case.unwrap_or_default(),
        }
    }
}

fn case(text: &str) -> Result<StateCase, &'static str> {
    match text {
        "upper" => Ok(StateCase::Upper),
        "lower" => Ok(StateCase::Lower),
        "title" => Ok(StateCase::Title),
        _ => Err("is upper, lower or title"),
    }
}

/// The parts that say this.
pub(super) fn parts(fault: &JobFault) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(fault.queued.map(|queued| match queued {
        Span::For(duration) => format!("job-queued:{}", spell(duration)),
        Span::Ever => "job-stuck".to_owned(),
    }));
    parts.extend(fault.running.map(|running| match running {
        Span::For(duration) => format!("job-runs-for:{}", spell(duration)),
        Span::Ever => "job-runs".to_owned(),
    }));
    parts.extend(fault.running_as.as_ref().map(|name| format!("job-state:{name}")));
    match &fault.end {
        JobEnd::Completes => {}
        JobEnd::Fails(None) => parts.push("job-fails".to_owned()),
        JobEnd::Fails(Some(text)) => parts.push(format!("job-fails:{text}")),
        JobEnd::TimesOut => parts.push("job-times-out".to_owned()),
    }
    match &fault.id {
        JobId::Own => {}
        JobId::Missing => parts.push("no-job-id".to_owned()),
        JobId::Text(text) => parts.push(format!("job-id:{text}")),
    }
    match fault.case {
        StateCase::Upper => {}
        StateCase::Lower => parts.push("job-case:lower".to_owned()),
        StateCase::Title => parts.push("job-case:title".to_owned()),
    }
    parts
}
