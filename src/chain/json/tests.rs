//! The reader against tables, against `serde_json`, and against hostile text.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::chain::{Problem, Problems};

fn read_all(text: &[u8]) -> (Option<Value>, Problems) {
    let mut report = Report::new(text);
    let value = read(text, &mut report).map(|node| node.to_value());
    (value, report.finish())
}

fn said(text: impl AsRef<[u8]>) -> String {
    read_all(text.as_ref()).1.to_string()
}

#[test]
fn what_rfc_8259_allows_is_read_as_serde_json_reads_it() {
    for text in [
        "null",
        "true",
        " false\r\n\t",
        "0",
        "-0",
        "-0.0",
        "1.5e3",
        "1E+2",
        "1e-400",
        "0.1",
        "-1",
        "18446744073709551615",
        "-9223372036854775808",
        "123456789.123456789",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "\"\"",
        r#""\"\\\/\b\f\n\r\tA\u00e4\ud83d\ude00 ä😀""#,
        "\"\u{7f}\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1,[2],{}]",
        r#" { "a" : [ 1 , "x" ] , "" : null } "#,
    ] {
        let (value, problems) = read_all(text.as_bytes());
        assert_eq!(problems.to_string(), "", "{text}");
        let value = value.unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap(), "{text}");
        assert_eq!(value.to_string(), serde_json::from_str::<Value>(text).unwrap().to_string(), "{text}");
    }
}

#[test]
fn what_rfc_8259_forbids_ends_the_reading() {
    for text in [
        "nul",
        "True",
        "NaN",
        "Infinity",
        "+1",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "1e",
        "1e+",
        "[0x10]",
        "'a'",
        "\"a",
        "\"\t\"",
        "\"\0\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\""#,
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{a:1}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1"#,
        r#"{"a" 1}"#,
        "{1:2}",
        "[1}",
        "// c\n1",
        "\u{a0}1",
        "]",
        "}",
    ] {
        let (value, problems) = read_all(text.as_bytes());
        assert_eq!(value, None, "{text}");
        assert_eq!(problems.total(), 1, "{text}");
        assert!(problems.list()[0].what.contains("is not valid JSON"), "{text}");
    }
}

#[test]
fn a_syntax_error_says_where_and_what_was_expected() {
    insta::assert_snapshot!(said(""), @"1:1 the message is empty (allowed: a JSON value)");
    insta::assert_snapshot!(said("\n\t "), @"2:3 the message is empty (allowed: a JSON value)");
    insta::assert_snapshot!(said("{\n  \"a\": [1,\n 2 3]}"), @"3:4 /a is not valid JSON from here on (allowed: a comma or `]`)");
    insta::assert_snapshot!(said(r#"{"a": 1,}"#), @"1:9 the message is not valid JSON from here on (allowed: a key in double quotes)");
    insta::assert_snapshot!(said(r#"{"a": 007}"#), @"1:8 /a is not valid JSON from here on (allowed: a number without leading zeros)");
    insta::assert_snapshot!(said(b"\xff\xfe{\0}\0"), @"1:1 the message is not valid UTF-8 from here on (allowed: a JSON value)");
}

#[test]
fn every_other_fault_is_reported_and_the_reading_goes_on() {
    let text = b"\xef\xbb\xbf{\"a\": \"x\xffy\", \"b\": [1e999, -18446744073709551615], \"a\": 1,\n \"c\": \"\\ud800\\ud83d\\ude00\", \"d\": 1} 5";
    insta::assert_snapshot!(said(text), @r#"
    1:1 the message begins with a byte order mark (allowed: UTF-8 without one)
    1:10 /a is not valid UTF-8 from here on
    1:21 /b/0 is a number beyond the range of a 64-bit float (allowed: numbers within about ±1.8e308)
    1:28 /b/1 is an integer beyond 64 bits (allowed: -9223372036854775808 to 18446744073709551615; send longer ones as strings)
    1:52 /a is given more than once
    2:8 /c has one half of a surrogate pair without the other
    2:37 the message goes on after its end (allowed: one JSON value and nothing after it)
    "#);
    let (value, _) = read_all(text);
    assert_eq!(value.unwrap()["d"], 1);
}

#[test]
fn half_surrogates_are_found_in_every_place() {
    for text in
        [r#""\udc00""#, r#""\ud800""#, r#""\ud800\n""#, r#""\ud800A""#, r#""\ud800\ud800\udc00""#, r#"{"\ud800":1}"#]
    {
        assert!(said(text).contains("surrogate"), "{text}");
        assert_eq!(read_all(text.as_bytes()).1.total(), 1, "{text}");
    }
    assert_eq!(said(r#""\ud800\udc00\udbff\udfff""#), "");
}

#[test]
fn of_a_key_given_twice_the_first_is_kept() {
    let (value, problems) = read_all(br#"{"b":1,"a":{"x":1,"\u0078":2,"x":3},"b":2,"c":3}"#);
    assert_eq!(value.unwrap(), serde_json::json!({"a": {"x": 1}, "b": 1, "c": 3}));
    let pointers: Vec<_> = problems.list().iter().map(|problem| &*problem.pointer).collect();
    assert_eq!(pointers, ["/a/x", "/b"]);
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn sixty_four_levels_are_read_and_what_is_deeper_is_passed_over() {
    assert_eq!(said(nested(64)), "");
    for levels in [65, 66, 200_000] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(nested(levels)), @"1:65 /0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0 lies in more than 64 arrays and objects");
        }
    }
    // Levels of both kinds, with entries before and after what lies deeper, and another fault behind it all.
    let (open, close) = (r#"[1, {"k": [2, {}, []], "a": "#, r#", "z": []}, 3]"#);
    let mixed = |heart: &str| format!("[{}{heart}{}, 1e999]", open.repeat(40), close.repeat(40));
    let problems = read_all(mixed("7").as_bytes()).1;
    assert_eq!(problems.list().last().unwrap().pointer, "/1", "{problems}");
    // A syntax error in what lies too deep is of no use beside that; one behind it is.
    for text in [mixed("7 8"), "[".repeat(100_000), r#"{"a":"#.repeat(100_000)] {
        let problems = read_all(text.as_bytes()).1;
        assert!(!problems.is_empty(), "{problems}");
        assert!(problems.list().iter().all(|problem| problem.what.contains("lies in more than 64")), "{problems}");
    }
    for (broken, why) in
        [(format!("{} 8", nested(65)), "goes on after its end"), (format!("[{} 8", nested(65)), "is not valid JSON")]
    {
        let problems = read_all(broken.as_bytes()).1;
        assert!(problems.list().last().unwrap().what.contains(why), "{problems}");
    }
}

#[test]
fn hostile_text_costs_neither_stack_nor_time() {
    let mib2 = 2 << 20;
    let many = |part: &str| part.repeat(mib2 / part.len());
    let texts = [
        "[".repeat(200_000),
        "{".repeat(200_000),
        r#"{"a":"#.repeat(200_000),
        many("["),
        many("[{\"\":"),
        format!("[{}1]", many("1,")),
        format!("[{}[]]", many("[],")),
        format!("{}{}{}", "[".repeat(64), many("[],"), "]".repeat(64)),
        format!("{{{}\"a\":1}}", many("\"a\":1,")),
        format!("{{{}}}", (0..150_000).map(|i| format!("\"{i}\":0")).collect::<Vec<_>>().join(",")),
        format!("[{}1]", many("1e999,")),
        format!("\"{}\"", many("\\ud800")),
        format!("\"{}\"", many("\\n")),
        many("9"),
        format!("0.{}", many("1")),
        format!("1e{}", many("9")),
        many(" "),
        many("\n"),
        many("\""),
        many("\\"),
        format!("[{}", many("\"\\ud800\",")),
    ];
    for text in &texts {
        let begun = cpu_time();
        let (_, problems) = read_all(text.as_bytes());
        let took = cpu_time() - begun;
        let begin = &text[..text.len().min(20)];
        assert!(took < Duration::from_secs(3), "{took:?} for {begin}");
        assert!(problems.to_string().len() < 100_000, "{begin}");
        assert!(problems.to_header().len() <= 8192, "{begin}");
    }
}

#[test]
fn nothing_that_is_read_recurses_with_the_text() {
    // A worker's thread has 2 MiB; an eighth of it must do, in a debug build too.
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(|| {
        for text in ["[".repeat(200_000), r#"{"a":"#.repeat(200_000), nested(200_000), nested(64)] {
            read_all(text.as_bytes());
        }
    });
    thread.unwrap().join().unwrap();
}

/// What this thread has worked, whatever else the machine does.
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Pieces that a grammar might trip over, in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"{"[..],
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\"a\"",
        b"\"b\":",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\\udc00",
        b"0",
        b"-0",
        b"1",
        b".",
        b"e",
        b"+",
        b"-",
        b"5.0",
        b"99999999999999999999",
        b"1e999",
        b"true",
        b"false",
        b"null",
        b" ",
        b"\n",
        b"\x00",
        b"\xff",
        "ä".as_bytes(),
        "\u{feff}".as_bytes(),
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_valid_text(value in any_json()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let (read, problems) = read_all(text.as_bytes());
            prop_assert_eq!(problems.to_string(), "");
            let read = read.unwrap();
            prop_assert_eq!(read.to_string(), value.to_string());
            prop_assert_eq!(read, serde_json::from_str::<Value>(&text).unwrap());
        }
    }

    #[test]
    fn takes_nothing_that_serde_json_refuses(text in prop_oneof![soup(), prop::collection::vec(any::<u8>(), 0..64)]) {
        let (value, problems) = read_all(&text);
        match serde_json::from_slice::<Value>(&text) {
            Ok(theirs) if problems.is_empty() => prop_assert_eq!(value.unwrap(), theirs),
            // What only we see.
            Ok(_) => {
                let ours = |problem: &Problem| problem.what.contains("more than once") || problem.what.contains("64 bits");
                prop_assert!(problems.list().iter().all(ours), "{}", problems);
            }
            Err(_) => prop_assert!(!problems.is_empty()),
        }
    }

    #[test]
    fn spans_hold_the_text_of_their_values(value in any_json()) {
        fn holds(node: &Node<'_>, text: &str) -> bool {
            let own: Value = serde_json::from_str(&text[node.span.start..node.span.end]).unwrap();
            own == node.to_value() && match &node.kind {
                Kind::Array(items) => items.iter().all(|item| holds(item, text)),
                Kind::Object(members) => members.iter().all(|member| {
                    let key: String = serde_json::from_str(&text[member.key_span.start..member.key_span.end]).unwrap();
                    key == member.key && holds(&member.node, text)
                }),
                _ => true,
            }
        }
        let text = serde_json::to_string_pretty(&value).unwrap();
        let mut report = Report::new(text.as_bytes());
        prop_assert!(holds(&read(text.as_bytes(), &mut report).unwrap(), &text));
    }
}
