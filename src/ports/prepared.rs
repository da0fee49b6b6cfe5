//! A request before it is sent.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::chain::action::Method;

/// A request as far as it is the same for all attempts of a step.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Prepared {
    /// The HTTP method.
    pub method: Method,
    /// Path and query below the tenant's base URL: a slash first, percent-encoded.
    pub target: String,
    /// The body, exactly as it goes out: sorted keys, no spaces. Empty: the request has none.
    pub body: Bytes,
    /// What no text about this request may have in it.
    pub hidden: Hidden,
}

/// Texts that must not be shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hidden(pub Arc<[String]>);

impl Hidden {
    /// The texts of the two.
    #[must_use]
    pub fn and(&self, more: Vec<String>) -> Self {
        Self(self.0.iter().cloned().chain(more).collect())
    }
}

// Written by hand: a payload must not get into a log by way of a `{:?}`, and the target has parts of it.

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("method", &self.method)
            .field("target_bytes", &self.target.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hidden").field("texts", &self.0.len()).finish_non_exhaustive()
    }
}
