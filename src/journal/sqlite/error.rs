//! Why a journal file cannot be used, in words that say what to do.

/// Why a journal file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It cannot be where it is to be.
    #[error("journal.path: {path}: {why}")]
    Place {
        /// The file.
        path: String,
        /// What is wrong with the place, and what to do.
        why: String,
    },
    /// There is none.
    #[error("journal.path: {path} does not exist: no worker has worked with this configuration here yet")]
    Missing {
        /// The file.
        path: String,
    },
    /// Another process writes it.
    #[error(
        "journal.path: {path} is in use by another process: a journal file is private to one worker. Give each worker a file and \
         a queue of its own"
    )]
    Held {
        /// The file.
        path: String,
    },
    /// It is something else.
    #[error("journal.path: {path} is no journal of cxchain: name another file")]
    Foreign {
        /// The file.
        path: String,
    },
    /// A later release has made it.
    #[error(
        "journal.path: {path} has schema version {found}, and this release knows {known} at most: a later release has worked with \
         it. Start that one, or a new file"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: usize,
        /// The latest that this release knows.
        known: usize,
    },
    /// An earlier release has made it, and no worker of this one has opened it yet.
    #[error(
        "journal.path: {path} has schema version {found}, not {known}: a worker of this release brings it up to date"
    )]
    Older {
        /// The file.
        path: String,
        /// Its version.
        found: usize,
        /// The one that this release reads.
        known: usize,
    },
    /// Its contents are not what was written.
    #[error(
        "the journal {path} is damaged: {why}. Move {path}, {path}-wal and {path}-shm away and start with a new one: whatever was in \
         hand then has a lost history. Put no backup in its place: it passes for the same journal, and calls made since would be \
         made again"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What does not fit.
        why: String,
    },
    /// Somebody took it away while it was written.
    #[error(
        "the journal {path} (or {path}-wal) was deleted, moved or replaced under the worker. Put both back if they still are \
         anywhere, then start again; else whatever was in hand has a lost history"
    )]
    Gone {
        /// The file.
        path: String,
    },
    /// The disk or the system does not do what it is asked to.
    #[error("the journal {path}: {why}")]
    Failing {
        /// The file.
        path: String,
        /// What the system says, and what to do.
        why: String,
    },
}

impl FileError {
    /// Whether it is a matter of configuration: the place, or whose file it is. Else disk or contents are to blame.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Gone { .. } | Self::Failing { .. } => false,
            Self::Place { .. }
            | Self::Missing { .. }
            | Self::Held { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::Older { .. } => true,
        }
    }
}
