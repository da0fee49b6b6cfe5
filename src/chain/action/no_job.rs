//! Why an action cannot be carried out as a job.

use std::fmt::{self, Display};

use super::request::Method;

/// Why an action cannot be a job, whatever a step says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoJob {
    /// A job is submitted with a body, and requests of this method have none.
    Method(Method),
    /// Nothing says where it is submitted.
    Path,
    /// Its path has places, so where its jobs are does not follow from it, and nothing else says that.
    PollPath,
}

impl NoJob {
    /// What would be right, said to the author of a step.
    #[must_use]
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Method(_) => "sync; job where the method under tenants.NAME.actions is POST, PUT or PATCH",
            Self::Path => "sync; job where tenants.NAME.actions has a path for the action",
            Self::PollPath => "sync; job where tenants.NAME.actions has a poll_path for the action",
        }
    }
}

/// As what follows "the action cannot be a job: ".
impl Display for NoJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => write!(f, "it is called by {}, which has no body to submit", method.as_str()),
            Self::Path => f.write_str("the tenant's API has no place for the jobs of every action"),
            Self::PollPath => f.write_str("its path has places, so where the job would be asked after is not known"),
        }
    }
}
