//! Who may import what. One line a room: a new room needs one, and a new arrow is a decision.

use super::source::{Mention, Source};

/// A room of `src`: a folder, or a file beside `lib.rs`.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    /// What of the crate it may import, besides itself.
    may: &'static [&'static str],
    /// The rule in words.
    rule: &'static str,
}

const ADAPTER: &str = "an adapter imports ports and chain only (and tls, failpoint): app alone knows who fills a port";

pub(crate) const ROOMS: [Room; 17] = [
    Room { name: "chain", may: &[], rule: "chain is pure: it imports nothing of the crate" },
    Room { name: "failpoint", may: &[], rule: "failpoint imports nothing of the crate" },
    Room { name: "ops", may: &[], rule: "ops imports nothing of the crate" },
    Room { name: "tls", may: &[], rule: "tls imports nothing of the crate" },
    Room {
        name: "config",
        may: &["chain", "tls"],
        rule: "config imports chain and tls only: the rooms never see it, app maps it",
    },
    Room { name: "ports", may: &["chain"], rule: "ports imports chain only" },
    Room {
        name: "runner",
        may: &["chain", "ports", "failpoint"],
        rule: "runner knows the ports, never who fills them",
    },
    Room {
        name: "worker",
        may: &["chain", "ports", "runner", "failpoint"],
        rule: "worker knows the runner and the ports, never who fills them",
    },
    Room { name: "amqp", may: &["chain", "ports", "tls", "failpoint"], rule: ADAPTER },
    Room { name: "cxone", may: &["chain", "ports", "tls", "failpoint"], rule: ADAPTER },
    Room { name: "gate", may: &["chain", "ports", "failpoint"], rule: ADAPTER },
    Room { name: "journal", may: &["chain", "ports", "failpoint"], rule: ADAPTER },
    Room {
        name: "simulator",
        may: &["chain", "ports::Clock", "ports::SystemClock"],
        rule: "the simulator is a witness: it knows names and the time of day, nothing of the worker",
    },
    Room {
        name: "app",
        may: &["chain", "ports", "runner", "worker", "amqp", "cxone", "gate", "journal", "config", "ops", "failpoint"],
        rule: "app joins the rooms; commands and simulator are not its business",
    },
    Room {
        name: "cli",
        may: &[
            "app",
            "chain",
            "ports",
            "runner",
            "worker",
            "amqp",
            "config",
            "ops",
            "simulator",
            "cxone",
            "gate",
            "journal",
        ],
        rule: "cli may import all but failpoint",
    },
    Room { name: "lib", may: &[], rule: "lib.rs only lists the rooms" },
    Room { name: "main", may: &[], rule: "main.rs knows cxchain::cli only" },
];

/// A dependency that one room alone may know.
struct Kept {
    dependency: &'static str,
    within: &'static str,
    rule: &'static str,
}

const KEPT: [Kept; 5] = [
    Kept { dependency: "lapin", within: "amqp/", rule: "amqp is the only room that knows lapin" },
    Kept { dependency: "reqwest", within: "cxone/", rule: "cxone is the only room that knows reqwest" },
    Kept { dependency: "governor", within: "gate/", rule: "gate is the only room that knows governor" },
    Kept { dependency: "rusqlite", within: "journal/", rule: "journal is the only room that knows rusqlite" },
    Kept { dependency: "rand", within: "ports/clock.rs", rule: "chance is a parameter: ports::Dice" },
];

const PURE: &str = "chain is pure: no runtime, no socket, no file, no clock, no chance; all of that comes in as values";
/// What chain may not name, by how the path begins.
const NOT_IN_CHAIN: [&str; 17] = [
    "tokio",
    "lapin",
    "reqwest",
    "redis",
    "rusqlite",
    "governor",
    "rand",
    "hyper",
    "tracing",
    "futures_util",
    "uuid",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::io",
];
/// What chain may not name, wherever in a path.
const CLOCKS: [&str; 2] = ["SystemTime", "Instant"];

/// The room that a file is in.
pub(crate) fn room(source: &Source) -> &str {
    match source.file.as_str() {
        "src/lib.rs" => "lib",
        "src/main.rs" => "main",
        _ => &source.module[0],
    }
}

/// What is wrong with one mention; `None` if nothing is.
pub(crate) fn judge(source: &Source, mention: &Mention) -> Option<String> {
    let name = room(source);
    let path = mention.path.join("::");
    let Some(rules) = ROOMS.iter().find(|room| room.name == name) else {
        return Some(format!("{name} is a new room: it needs a line in tests/architecture/rules.rs"));
    };
    let forbidden = |to: &str, rule: &str| Some(format!("{name} → {to} ({path}): {rule}"));
    if mention.path[0] == "crate" {
        let inside = &mention.path[1..];
        let to = inside.first().map_or("the whole crate", String::as_str);
        let own = to == name;
        let may = rules.may.iter().any(|allowed| begins(inside, allowed));
        return if own || may { None } else { forbidden(to, rules.rule) };
    }
    if name == "main" && mention.path[0] == "cxchain" && !begins(&mention.path, "cxchain::cli") {
        return forbidden(&path, rules.rule);
    }
    if let Some(kept) = KEPT.iter().find(|kept| mention.path[0] == kept.dependency)
        && !source.file.starts_with(&format!("src/{}", kept.within))
    {
        return forbidden(kept.dependency, kept.rule);
    }
    if name == "chain" {
        let clock = mention.path.iter().any(|part| CLOCKS.contains(&part.as_str()))
            || mention.path.last().is_some_and(|last| last == "now");
        let banned = NOT_IN_CHAIN.iter().find(|banned| begins(&mention.path, banned));
        if clock || banned.is_some() {
            return forbidden(banned.unwrap_or(&path.as_str()), PURE);
        }
    }
    None
}

fn begins(path: &[String], prefix: &str) -> bool {
    let mut names = path.iter();
    prefix.split("::").all(|part| names.next().is_some_and(|name| name == part))
}
