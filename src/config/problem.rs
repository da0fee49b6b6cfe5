//! Where a value came from, and what is wrong with it.

use std::fmt;

use ::config::{Value, ValueKind};

/// Where a configuration value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the built-in default holds.
    Default,
    /// In the configuration file.
    File {
        /// The file's path as it was given.
        path: String,
        /// The line, from 1; 0 where no line is to blame.
        line: usize,
    },
    /// In an environment variable of this name.
    Env(String),
}

impl Origin {
    /// The origin as the text that a layered value carries along.
    pub(super) fn encode(&self) -> Option<String> {
        match self {
            Origin::Default => None,
            Origin::File { path, line } => Some(format!("f:{line}:{path}")),
            Origin::Env(name) => Some(format!("e:{name}")),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("e:") {
            return Some(Origin::Env(name.to_owned()));
        }
        let (line, path) = text.strip_prefix("f:")?.split_once(':')?;
        Some(Origin::File { path: path.to_owned(), line: line.parse().ok()? })
    }

    /// Where `value` was given. A merged table has no place of its own: the first of its values speaks for it.
    pub(super) fn of(value: &Value) -> Option<Self> {
        if let Some(origin) = value.origin() {
            return Self::decode(origin);
        }
        let ValueKind::Table(table) = &value.kind else { return None };
        let mut keys: Vec<_> = table.keys().collect();
        keys.sort();
        keys.into_iter().find_map(|key| Self::of(&table[key]))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("built-in default"),
            Origin::File { path, line: 0 } => f.write_str(path),
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// One thing that is wrong with the configuration. Never quotes a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the value was given.
    pub origin: Origin,
    /// The key, such as `tenants.default.retry.base`; empty where the file as a whole is meant.
    pub key: String,
    /// What is wrong and what is allowed, the key included.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str(&self.text),
            origin => write!(f, "{origin}: {}", self.text),
        }
    }
}

/// The configuration cannot be used. Displays every problem on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, in the order of the reference; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("1 problem in the configuration; mend it and start again")?,
            n => write!(f, "{n} problems in the configuration; mend them all and start again")?,
        }
        f.write_str(" (docs/CONFIG.md describes every key):")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_survives_its_way_through_the_layers() {
        for origin in
            [Origin::File { path: "/etc/a:b/c.toml".into(), line: 12 }, Origin::Env("CXCHAIN__WORKER__ID".into())]
        {
            let value = Value::new(origin.encode().as_ref(), 1i64);
            assert_eq!(Origin::of(&value), Some(origin));
        }
    }
}
