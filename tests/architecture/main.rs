//! The direction of imports, and the shape of the files: what docs/ARCHITECTURE.md says of both.

mod rules;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use source::{Mention, Source};

/// Files over 350 lines, each with the reason why it is not two.
const LONG: [(&str, &str); 0] = [];
const TYPICAL_MOST: usize = 350;
const MOST: usize = 500;

#[test]
fn imports_go_one_way() {
    let mut violations = Vec::new();
    for source in source::all() {
        for mention in &source.mentions {
            if let Some(what) = rules::judge(&source, mention) {
                violations.push(format!("{}:{}: {what}", source.file, mention.line));
            }
        }
    }
    assert!(violations.is_empty(), "imports against the direction:\n{}", violations.join("\n"));
}

#[test]
fn every_room_has_a_rule_and_a_place_on_the_map() {
    let sources = source::all();
    let rooms: BTreeSet<&str> = sources.iter().map(rules::room).collect();
    let ruled: BTreeSet<&str> = rules::ROOMS.iter().map(|room| room.name).collect();
    assert_eq!(rooms, ruled, "rooms of src, and those with a line in tests/architecture/rules.rs");
    let map = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md")).unwrap();
    let missing: Vec<_> = rooms.iter().filter(|room| !map.contains(&format!("src/{room}"))).collect();
    assert!(missing.is_empty(), "not on the map of docs/ARCHITECTURE.md: {missing:?}");
}

#[test]
fn no_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    source::collect(&root.join("src"), &mut files);
    source::collect(&root.join("tests"), &mut files);
    let mut long = Vec::new();
    for path in files {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let file = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        let excused = LONG.iter().any(|(name, _)| *name == file);
        if lines > MOST || (lines > TYPICAL_MOST && !excused) {
            long.push(format!("{file}: {lines} lines, at most {MOST}, over {TYPICAL_MOST} only with a reason (LONG)"));
        } else if lines <= TYPICAL_MOST && excused {
            long.push(format!("{file}: {lines} lines, no reason is needed any more (LONG)"));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// A module's head says what it is for.
#[test]
fn every_module_has_a_head() {
    let without: Vec<String> =
        source::all().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.file).collect();
    assert!(without.is_empty(), "files that do not begin with a module doc: {without:?}");
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = r##"
//! crate::doc::comment
use crate::a;
use crate::{b, c::{self, d as e}, f::*};
use super::super::g::H;
use ::lapin::Channel;
use lapin;
use std::{fs, time::Instant};
// crate::comment::x
/* crate::comment::y /* nested */ crate::comment::z */
/// crate::doc::x
fn body<'a>(x: &'a crate::i::T) -> Vec<crate::j::T> {
    let _ = "crate::string::x"; let _ = r#"crate::string::y"#; let _ = ('"', "crate::string::z");
    let y = crate::k::make::<crate::l::T>()
        .lapin()
        .map(crate::m::f);
    println!("{}", crate::n::X);
    #[cfg(test)]
    crate::statement_of_a_test::x();
    self::o::p();
    Vec::<u8>::new()
}
macro_rules! m { () => { $crate::q::r() } }
mod inner { use super::s; fn f() { super::super::t::u() } }
#[cfg(test)]
use crate::test_use::{x, y};
#[cfg(test)]
#[allow(unused, reason = "x")]
pub(crate) mod tests { use crate::test_module::x; }
#[cfg(all(test, unix))]
const fn f() -> u8 { crate::test_fn::x }
#[cfg(not(test))]
use crate::v;
use {crate::z, std::env as e};
pub(in crate::w) struct S(#[tokio::x] crate::y::T);
"##;
    let module = ["room".to_owned(), "file".to_owned()];
    let found: Vec<String> = source::read("x.rs", text, &module)
        .mentions
        .iter()
        .map(|Mention { line, path }| format!("{line} {}", path.join("::")))
        .collect();
    let expected = [
        "3 crate::a",
        "4 crate::b",
        "4 crate::c",
        "4 crate::c::d",
        "4 crate::f::*",
        "5 crate::g::H",
        "6 lapin::Channel",
        "7 lapin",
        "8 std::fs",
        "8 std::time::Instant",
        "12 crate::i::T",
        "12 crate::j::T",
        "14 crate::k::make",
        "14 crate::l::T",
        "16 crate::m::f",
        "17 crate::n::X",
        "20 crate::room::file::o::p",
        "23 crate::q::r",
        "24 crate::room::file::s",
        "24 crate::room::t::u",
        "33 crate::v",
        "34 crate::z",
        "34 std::env",
        "35 crate::w",
        "35 crate::y::T",
        "35 tokio::x",
    ];
    assert_eq!(found, expected);
}

/// Every rule, broken once.
#[test]
fn every_forbidden_arrow_is_refused() {
    for (file, path, allowed) in [
        ("src/chain/ids.rs", "crate::ports::Clock", false),
        ("src/chain/ids.rs", "tokio::time::Instant", false),
        ("src/chain/ids.rs", "std::time::SystemTime", false),
        ("src/chain/ids.rs", "Timestamp::now", false),
        ("src/chain/ids.rs", "std::fs", false),
        ("src/chain/ids.rs", "std::time::Duration", true),
        ("src/chain/run/state.rs", "crate::chain::ids", true),
        ("src/ports/gate.rs", "crate::runner::Runner", false),
        ("src/ports/gate.rs", "crate::chain::RunId", true),
        ("src/ports/gate.rs", "rand::random", false),
        ("src/ports/clock.rs", "rand::random", true),
        ("src/runner/drive.rs", "crate::worker::Worker", false),
        ("src/runner/drive.rs", "crate::journal::MemoryJournal", false),
        ("src/worker/run.rs", "crate::app::Running", false),
        ("src/worker/run.rs", "crate::amqp::Consumer", false),
        ("src/worker/run.rs", "lapin::Channel", false),
        ("src/worker/run.rs", "crate::runner::Run", true),
        ("src/amqp/link.rs", "crate::cxone::Cxone", false),
        ("src/amqp/link.rs", "crate::config::Config", false),
        ("src/amqp/link.rs", "lapin::Channel", true),
        ("src/cxone/calls.rs", "governor::Quota", false),
        ("src/gate/local.rs", "reqwest::Client", false),
        ("src/journal/memory.rs", "crate::runner::Run", false),
        ("src/journal/memory.rs", "crate::failpoint::hit", true),
        ("src/journal/sqlite/schema.rs", "rusqlite::Connection", true),
        ("src/app/store.rs", "rusqlite::Connection", false),
        ("src/config/load.rs", "crate::ports::Clock", false),
        ("src/simulator/state.rs", "crate::ports::Journal", false),
        ("src/simulator/state.rs", "crate::ports", false),
        ("src/simulator/state.rs", "crate::ports::Clock", true),
        ("src/app.rs", "crate::cli::Exit", false),
        ("src/app.rs", "crate::amqp::Consumer", true),
        ("src/cli/worker.rs", "crate::*", false),
        ("src/cli/worker.rs", "crate", false),
        ("src/cli/worker.rs", "crate::app::Running", true),
        ("src/main.rs", "cxchain::worker::Worker", false),
        ("src/main.rs", "cxchain::cli::run", true),
        ("src/garage/car.rs", "crate::chain::RunId", false),
    ] {
        let module = file.trim_start_matches("src/").trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        let source = Source { file: file.into(), module, text: String::new(), mentions: Vec::new() };
        let mention = Mention { line: 1, path: path.split("::").map(str::to_owned).collect() };
        let verdict = rules::judge(&source, &mention);
        assert_eq!(verdict.is_none(), allowed, "{file} {path}: {verdict:?}");
    }
}
