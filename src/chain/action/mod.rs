//! What is known of an action beyond its name: how it is called unless a step says otherwise, what its payload must look like,
//! and what of its answers must not be shown. The configuration fills it in; the check, the platform and the result go by it.

mod no_job;
mod path;
mod redaction;
mod request;
mod schema;
mod words;

use std::time::Duration;

use serde_json::{Map, Value};

pub use no_job::NoJob;
pub use path::{PathTemplate, encoded};
pub use redaction::Redaction;
pub use request::{Method, Misfit, Query};
pub use schema::{Part, PayloadSchema, Violation};

/// The rules of one action. Those of a step go before them, but for `required_params`, which add up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActionRules {
    /// Whether it is carried out as a job.
    pub job: bool,
    /// Why no step can have it carried out as one; `None`: a step can.
    pub no_job: Option<NoJob>,
    /// Whether sending it twice is harmless.
    pub idempotent: bool,
    /// The step's clock; `None`: the mode's own.
    pub timeout: Option<Duration>,
    /// Names that must be in the payload, and not `null`. Those that the path takes are among them.
    pub required_params: Vec<String>,
    /// Where it is called; `None`: at the place that the tenant's API has for every action.
    pub path: Option<PathTemplate>,
    /// What of a payload goes into the query: all that does not go into the path where the method has no body.
    pub query: Query,
    /// What a payload must look like.
    pub schema: Option<PayloadSchema>,
    /// What is masked wherever an answer, or something taken from it, is shown.
    pub redaction: Redaction,
}

impl ActionRules {
    /// Checks a payload whose expressions have been evaluated, right before it would be sent.
    ///
    /// # Errors
    /// What is wrong with it, at most 300 characters; quotes no value.
    pub fn check_payload(&self, payload: &Map<String, Value>) -> Result<(), String> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let violations = schema.violations(&Value::Object(payload.clone()));
        let Some(first) = violations.first() else { return Ok(()) };
        let more = match violations.len() - 1 {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(format!("the payload does not fit the action's schema: {first}{more}").chars().take(300).collect())
    }
}
