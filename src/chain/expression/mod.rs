//! Expressions: how data gets from one step to a later one. `${{ EXPR }}` in a payload, `when` and `extract` hold JMESPath, which is
//! compiled and checked with the definition, and evaluated when its step is reached. Pure: what a run knows comes in as a
//! [`Context`].

mod context;
mod extract;
mod scope;
mod template;

pub use context::{Context, Seen};
pub use extract::{Extract, ExtractError};
pub use scope::{Lookup, Name, Scope};
pub use template::{Condition, EvaluationError, Template};
