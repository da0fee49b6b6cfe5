//! What a plan needs to know of a tenant.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::super::ids::ActionId;

/// On what terms a tenant takes calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How often a call is made at most, where its step does not say: 1–10.
    pub max_attempts: u8,
    /// The time between two polls of a job. Not zero.
    pub poll: Duration,
    /// Its limits, all of which hold at once.
    pub windows: Vec<Window>,
    /// The limits that an action has besides; polls do not count against them.
    pub actions: BTreeMap<ActionId, Vec<Window>>,
}

/// One window of a tenant's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// How many requests go into every window.
    pub limit: u32,
    /// Its length.
    #[serde(rename = "per_seconds", serialize_with = "seconds")]
    pub per: Duration,
    /// The time between two requests of one worker, once the burst that the limit allows is used up. Not zero.
    #[serde(rename = "interval_seconds", serialize_with = "seconds")]
    pub interval: Duration,
}

/// As a number: whole seconds without a fraction.
pub(super) fn seconds<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    if span.subsec_nanos() == 0 {
        serializer.serialize_u64(span.as_secs())
    } else {
        serializer.serialize_f64(span.as_secs_f64())
    }
}
