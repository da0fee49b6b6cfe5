//! The names that a message may carry. A value of one of these types has passed its alphabet and its bounds, so it
//! can go into a URL path, a routing key or a log line without another look.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not a name of the wanted kind. Never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {allowed}")]
pub struct IdError {
    /// The rule in words, for the person who has to mend the message.
    pub allowed: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $allowed:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// The rule in words.
            pub const ALLOWED: &'static str = $allowed;

            /// Checks `text` against the rule.
            ///
            /// # Errors
            /// [`IdError`] with the rule when the text breaks it.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(IdError { allowed: Self::ALLOWED }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.to_string()
            }
        }
    };
}

fn bounded(text: &str, max: usize, allowed: fn(u8) -> bool) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}

name!(
    /// Names a chain definition: 1–128 of `[A-Za-z0-9._:-]`.
    ChainId,
    "1 to 128 characters of A-Z a-z 0-9 . _ : -",
    |text| bounded(text, 128, is_label)
);

name!(
    /// Names one run, unique within its work queue: 1–128 of `[A-Za-z0-9._:-]`.
    RunId,
    "1 to 128 characters of A-Z a-z 0-9 . _ : -",
    |text| bounded(text, 128, is_label)
);

name!(
    /// Names a tenant: 1–63 of `[a-z0-9_-]` without a double underscore (which separates environment keys).
    TenantName,
    "1 to 63 characters of a-z 0-9 _ - without a double underscore",
    |text| {
        bounded(text, 63, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-')) && !text.contains("__")
    }
);

name!(
    /// Names a step within its chain: `[A-Za-z_][A-Za-z0-9_]{0,63}`.
    StepId,
    "a letter or _ first, then up to 63 of A-Z a-z 0-9 _",
    |text| bounded(text, 64, |b| b.is_ascii_alphanumeric() || b == b'_') && !text.as_bytes()[0].is_ascii_digit()
);

name!(
    /// Names a CXone operation: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`. It can be a path segment, but never `.` or `..`.
    ActionId,
    "a letter or digit first, then up to 127 of A-Z a-z 0-9 . _ -",
    |text| {
        bounded(text, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) && text.as_bytes()[0].is_ascii_alphanumeric()
    }
);

name!(
    /// Names a job, as the platform called it: 1–128 of `[A-Za-z0-9._:~+=@-]`, but neither `.` nor `..`, so that it can be a path
    /// segment.
    JobId,
    "1 to 128 characters of A-Z a-z 0-9 . _ : ~ + = @ -, but not . or ..",
    |text| bounded(text, 128, |b| is_label(b) || matches!(b, b'~' | b'+' | b'=' | b'@')) && !matches!(text, "." | "..")
);

/// Where a step stands in the tree of chains: `[2]` is the third step, `[2, 0]` the first step of the chain nested in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepPath(Vec<u16>);

impl StepPath {
    /// The path of a step of the outermost chain.
    #[must_use]
    pub fn top(index: u16) -> Self {
        Self(vec![index])
    }

    /// The index within its own chain.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.0.last().copied().unwrap_or_default()
    }

    /// The index within the outermost chain.
    #[must_use]
    pub fn outermost(&self) -> u16 {
        self.0.first().copied().unwrap_or_default()
    }

    /// The indices from the outermost chain inwards.
    #[must_use]
    pub fn indices(&self) -> &[u16] {
        &self.0
    }

    /// The path of a step of the chain that is nested in this one.
    #[must_use]
    pub fn child(&self, index: u16) -> Self {
        Self(self.0.iter().copied().chain([index]).collect())
    }

    /// The step that its chain is nested in; `None` for a step of the outermost chain.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let above = self.0.split_last().map(|(_, above)| above)?;
        (!above.is_empty()).then(|| Self(above.to_vec()))
    }
}

/// The indices from the outermost chain inwards, with dots: `2.0`.
impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indices: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&indices.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_id_never_leaves_its_path_segment() {
        for hostile in ["..", ".", "../x", "a/b", "a%2fb", "a\r\nb", "", "-a", "http://x", "a b", "ä", "a?b", "a#b"] {
            assert!(ActionId::parse(hostile).is_err(), "{hostile:?}");
        }
        assert!(ActionId::parse("da-fetch.customer_Profile-1").is_ok());
        assert!(ActionId::parse(&"a".repeat(128)).is_ok());
        assert!(ActionId::parse(&"a".repeat(129)).is_err());
    }

    #[test]
    fn a_job_id_never_leaves_its_path_segment() {
        for hostile in
            ["..", ".", "../x", "a/b", "a%2fb", "a\r\nb", "", "a b", "ä", "a?b", "a#b", "a\\b", &"a".repeat(129)]
        {
            assert!(JobId::parse(hostile).is_err(), "{hostile:?}");
        }
        for id in ["4711", "0b8f2c9e-1d5a-4a53-9f5c-3f0f6f5c9d10", "us-west:job.7", "YWJj+ZGVm==", "..."] {
            assert!(JobId::parse(id).is_ok(), "{id}");
        }
    }

    #[test]
    fn a_step_id_can_stand_in_an_expression() {
        assert!(StepId::parse("_a1").is_ok());
        for hostile in ["1a", "a-b", "a.b", "", &"a".repeat(65)] {
            assert!(StepId::parse(hostile).is_err(), "{hostile:?}");
        }
    }

    #[test]
    fn a_tenant_has_no_double_underscore() {
        assert!(TenantName::parse("north_west-1").is_ok());
        for hostile in ["a__b", "A", "", "a.b", &"a".repeat(64)] {
            assert!(TenantName::parse(hostile).is_err(), "{hostile:?}");
        }
    }
}
