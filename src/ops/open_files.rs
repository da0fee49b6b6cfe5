//! How many files and sockets this process may open. Every call in flight is a socket, and the usual soft limit of 1024 is there
//! for programs that use `select(2)`, which this one does not: it takes what the hard limit allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// What is open besides calls: connections to the broker, to token endpoints and for health, the runtime's own, the logs.
const OTHERS: u64 = 64;

/// Raises the soft limit (RLIMIT_NOFILE) to the hard one, says what holds, and warns if that is too low for so many calls at
/// once. A system that refuses leaves the limit as it is.
pub fn raise_open_files(calls: u64) {
    let needed = calls.saturating_add(OTHERS);
    let Some(limit) = raise() else { return info!(needed, "open files: no limit") };
    if limit < needed {
        warn!(
            limit,
            needed,
            "open files: the limit is lower than what max_concurrent of all tenants may need. Raise the hard limit \
             (systemd: LimitNOFILE=, Docker: --ulimit nofile=, a shell: ulimit -Hn) or lower max_concurrent: a call that \
             gets no socket fails as NETWORK"
        );
    } else {
        info!(limit, needed, "open files");
    }
}

/// The limit that holds afterwards; `None`: there is none.
fn raise() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    // Whether it was refused is seen by what holds now.
    let _ = setrlimit(Resource::Nofile, wanted);
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_hard_one_afterwards() {
        assert_eq!(raise(), getrlimit(Resource::Nofile).maximum);
    }
}
