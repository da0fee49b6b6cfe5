//! Expressions: how data gets from one step to a later one. `${{ EXPR }}` in a payload, `when` and `extract` hold JMESPath, which is
//! compiled and checked with the definition, and evaluated when its step is reached. Pure: what a run knows comes in as a
//! [`Context`].
//!
//! The grammar is that of the crate `jmespath`, whose parser is let at a text only when its length and its nesting are bounded. The
//! evaluation is our own: it borrows what the steps left instead of copying it, keeps the digits of integers, and pays for
//! everything out of a `Meter`, so that no expression, however meant, takes more than a bounded time and memory.

mod bounds;
mod call;
mod coercion;
mod comparison;
mod compiled;
mod condition;
mod context;
mod evaluate;
mod extract;
mod fault;
mod function;
mod item;
mod literal;
mod meter;
mod node;
mod number;
mod reference;
mod scope;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod token;
mod view;

pub use bounds::{MAX_DEPTH, MAX_EXPRESSIONS, MAX_LENGTH, MAX_RENDERED};
pub use coercion::{As, Loss};
pub use compiled::Expression;
pub use condition::Condition;
pub use context::{Context, Seen};
pub use extract::{Extract, ExtractError, Taken};
pub use fault::{Fault, Wrong};
pub use scope::{Lookup, Name, Scope};
pub use template::{EvaluationError, Template};
pub(super) use template::{Holes, Piece};
pub(super) use token::end;
