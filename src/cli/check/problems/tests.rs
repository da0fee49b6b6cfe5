use proptest::prelude::*;

use super::super::super::text::is_unfit;
use super::super::judge;
use super::*;
use crate::chain::check::Catalogue;

/// All problems of a definition as they are shown in so many columns, without our colours. Whatever else a terminal acts upon stays.
fn said(source: &[u8], columns: usize) -> String {
    let Err(problems) = judge(source, &Catalogue::any()) else { return "valid".into() };
    let all: Vec<String> =
        problems.list().iter().map(|problem| shown("chain.json", source, problem, columns)).collect();
    uncoloured(&all.join("\n\n"))
}

fn uncoloured(text: &str) -> String {
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[34m", "\u{1b}[39m"]
        .iter()
        .fold(text.into(), |text, colour| text.replace(colour, ""))
}

#[test]
fn a_problem_is_shown_where_it_stands_with_what_was_meant_and_what_is_allowed() {
    let source = r#"{"chain_id": "a b",
  "max_dept": 3,
  "steps": [{"action_id": "da-x", "timeout_seconds": 500}]}"#;
    insta::assert_snapshot!(said(source.as_bytes(), 80), @r#"
    error: /chain_id is not a valid name
      ╭▸ chain.json:1:14
    1 │ {"chain_id": "a b",
      │              ^^^^^
      ╰ allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -

    error: /max_dept is not a field of a chain definition
      ╭▸ chain.json:2:3
    2 │   "max_dept": 3,
      │   ^^^^^^^^^^ did you mean max_depth?
      ╰ allowed: version, chain_id, run_id, tenant, max_depth,
        global_timeout_seconds, expires_at, allow_repeated_actions, metadata, steps

    error: /steps/0/timeout_seconds is out of bounds
      ╭▸ chain.json:3:54
    3 │   "steps": [{"action_id": "da-x", "timeout_seconds": 500}]}
      │                                                      ^^^
      ╰ allowed: an integer from 5 to 120
    "#);
}

#[test]
fn in_a_narrow_terminal_words_move_below_and_lines_are_cut() {
    let source = r#"{"chain_id": "narrow", "steps": [{"action_id": "da-x", "on_faliure": "abort", "retry": {"max_attempts": 3}}]}"#;
    insta::assert_snapshot!(said(source.as_bytes(), 20), @r#"
    error: /steps/0/on_faliure is not a
           field of a step
      ╭▸ chain.json:1:56
    1 │ …da-x", "on_faliure": "abort", "ret…
      │         ^^^^^^^^^^^^
      ├ did you mean on_failure?
      ╰ allowed: id, action_id, payload,
        mode, timeout_seconds, on_failure,
        on_unknown, idempotent, retry,
        fallback, when, extract,
        required_params, version_id,
        environment_context,
        execution_timeout_ms, chain
    "#);
}

#[test]
fn several_lines_have_a_bracket_and_their_numbers_a_common_margin() {
    let source = format!("{{\"chain_id\": \"a\",{}\"steps\": [\n  {{\n    \"id\": \"x\"\n  }}]}}", "\n".repeat(7));
    insta::assert_snapshot!(said(source.as_bytes(), 80), @r#"
    error: /steps/0/action_id is missing
       ╭▸ chain.json:9:3
     9 │ ╭   {
    10 │ │     "id": "x"
    11 │ ╰   }]}
       ╰ allowed: the id of an action; or, in its place, chain with a nested chain
    "#);
    let source = source.replace("\"x\"", "\"x\"\n\n\n\n\n");
    insta::assert_snapshot!(said(source.as_bytes(), 80), @r"
    error: /steps/0/action_id is missing
       ╭▸ chain.json:9:3
     9 │   {
       │   ^ up to line 16
       ╰ allowed: the id of an action; or, in its place, chain with a nested chain
    ");
}

#[test]
fn what_is_wrong_with_the_whole_or_with_nothing_has_no_lines() {
    insta::assert_snapshot!(said(b"", 80), @r"
    error: the message is empty
      ╭▸ chain.json:1:1
      ╰ allowed: a JSON value
    ");
    let problem = Problem::of_message("has 9 bytes".into(), Some("at most 8 bytes".into()));
    let shown = shown("chain.json", b"{\"a\": 1}\n", &problem, 80);
    insta::assert_snapshot!(uncoloured(&shown), @r"
    error: the message has 9 bytes
      ╭▸ chain.json:1:1
      ╰ allowed: at most 8 bytes
    ");
}

proptest! {
    #[test]
    fn nothing_of_a_source_reaches_the_terminal_as_it_is(
        head in prop::collection::vec(any::<u8>(), 0..60),
        key in any::<String>(),
        columns in any::<usize>(),
    ) {
        let key = serde_json::to_string(&key).expect("a string");
        let source = [b"{\"chain_id\": 1, ", key.as_bytes(), b": \"", &head, b"\", \"steps\": [\x1b]8;;"].concat();
        let said = said(&source, columns);
        prop_assert!(!said.chars().any(|c| c != '\n' && is_unfit(c)), "{said:?}");
        prop_assert!(said.contains("error: "));
    }
}
