//! One job: what a poll is told, as a function of the time since its submission. Nothing drives it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::execute::output;
use super::identity::RequestId;
use super::job_fault::{JobEnd, JobFault, Span, StateCase};
use super::jobs::text;
use super::settings::SimulatorSettings;
use crate::chain::ActionId;

/// What a submission asks for.
pub(super) struct Order {
    /// Whose job it is; `None` when the submission did not say.
    pub(super) owner: Option<RequestId>,
    pub(super) action: ActionId,
    /// `inputParameters`, as they were written.
    pub(super) input: String,
    /// The longest that it may run.
    pub(super) execution_timeout: Option<Duration>,
}

pub(super) struct Job {
    pub(super) order: Order,
    /// `jobId`, as JSON.
    pub(super) id: Value,
    api: Api,
    queued: Span,
    running: Span,
    running_as: Option<Arc<str>>,
    end: JobEnd,
    case: StateCase,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobState {
    Queued,
    Running,
    Completed,
    Failed,
    TimedOut,
}

impl Job {
    pub(super) fn new(order: Order, id: Value, fault: &JobFault, settings: &SimulatorSettings) -> Self {
        let queued = fault.queued.unwrap_or(Span::For(settings.job_queued));
        let mut running = fault.running.unwrap_or(Span::For(settings.job_running));
        let mut end = fault.end.clone();
        if let (Span::For(wanted), Some(allowed)) = (running, order.execution_timeout)
            && allowed < wanted
        {
            (running, end) = (Span::For(allowed), JobEnd::TimesOut);
        }
        let api = settings.api;
        Self { order, id, api, queued, running, running_as: fault.running_as.clone(), end, case: fault.case }
    }

    /// How long after its submission it is over; `None`: never.
    pub(super) fn over_after(&self) -> Option<Duration> {
        match (self.queued, self.running) {
            (Span::For(queued), Span::For(running)) => Some(queued.saturating_add(running)),
            (Span::Ever, _) | (_, Span::Ever) => None,
        }
    }

    /// Where it stands so long after its submission.
    pub(super) fn state(&self, age: Duration) -> JobState {
        match (self.queued, self.over_after()) {
            (Span::Ever, _) => JobState::Queued,
            (Span::For(queued), _) if age < queued => JobState::Queued,
            (_, Some(over)) if age >= over => match self.end {
                JobEnd::Completes => JobState::Completed,
                JobEnd::Fails(_) => JobState::Failed,
                JobEnd::TimesOut => JobState::TimedOut,
            },
            (Span::For(_), _) => JobState::Running,
        }
    }

    /// A state as this job writes it.
    pub(super) fn name(&self, state: JobState) -> String {
        if let (JobState::Running, Some(other)) = (state, &self.running_as) {
            return other.as_ref().to_owned();
        }
        let name = match (self.api, state) {
            (Api::DataActions | Api::Genesys, JobState::Queued) => "QUEUED",
            (Api::DataActions, JobState::Running) => "RUNNING",
            (Api::DataActions, JobState::Completed) => "COMPLETED",
            (Api::DataActions, JobState::TimedOut) => "TIMED_OUT",
            // It has no word for a job that waits.
            (Api::Cxone, JobState::Queued | JobState::Running) => "RUNNING",
            (Api::Cxone, JobState::Completed) => "SUCCEEDED",
            (Api::Genesys, JobState::Running) => "PENDING",
            (Api::Genesys, JobState::Completed) => "FULFILLED",
            (Api::Cxone | Api::Genesys, JobState::TimedOut) => "EXPIRED",
            (_, JobState::Failed) => "FAILED",
        };
        match self.case {
            StateCase::Upper => name.to_owned(),
            StateCase::Lower => name.to_ascii_lowercase(),
            StateCase::Title => name[..1].to_owned() + &name[1..].to_ascii_lowercase(),
        }
    }

    /// What a poll is told of the state.
    pub(super) fn told(&self, state: JobState) -> String {
        let status = Value::from(self.name(state));
        match self.api {
            Api::DataActions => {}
            Api::Cxone => return self.extracted(state, &status),
            Api::Genesys => return self.queried(state, &status),
        }
        let head = format!(r#"{{"jobId":{},"status":{status}"#, self.id);
        let rest = match state {
            JobState::Queued | JobState::Running => String::new(),
            JobState::Failed | JobState::TimedOut => format!(r#","errorDetail":{}"#, json!(self.reason(state))),
            JobState::Completed => {
                format!(r#","output":{}"#, output(&self.order.action, &self.order.input))
            }
        };
        head + &rest + "}"
    }
}

impl Job {
    /// As CXone's data extraction tells it: the rows are at a URL.
    fn extracted(&self, state: JobState, status: &Value) -> String {
        let mut told = json!({"id": self.id, "status": status});
        match state {
            JobState::Queued | JobState::Running => {}
            JobState::Completed => {
                told["result"] = json!({"url": format!("https://simulated.invalid/{}", text(&self.id))});
            }
            JobState::Failed | JobState::TimedOut => told["result"] = json!({"errorMessage": self.reason(state)}),
        }
        json!({ "jobStatus": told }).to_string()
    }

    /// As Genesys Cloud's asynchronous queries tell it: the rows are had from another path.
    fn queried(&self, state: JobState, status: &Value) -> String {
        let mut told = json!({ "state": status });
        if matches!(state, JobState::Failed | JobState::TimedOut) {
            told["errorMessage"] = self.reason(state).into();
        }
        told.to_string()
    }

    fn reason(&self, state: JobState) -> &str {
        match (state, &self.end) {
            (JobState::Failed, JobEnd::Fails(Some(text))) => text,
            (JobState::TimedOut, _) => "the action did not end in time",
            _ => "the action failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Fault;

    const MS: Duration = Duration::from_millis(1);

    fn job(fault: &str, execution_timeout: Option<Duration>) -> Job {
        let fault = fault.parse::<Fault>().unwrap().job;
        let input = r#"{"n": 1.0}"#.to_owned();
        let order = Order { owner: None, action: ActionId::parse("da-x").unwrap(), input, execution_timeout };
        Job::new(order, json!("job-1"), &fault, &SimulatorSettings::default())
    }

    fn states(fault: &str, execution_timeout: Option<Duration>) -> Vec<String> {
        let job = job(fault, execution_timeout);
        let ages = [0, 99, 100, 199, 200, 299, 300, 999, 1000, 86_400_000];
        let mut names: Vec<_> = ages.map(|age| job.name(job.state(age * MS))).to_vec();
        names.dedup();
        names
    }

    #[test]
    fn a_job_is_queued_then_runs_and_then_is_over() {
        let job = job("slow:0s", None);
        let at = [0, 99, 100, 299, 300].map(|age| job.state(age * MS));
        use JobState::{Completed, Queued, Running};
        assert_eq!(at, [Queued, Queued, Running, Running, Completed]);
        assert_eq!(job.over_after(), Some(300 * MS));
    }

    #[test]
    fn every_fault_has_its_course() {
        let table: &[(&str, &[&str])] = &[
            ("job-fails", &["QUEUED", "RUNNING", "FAILED"]),
            ("job-times-out", &["QUEUED", "RUNNING", "TIMED_OUT"]),
            ("job-stuck", &["QUEUED"]),
            ("job-runs", &["QUEUED", "RUNNING"]),
            ("job-state:PAUSED", &["QUEUED", "PAUSED", "COMPLETED"]),
            ("job-state:PAUSED,job-runs,job-queued:0s", &["PAUSED"]),
            ("job-queued:0s,job-runs-for:0s", &["COMPLETED"]),
            ("job-runs-for:899ms,job-case:lower,job-times-out", &["queued", "running", "timed_out"]),
            ("job-case:title,job-times-out", &["Queued", "Running", "Timed_out"]),
        ];
        for (fault, expected) in table {
            assert_eq!(states(fault, None), *expected, "{fault}");
        }
    }

    #[test]
    fn a_job_that_would_run_for_longer_than_it_may_times_out() {
        assert_eq!(job("slow:0s", Some(199 * MS)).state(299 * MS), JobState::TimedOut);
        assert_eq!(job("slow:0s", Some(199 * MS)).state(298 * MS), JobState::Running);
        assert_eq!(states("slow:0s", Some(200 * MS)), ["QUEUED", "RUNNING", "COMPLETED"]);
        assert_eq!(states("job-fails", Some(10 * MS)), ["QUEUED", "RUNNING", "TIMED_OUT"]);
        assert_eq!(states("job-runs", Some(10 * MS)), ["QUEUED", "RUNNING"], "it is stuck for good");
    }

    #[test]
    fn every_platform_tells_it_in_its_own_words() {
        let told = |api: Api, fault: &str, age: Duration| {
            let fault = fault.parse::<Fault>().unwrap().job;
            let order = Order {
                owner: None,
                action: ActionId::parse("x").unwrap(),
                input: "{}".to_owned(),
                execution_timeout: None,
            };
            let job = Job::new(order, json!("j"), &fault, &SimulatorSettings { api, ..SimulatorSettings::default() });
            job.told(job.state(age))
        };
        let over = Duration::from_secs(1);
        for (fault, age, cxone, genesys) in [
            ("job-stuck", over, r#"{"jobStatus":{"id":"j","status":"RUNNING"}}"#, r#"{"state":"QUEUED"}"#),
            ("job-runs", over, r#"{"jobStatus":{"id":"j","status":"RUNNING"}}"#, r#"{"state":"PENDING"}"#),
            (
                "slow:0s",
                over,
                r#"{"jobStatus":{"id":"j","result":{"url":"https://simulated.invalid/j"},"status":"SUCCEEDED"}}"#,
                r#"{"state":"FULFILLED"}"#,
            ),
            (
                "job-fails:no row",
                over,
                r#"{"jobStatus":{"id":"j","result":{"errorMessage":"no row"},"status":"FAILED"}}"#,
                r#"{"errorMessage":"no row","state":"FAILED"}"#,
            ),
            (
                "job-times-out,job-case:lower",
                over,
                r#"{"jobStatus":{"id":"j","result":{"errorMessage":"the action did not end in time"},"status":"expired"}}"#,
                r#"{"errorMessage":"the action did not end in time","state":"expired"}"#,
            ),
        ] {
            assert_eq!(told(Api::Cxone, fault, age), cxone, "{fault}");
            assert_eq!(told(Api::Genesys, fault, age), genesys, "{fault}");
        }
    }

    #[test]
    fn what_a_poll_is_told_is_json_whatever_the_fault_says() {
        let told = |fault: &str| {
            let job = job(fault, None);
            job.told(job.state(Duration::MAX))
        };
        let table = [
            (
                "slow:0s",
                r#"{"jobId":"job-1","status":"COMPLETED","output":{"action":"da-x","ok":true,"echo":{"n": 1.0}}}"#,
            ),
            ("job-fails:no \"row\"", r#"{"jobId":"job-1","status":"FAILED","errorDetail":"no \"row\""}"#),
            ("job-fails", r#"{"jobId":"job-1","status":"FAILED","errorDetail":"the action failed"}"#),
            (
                "job-times-out",
                r#"{"jobId":"job-1","status":"TIMED_OUT","errorDetail":"the action did not end in time"}"#,
            ),
            ("job-stuck", r#"{"jobId":"job-1","status":"QUEUED"}"#),
            ("job-runs,job-state:a\"b", r#"{"jobId":"job-1","status":"a\"b"}"#),
        ];
        for (fault, expected) in table {
            assert_eq!(told(fault), expected, "{fault}");
        }
    }
}
