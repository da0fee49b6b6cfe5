//! What lets a request through to a tenant. Fills [`ports::Gate`](crate::ports::Gate).
//!
//! What holds: where every request is made while its permit is fresh, at most `limit` requests are made in any closed window
//! of `per`. What the platform counts are arrivals, so the time on the way adds to it, or takes from it.

mod clock;
mod limit;
mod window;
mod windows;

#[cfg(test)]
mod judge;

pub use limit::{Limit, LimitError};
