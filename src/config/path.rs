//! The path of a key, written as TOML writes it.

use std::fmt;

/// Where a value stands in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Key(String),
    Index(usize),
}

impl Path {
    pub(super) fn root() -> Self {
        Self(Vec::new())
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn key(&self, name: &str) -> Self {
        self.and(Part::Key(name.to_owned()))
    }

    pub(super) fn index(&self, at: usize) -> Self {
        self.and(Part::Index(at))
    }

    /// Its last name with `more` behind a dot.
    pub(super) fn dotted(&self, more: &str) -> Self {
        let mut parts = self.0.clone();
        if let Some(Part::Key(last)) = parts.last_mut() {
            *last = format!("{last}.{more}");
        }
        Self(parts)
    }

    fn and(&self, part: Part) -> Self {
        let mut parts = self.0.clone();
        parts.push(part);
        Self(parts)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The path as a TOML header: `[worker]`, `[[queues]]`.
    pub(super) fn header(&self) -> String {
        match self.0.split_last() {
            Some((Part::Index(_), list)) => format!("[[{}]]", Self(list.to_vec())),
            _ => format!("[{self}]"),
        }
    }
}

/// Whether TOML takes the name without quotes.
pub(super) fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            match part {
                Part::Index(index) => write!(f, "[{index}]")?,
                Part::Key(name) => {
                    let dot = if at == 0 { "" } else { "." };
                    if is_bare(name) { write!(f, "{dot}{name}")? } else { write!(f, "{dot}{name:?}")? }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_toml() {
        let path = Path::root().key("tenants").key("default").key("actions").key("da.x\n");
        let dotted = Path::root().key("actions").key("scripts").dotted("start");
        assert_eq!(dotted.header(), "[actions.\"scripts.start\"]");
        assert_eq!(path.to_string(), "tenants.default.actions.\"da.x\\n\"");
        assert_eq!(Path::root().key("queues").index(1).header(), "[[queues]]");
        assert_eq!(Path::root().key("queues").index(1).key("name").to_string(), "queues[1].name");
    }
}
