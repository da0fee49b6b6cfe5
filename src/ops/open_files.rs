//! How many files and sockets this process may open. Every call in flight is a socket, and the usual soft limit of 1024 is there
//! for programs that use `select(2)`, which this one does not: it may have what the hard limit allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit (RLIMIT_NOFILE) to the hard one, and answers with what holds then; `None`: no limit.
///
/// A system that refuses leaves the limit as it is.
pub fn raise_open_files() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    // What holds is asked for below, refused or not.
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_hard_one_afterwards() {
        assert_eq!(raise_open_files(), getrlimit(Resource::Nofile).maximum);
    }
}
