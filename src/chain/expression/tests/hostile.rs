//! What expressions of strangers may cost: no stack overflow, and no more than a bounded time and memory.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::bounds::{MAX_DEPTH, MAX_LENGTH};
use super::super::fault::Wrong;
use super::super::meter::Trouble;
use super::compile_path;
use super::value_of;
use crate::chain::json::tests::cpu_time;

/// A quarter of what a thread has, for the unoptimised build that tests are.
const STACK: usize = 512 * 1024;

/// As many repetitions of `part` as nest to `depth`, `close` for each, within the length.
fn nested(open: &str, depth: usize, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// Everything that nests, each as deep as is allowed or longer than is allowed.
fn towers() -> Vec<String> {
    let mut towers = Vec::new();
    for depth in [MAX_DEPTH - 2, MAX_DEPTH, MAX_DEPTH + 1, MAX_LENGTH / 2, 100_000] {
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{a:", "}"),
            ("!", ""),
            ("[?", "]"),
            ("a[?", "]"),
            ("*.", ""),
            ("[*].", ""),
            ("[*]", ""),
            ("[]", ""),
            ("[::1]", ""),
            ("a.", ""),
            ("a|", ""),
            ("a||", ""),
            ("a&&", ""),
            ("a==", ""),
            ("[0]", ""),
            ("to_array(", ")"),
            ("map(&", ",@)"),
            ("a.[", "]"),
            ("(a|b||c&&d==!", ")"),
            ("(a|a||a&&a==a.a[*].a[]|", ")"),
            ("not_null(a,", ")"),
            ("a.*.", ""),
            ("[@]|", ""),
            ("{a:@}|", ""),
            ("sort_by(@,&", ")"),
            ("&", ""),
        ] {
            for inner in ["a", "@", "`1`", ""] {
                towers.push(nested(open, depth, inner, close));
            }
        }
        towers.push(format!("`{}1{}`", "[".repeat(depth), "]".repeat(depth)));
    }
    towers
}

#[test]
fn no_nesting_overflows_a_stack_of_half_a_mebibyte() {
    let climb = || {
        let data = json!({"a": {"a": [[1], {"a": 2}]}, "b": [1, 2]});
        let mut compiled = 0;
        for tower in towers() {
            if let Ok(expression) = compile_path(&tower) {
                compiled += 1;
                // Walked, evaluated, rendered, copied and dropped.
                let _ = value_of(&tower, &data);
                let _ = value_of(&tower, &json!([[[1]]]));
                drop(expression.clone());
            }
        }
        compiled
    };
    let compiled = std::thread::Builder::new().stack_size(STACK).spawn(climb).unwrap().join().unwrap();
    assert!(compiled > 50, "{compiled}");
}

#[test]
fn what_is_longer_or_deeper_than_allowed_is_refused_before_it_is_parsed() {
    let wrong = |text: &str| compile_path(text).unwrap_err().remove(0).wrong;
    assert_eq!(wrong(&"a".repeat(MAX_LENGTH + 1)), Wrong::TooLong);
    assert!(compile_path(&"a".repeat(MAX_LENGTH)).is_ok());
    assert_eq!(wrong(&nested("[", MAX_DEPTH + 1, "a", "]")), Wrong::TooDeep);
    assert!(compile_path(&nested("[", MAX_DEPTH, "a", "]")).is_ok());
    assert_eq!(wrong(&"!".repeat(MAX_DEPTH + 1)), Wrong::TooDeep);
    assert_eq!(wrong(&nested("a", 1, "[*]".repeat(40).as_str(), "")), Wrong::TooDeep);
}

/// What four mebibytes of answer can look like.
fn answers() -> Vec<(&'static str, Value)> {
    const SIZE: usize = 4 * 1024 * 1024;
    vec![
        ("quotes", json!("\"".repeat(SIZE / 2))),
        ("objects", json!(vec![json!({"a": 1}); SIZE / 8])),
        ("strings", json!(vec!["long enough to be compared with care"; SIZE / 40])),
        ("numbers", json!(vec![0; SIZE / 2])),
        ("names", Value::Object((0..SIZE / 12).map(|name| (format!("{name:07}"), json!(1))).collect())),
    ]
}

#[test]
fn hostile_expressions_end_fast_whatever_they_are_given() {
    let doubling = format!("[@, @]{}", " | [@, @][]".repeat(80));
    let unfolding = format!("@{}", " | [@, @]".repeat(30));
    let strings = format!("@{}", " | to_string([@, @])".repeat(30));
    let glue = "join(to_string(@), [to_string(@), to_string(@), to_string(@)])";
    let glues = format!("@{}", " | join(to_string(@), [to_string(@), to_string(@), to_string(@)])".repeat(10));
    let compares = "[?contains(@, @)] | [?@ == @] | sort_by(@, &to_string(@))";
    let itself = "contains([@, @, @], [@]) || [@, @] == [@, @]";
    let maps = format!("{}@{}", "map(&[@, @], ".repeat(20), ")".repeat(20));
    let sorts =
        "[to_string(@), to_string(@)] | [@, @][] | [@, @][] | [@, @][] | [@, @][] | [@, @][] | sort(@) | max(@)";
    let merges = "[@, @] | map(&merge(@, @, @, @, @, @, @, @), @)";
    let reverses = format!("@{}", " | reverse(@)".repeat(60));
    let lengths = format!("[{}]", vec!["length(@)"; 90].join(","));
    let all = [
        doubling.as_str(),
        &unfolding,
        &strings,
        glue,
        &glues,
        compares,
        itself,
        &maps,
        sorts,
        merges,
        &reverses,
        &lengths,
        "@",
        "[@, @]",
        "[]",
        "[][]",
        "*",
        "keys(@)",
        "values(@)",
        "sum(@)",
        "avg(@)",
        "sort(@)",
        "max(@)",
        "join('', @)",
        "[::-1]",
        "map(&keys(@), @)",
        "[*].[a, a, a, a, a, a, a]",
        "to_string(@) | to_string([@]) | to_string([@]) | to_string([@])",
        "to_number(@)",
        "not_null(@, @)",
        "min_by(@, &a)",
        "type(@)",
        "starts_with(@, @)",
        "ends_with(@, @)",
    ];
    let mut refused = 0;
    // The other kinds of answers find what these do; the proof looks at all.
    let kinds = if std::env::var_os("CXCHAIN_PROOF").is_some() { 5 } else { 2 };
    for (what, data) in answers().into_iter().take(kinds) {
        for text in all {
            let started = cpu_time();
            let value = value_of(text, &data);
            let took = cpu_time().saturating_sub(started);
            refused += usize::from(matches!(value, Err(Trouble::TooMuchWork | Trouble::TooLarge)));
            assert!(took < Duration::from_secs(5), "{text} over {what} took {took:?}");
        }
    }
    assert!(refused >= 12 * kinds, "{refused}");
}
