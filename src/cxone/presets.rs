//! What differs from platform to platform, as data: the paths that an action has without any words about it, and how the
//! platform speaks of jobs. `config/presets.rs` has the defaults of the configuration.
//!
//! Sources: `data-actions` as the data-actions API describes itself; `cxone` as CXone's Data Extraction API does; `genesys` as Genesys
//! Cloud's asynchronous queries do.

use serde_json::Value;

use crate::chain::{ActionId, JobEnd, JobId, JobProgress};

/// The API that a tenant speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// CXone data actions: an action is an operation, at once or as a job.
    #[default]
    DataActions,
    /// CXone's own API: many operations, none of which follows from an action's id.
    Cxone,
    /// Genesys Cloud: an action is a data action, at once.
    Genesys,
}

impl Preset {
    /// Path and query at which `action` is carried out at once; `None`: only the catalogue can say.
    #[must_use]
    pub fn execution(self, action: &ActionId) -> Option<String> {
        match self {
            Self::DataActions => Some(format!("/api/v2/integration/data-actions/{action}/execute")),
            // What a data action puts out stays as it is nested: the flat form renames fields.
            Self::Genesys => Some(format!("/api/v2/integrations/actions/{action}/execute?flatten=false")),
            Self::Cxone => None,
        }
    }

    /// Where a job that carries `action` out is submitted; `None`: only the catalogue can say.
    #[must_use]
    pub fn submission(self, action: &ActionId) -> Option<String> {
        match self {
            Self::DataActions => Some(format!("/api/v2/dataactions/{action}/execute")),
            Self::Cxone | Self::Genesys => None,
        }
    }

    /// Whether it has a place for the jobs of every action: where they are submitted, and where they are asked after.
    #[must_use]
    pub fn has_all_jobs(self) -> bool {
        match self {
            Self::DataActions => true,
            Self::Cxone | Self::Genesys => false,
        }
    }

    /// Where `job`, which carries `action` out, is asked after; `None`: below where it was submitted.
    #[must_use]
    pub fn question(self, action: &ActionId, job: &JobId) -> Option<String> {
        match self {
            Self::DataActions => Some(format!("/api/v2/dataactions/{action}/jobs/{job}")),
            Self::Cxone | Self::Genesys => None,
        }
    }

    /// How it speaks of jobs.
    #[must_use]
    pub fn jobs(self) -> &'static JobShape {
        match self {
            Self::DataActions => &DATA_ACTIONS,
            Self::Cxone => &CXONE,
            Self::Genesys => &GENESYS,
        }
    }
}

/// How a platform speaks of jobs. Places are JSON pointers; the empty one is the whole answer.
#[derive(Debug)]
pub struct JobShape {
    /// Whether a submission wraps the payload (`inputParameters`, with the options of the job beside it), instead of being it.
    pub wrapped: bool,
    /// Where the answer to a submission may have the job's id, a string or a number.
    id: &'static [&'static str],
    /// The keys that lead to the state in the answer to a question.
    pub(super) state: &'static [&'static str],
    /// Where a job that is completed has its output.
    output: &'static str,
    /// Where a job that is not has its text, before the places of any error.
    error: &'static str,
    /// What the states are called, in upper case. Every other one is a job that runs.
    states: &'static [(&'static str, State)],
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending(JobProgress),
    Over(JobEnd),
}

const QUEUED: State = State::Pending(JobProgress::Queued);
const COMPLETED: State = State::Over(JobEnd::Completed);
const FAILED: State = State::Over(JobEnd::Failed);
const TIMED_OUT: State = State::Over(JobEnd::TimedOut);

const DATA_ACTIONS: JobShape = JobShape {
    wrapped: true,
    id: &["/jobId"],
    state: &["status"],
    output: "/output",
    error: "/errorDetail",
    states: &[("QUEUED", QUEUED), ("COMPLETED", COMPLETED), ("FAILED", FAILED), ("TIMED_OUT", TIMED_OUT)],
};

/// `POST /data-extraction/v1/jobs` answers with a bare string; the question, with `{jobStatus: {id, status, result: {url,
/// errorMessage}}}`.
const CXONE: JobShape = JobShape {
    wrapped: false,
    id: &["", "/jobId"],
    state: &["jobStatus", "status"],
    output: "/jobStatus/result",
    error: "/jobStatus/result/errorMessage",
    states: &[("SUCCEEDED", COMPLETED), ("FAILED", FAILED), ("CANCELLED", FAILED), ("EXPIRED", TIMED_OUT)],
};

/// The rows of a query are had from another place, so its output is what the platform says of the job.
const GENESYS: JobShape = JobShape {
    wrapped: false,
    id: &["/jobId"],
    state: &["state"],
    output: "",
    error: "/errorMessage",
    states: &[
        ("QUEUED", QUEUED),
        ("FULFILLED", COMPLETED),
        ("FAILED", FAILED),
        ("CANCELLED", FAILED),
        ("EXPIRED", TIMED_OUT),
    ],
};

impl JobShape {
    /// What the answer to a submission calls the job: a string or a whole number.
    pub(super) fn id(&self, answer: &Value) -> Option<String> {
        self.id.iter().filter_map(|place| answer.pointer(place)).find_map(|id| match id {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        })
    }

    /// How far an answer says that the job is; `None` when it does not.
    pub(super) fn state_in(&self, answer: &Value) -> Option<State> {
        let name = self.state.iter().try_fold(answer, |at, key| at.get(key))?.as_str()?;
        Some(self.state_called(name))
    }

    /// The state of this name, which is compared without case.
    pub(super) fn state_called(&self, name: &str) -> State {
        let known = self.states.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(State::Pending(JobProgress::Running), |(_, state)| *state)
    }

    /// The output of a job that is completed, taken out of the answer; `None` where there is none.
    pub(super) fn take_output(&self, answer: &mut Value) -> Option<Value> {
        answer.pointer_mut(self.output).map(Value::take).filter(|output| !output.is_null())
    }

    /// What the answer says, in a place of jobs, of why the job did not complete.
    pub(super) fn error<'v>(&self, answer: &'v Value) -> Option<&'v Value> {
        answer.pointer(self.error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: [Preset; 3] = [Preset::DataActions, Preset::Cxone, Preset::Genesys];

    #[test]
    fn states_have_their_names_by_platform_and_any_other_runs() {
        let running = State::Pending(JobProgress::Running);
        #[rustfmt::skip]
        let table = [
            // name, data-actions, cxone, genesys
            ("queued",    [QUEUED,    running,   QUEUED]),
            ("Running",   [running,   running,   running]),
            ("PENDING",   [running,   running,   running]),
            ("COMPLETED", [COMPLETED, running,   running]),
            ("succeeded", [running,   COMPLETED, running]),
            ("Fulfilled", [running,   running,   COMPLETED]),
            ("FAILED",    [FAILED,    FAILED,    FAILED]),
            ("cancelled", [running,   FAILED,    FAILED]),
            ("EXPIRED",   [running,   TIMED_OUT, TIMED_OUT]),
            ("timed_out", [TIMED_OUT, running,   running]),
            ("",          [running,   running,   running]),
        ];
        for (name, expected) in table {
            assert_eq!(ALL.map(|preset| preset.jobs().state_called(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_submission_names_the_job_where_the_platform_has_it() {
        let table = [
            (json!({"jobId": "a"}), [Some("a"), Some("a"), Some("a")]),
            (json!({"jobId": 7}), [Some("7"), Some("7"), Some("7")]),
            (json!("a"), [None, Some("a"), None]),
            (json!(7), [None, Some("7"), None]),
            (json!({"jobId": 7.5}), [None; 3]),
            (json!({"jobId": null}), [None; 3]),
            (json!({"id": "a"}), [None; 3]),
            (json!([]), [None; 3]),
        ];
        for (answer, expected) in table {
            assert_eq!(
                ALL.map(|preset| preset.jobs().id(&answer)),
                expected.map(|id| id.map(str::to_owned)),
                "{answer}"
            );
        }
    }

    #[test]
    fn an_answer_has_state_output_and_text_where_the_platform_has_them() {
        let answers = [
            json!({"status": "FAILED", "output": 1, "errorDetail": "e"}),
            json!({"jobStatus": {"status": "FAILED", "result": {"url": "u", "errorMessage": "e"}}}),
            json!({"state": "FAILED", "errorMessage": "e"}),
        ];
        let outputs = [json!(1), json!({"url": "u", "errorMessage": "e"}), answers[2].clone()];
        for (preset, (answer, output)) in ALL.into_iter().zip(answers.iter().zip(outputs)) {
            let shape = preset.jobs();
            assert_eq!(shape.state_in(answer), Some(FAILED), "{preset:?}");
            assert_eq!(shape.error(answer), Some(&json!("e")), "{preset:?}");
            assert_eq!(shape.take_output(&mut answer.clone()), Some(output), "{preset:?}");
            for nothing in [json!({}), json!(null), json!({"status": 1, "state": 1, "jobStatus": []})] {
                assert_eq!(shape.state_in(&nothing), None, "{preset:?} {nothing}");
            }
        }
        assert_eq!(Preset::Cxone.jobs().take_output(&mut json!({"jobStatus": {"result": null}})), None);
    }

    #[test]
    fn without_a_catalogue_an_action_is_where_its_platform_has_data_actions() {
        let expected = [
            (
                Some("/api/v2/integration/data-actions/x/execute"),
                Some("/api/v2/dataactions/x/execute"),
                Some("/api/v2/dataactions/x/jobs/j"),
            ),
            (None, None, None),
            (Some("/api/v2/integrations/actions/x/execute?flatten=false"), None, None),
        ];
        let (action, job) = (ActionId::parse("x").unwrap(), JobId::parse("j").unwrap());
        for (preset, (execution, submission, question)) in ALL.into_iter().zip(expected) {
            assert_eq!(preset.execution(&action).as_deref(), execution);
            assert_eq!(preset.submission(&action).as_deref(), submission);
            assert_eq!(preset.question(&action, &job).as_deref(), question);
        }
    }
}
