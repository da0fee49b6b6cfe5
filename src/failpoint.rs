//! Named places where a test can kill the worker: one at every arrow of a run (4.1 of the contract). Records that share an append
//! have no arrow between them, so their places are come by together, after it; if it ends with an intent, only that one's is.
//!
//! With the cargo feature `failpoints`, `CXCHAIN_FAILPOINT=name` or `name:n` kills the process with SIGKILL the first (nth)
//! time that it comes by: no destructor runs, nothing is flushed, as in a real crash. `name@step` and `name@step:n` count only
//! where it comes by with this step, named by its index, or by its indices from the outermost chain inwards (`sent@2.0`). Without the
//! feature this is nothing.

use std::fmt::Display;

/// The places, in the order in which a run comes by.
pub const NAMES: [&str; 15] = [
    "claimed",
    "accepted",
    "resumed",
    "token",
    "permit",
    "intent",
    "sent",
    "submitted",
    "polled",
    "outcome",
    "event_published",
    "finished",
    "result_published",
    "settled",
    "acked",
];

/// Places that a worker comes by when it begins to consume: it has the claim on a queue in hand; it has made its own.
pub const AT_START: [&str; 2] = ["claim_read", "claim_written"];

/// The process comes by the place called `name`, one of [`NAMES`] or [`AT_START`].
#[inline]
pub fn hit(name: &str) {
    hit_at(name, None::<&&str>);
}

/// The process comes by the place called `name`, one of [`NAMES`], with this step, if with any.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn hit_at<S: Display + ?Sized>(_name: &str, _step: Option<&S>) {}

/// The process comes by the place called `name`, one of [`NAMES`], with this step, if with any.
#[cfg(feature = "failpoints")]
pub fn hit_at<S: Display + ?Sized>(name: &str, step: Option<&S>) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Armed {
        name: String,
        step: Option<String>,
        at: u32,
        seen: AtomicU32,
    }
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    debug_assert!(NAMES.contains(&name) || AT_START.contains(&name), "{name} is no fail point");
    let armed = ARMED.get_or_init(|| {
        let wish = std::env::var("CXCHAIN_FAILPOINT").ok()?;
        let (place, at) = wish.split_once(':').unwrap_or((&wish, "1"));
        let (name, step) = place.split_once('@').map_or((place, None), |(name, step)| (name, Some(step)));
        Some(Armed { name: name.into(), step: step.map(Into::into), at: at.parse().ok()?, seen: AtomicU32::new(0) })
    });
    let is_there = |wanted: &String| step.is_some_and(|step| step.to_string() == *wanted);
    let here = |armed: &&Armed| armed.name == name && armed.step.as_ref().is_none_or(is_there);
    let Some(armed) = armed.as_ref().filter(here) else { return };
    if armed.seen.fetch_add(1, Ordering::Relaxed) + 1 == armed.at {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
