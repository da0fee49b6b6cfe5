//! Exit codes, the same for every command.

use std::process::ExitCode;

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `submit --wait`: the run completed.
    Done,
    /// The run did not complete, or a drain was cut short.
    NotCompleted,
    /// The command line is wrong.
    Usage,
    /// No valid chain; nothing was published.
    InvalidChain,
    /// RabbitMQ or a tenant's platform cannot be reached, or refuses the credentials.
    Unreachable,
    /// A fault in cxchain, or a journal that cannot be read or written.
    Internal,
    /// The configuration is wrong, the broker's topology differs, or a queue is another worker's.
    Configuration,
    /// A second SIGTERM.
    Killed,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotCompleted => 1,
            Self::Usage => 2,
            Self::InvalidChain => 3,
            Self::Unreachable => 69,
            Self::Internal => 70,
            Self::Configuration => 78,
            Self::Killed => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
