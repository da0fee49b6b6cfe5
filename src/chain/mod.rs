//! The pure heart: what a chain definition is, what a run of it has recorded, and what comes next.
//!
//! Nothing in here knows a clock, a socket, randomness or an async runtime; a test holds that. Everything else
//! in the crate depends on this room, and this room depends on nothing of the crate.

pub mod action;
pub mod canonical;
pub mod check;
pub mod definition;
pub mod expression;
pub mod hash;
pub mod ids;
pub mod json;
pub mod log;
pub mod outcome;
pub mod place;
pub mod plan;
pub mod problem;
pub mod result;
pub mod run;
pub mod stamp;

pub use action::ActionRules;
pub use definition::{Chain, Fallback, JobOptions, Mode, Nested, OnFailure, OnUnknown, Operation, Step, Work};
pub use ids::{ActionId, ChainId, JobId, RunId, StepId, StepPath, TenantName};
pub use outcome::{ErrorClass, JobEnd, JobProgress, Retryable, StepStatus, Verdict};
pub use problem::{Problem, Problems};
