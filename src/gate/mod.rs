//! What lets a request through to a tenant. Fills [`ports::Gate`](crate::ports::Gate).
//!
//! [`LocalGate`] keeps one core a tenant (`core`), a synchronous state machine that answers "this waiter, now" or "nobody
//! before that instant". A waiter needs a free place under `max_concurrent` (fewer while a `ramp` is on), no `pause`, and a cell
//! in every one of the tenant's `windows`; the oldest run in the line (`order`) is first. The core knows no runtime and no
//! clock; `tenant` gives it both.
//!
//! What holds: where every request is made while its permit is fresh, at most `limit` requests are made in any closed window
//! of `per`. What the platform counts are arrivals, so the time on the way adds to it, or takes from it.

mod clock;
mod core;
mod limit;
mod local;
mod order;
mod pause;
mod ramp;
mod tenant;
mod tenure;
mod window;
mod windows;

#[cfg(test)]
mod judge;

pub use limit::{Limit, LimitError};
pub use local::{GateSettings, GateStatus, LocalGate};
