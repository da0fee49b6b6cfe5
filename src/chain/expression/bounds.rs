//! How much an expression may ask for: everything in it is a stranger's.

/// The most bytes of an expression.
pub const MAX_LENGTH: usize = 1024;
/// The most brackets, projections and negations in one another. The parser, which is a crate's, calls itself for each.
pub const MAX_DEPTH: usize = 32;
/// The most expressions in one payload.
pub const MAX_EXPRESSIONS: usize = 1_000;
/// The most bytes of JSON that a payload has once its expressions are evaluated, and that a step's `extract` takes out.
pub const MAX_RENDERED: usize = 1024 * 1024;
/// The most work for one payload, one condition or one `extract`: about one unit for each value looked at, each entry copied, and each
/// 16 bytes of text read or written. Some 20 ns each.
pub(super) const MAX_WORK: usize = 1_000_000;
