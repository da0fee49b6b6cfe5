//! A JSON reader for text that strangers sent: it keeps where everything stands, sees what others overlook (a key given
//! twice, an integer that would lose digits), and goes on after every fault but a syntax error, so that a message is
//! mended in one round.
//!
//! It holds against hostile text: the depth of recursion is bounded by [`MAX_DEPTH`], and time and memory grow with the
//! length of the text, times a logarithm at most. `serde_json` is not used because it stops at the first fault, keeps
//! the last of equal keys in silence, and rounds integers that it cannot hold.

mod inside;
mod lines;
mod node;
mod pointer;
mod reader;
mod report;
#[cfg(test)]
pub(crate) mod tests;
mod token;

pub use lines::{Lines, Position};
pub use node::{Kind, Member, Node, Span};
pub use pointer::Pointer;
pub use reader::{MAX_DEPTH, read};
pub use report::Report;
