//! Messages that mean harm, and messages that chance made.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::chain::json::tests::cpu_time;

#[test]
fn a_body_that_is_no_object_is_one_problem_of_the_whole_message() {
    for body in ["", " ", "null", "1", "\"a\"", "[]", "[{}]", "1e999", "{", "\u{0}"] {
        let rejection = checked(body).unwrap_err();
        assert_eq!(rejection.problems.total(), 1, "{body}");
        assert_eq!(rejection.problems.list()[0].pointer, "", "{body}");
    }
    insta::assert_snapshot!(said("[]"), @"1:1 the message is an array (allowed: an object)");
}

#[test]
fn faults_of_the_text_and_of_the_content_are_told_together() {
    let body = b"{\"chain_id\": \"\xff\", \"steps\": [{\"action_id\": \"../x\", \"payload\": {\"a\": 1, \"a\": 123456789012345678901234567890}}]} x";
    insta::assert_snapshot!(said(body), @"
    1:15 /chain_id is not valid UTF-8 from here on
    1:43 /steps/0/action_id is not a valid name (allowed: a letter or digit first, then up to 127 of A-Z a-z 0-9 . _ -)
    1:71 /steps/0/payload/a is given more than once
    1:76 /steps/0/payload/a is an integer beyond 64 bits (allowed: -9223372036854775808 to 18446744073709551615; send longer ones as strings)
    1:111 the message goes on after its end (allowed: one JSON value and nothing after it)
    ");
}

#[test]
fn a_flood_of_faults_makes_a_small_report() {
    let flood = |part: &str| part.repeat((2 << 20) / part.len());
    let bodies = [
        "{".repeat(200_000),
        "[".repeat(200_000),
        r#"{"chain_id":"#.repeat(200_000),
        r#"{"steps":[{"chain":"#.repeat(100_000),
        format!(r#"{{"chain_id":"c","steps":[{}1]}}"#, flood("1,")),
        format!(r#"{{"chain_id":"c","steps":[{}1]}}"#, flood("{},")),
        format!(r#"{{"chain_id":"c","steps":[{}1]}}"#, flood(r#"{"action_id":"a","id":"a"},"#)),
        format!(r#"{{{}"steps":[]}}"#, (0..100_000).map(|i| format!(r#""on_failure{i}":1,"#)).collect::<String>()),
        format!(r#"{{{}"steps":[]}}"#, flood(r#""chain_id":1,"#)),
        format!(r#"{{"metadata":{{{}"":1}}}}"#, (0..100_000).map(|i| format!(r#""\u001b{i}":1,"#)).collect::<String>()),
        format!(r#"{{"chain_id":"c","steps":[{{"action_id":"a","payload":{{"a":[{}1]}}}}]}}"#, flood(r#""${{","#)),
        format!(r#"{{"{}":1}}"#, flood("k")),
        format!(r#"{{"chain_id":"{}"}}"#, flood("\\n")),
        format!(r#"{{"expires_at":"{}"}}"#, flood("2")),
        format!(r#"{{"max_depth":{}}}"#, flood("9")),
    ];
    for body in &bodies {
        let begun = cpu_time();
        let problems = checked(body).unwrap_err().problems;
        let took = cpu_time() - begun;
        let begin = &body[..40];
        assert!(took < Duration::from_secs(5), "{took:?} for {begin}");
        small(&problems);
    }
}

#[test]
fn a_payload_may_be_as_deep_as_the_message_and_no_deeper() {
    let body = |levels: usize| {
        // Three levels lie around the payload, which is the fourth.
        let (open, close) = ("[".repeat(levels - 4), "]".repeat(levels - 4));
        format!(r#"{{"chain_id":"c","steps":[{{"action_id":"a","payload":{{"x":{open}{close}}}}}]}}"#)
    };
    // In a debug build, and with an eighth of the stack that a worker's thread has.
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        assert!(checked(body(64)).is_ok());
        for levels in [65, 200_000] {
            assert_eq!(checked(body(levels)).unwrap_err().problems.total(), 1);
        }
    });
    thread.unwrap().join().unwrap();
}

/// What holds for every report.
fn small(problems: &Problems) {
    assert!(!problems.is_empty());
    assert!(problems.list().len() <= Problems::KEPT);
    assert!(problems.to_header().len() <= Problems::BRIEF_BYTES);
    assert!((1..=Problems::BRIEF_ENTRIES).contains(&problems.brief().len()));
    for problem in problems.list() {
        assert!(problem.pointer.len() <= 512 && problem.what.chars().count() <= 400, "{problem}");
        assert!(!problem.to_string().contains(|c: char| c.is_control()), "{problem}");
        assert!(problem.line >= 1 && problem.column >= 1);
    }
}

#[test]
fn no_problem_quotes_a_value() {
    const SECRET: &str = "s3cret-Value/";
    let full: Value = serde_json::from_str(FULL).unwrap();
    let mut places = vec![];
    all_places(&full, String::new(), &mut places);
    for place in places {
        for value in [json!(SECRET), json!([SECRET]), json!({"k": SECRET}), json!(format!("${{{{ {SECRET}"))] {
            let mut body = full.clone();
            *body.pointer_mut(&place).unwrap() = value;
            let said = checked_as(body.to_string(), Some(SECRET), &Catalogue::new([])).unwrap_err().problems;
            assert!(!said.to_string().contains("s3cret"), "{place}: {said}");
            assert!(!said.to_header().contains("s3cret"), "{place}");
        }
    }
}

fn all_places(value: &Value, pointer: String, places: &mut Vec<String>) {
    if let Value::Object(map) = value {
        for (key, value) in map {
            all_places(value, format!("{pointer}/{key}"), places);
        }
    }
    if let Value::Array(items) = value {
        for (index, value) in items.iter().enumerate() {
            all_places(value, format!("{pointer}/{index}"), places);
        }
    }
    places.push(pointer);
}

/// A change to a text: `length` bytes from about `at` become `by`.
fn mutation() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let piece = prop::sample::select(vec![
        "",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\ud800",
        "null",
        "-1",
        "5.0",
        "1e999",
        "99999999999999999999",
        "true",
        "\"\"",
        "\"a\":1,",
        "\"steps\":",
        "\"chain\":{},",
        "\"${{\"",
        "\"job\"",
        "\u{feff}",
        "ä",
        "\n",
        " ",
    ]);
    let by = prop_oneof![piece.prop_map(|piece| piece.as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 0..4)];
    (any::<prop::sample::Index>(), 0_usize..8, by)
}

/// A definition is checked before its place in the line is known, so none may hold the others up.
#[test]
fn a_flood_of_steps_with_references_costs_no_time_to_speak_of() {
    let reference = "${{ steps.nobody }} ".repeat(400);
    let steps: Vec<Value> =
        (0..100_000).map(Value::from).chain([json!({"action_id": "a", "payload": {"p": reference}})]).collect();
    let few: Vec<Value> = (0..99).map(|n| json!({"action_id": format!("a{n}"), "payload": {"p": reference}})).collect();
    for steps in [steps, few] {
        let body = json!({"chain_id": "c", "steps": steps}).to_string();
        let started = cpu_time();
        let rejection = checked(body).unwrap_err();
        let took = cpu_time().saturating_sub(started);
        assert!(took < Duration::from_secs(5), "{took:?}");
        let problems = rejection.problems;
        assert!(problems.list().iter().any(|problem| problem.pointer == "/steps"), "there are too many");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn chance_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..256), message_id in any::<Option<String>>()) {
        small(&checked_as(&body, message_id.as_deref(), &Catalogue::any()).unwrap_err().problems);
    }

    #[test]
    fn mutated_definitions_are_answered(
        body in prop::sample::select(vec![CUSTOMER, FULL]),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let mut body = body.as_bytes().to_vec();
        for (at, length, by) in mutations {
            let at = at.index(body.len() + 1);
            let end = (at + length).min(body.len());
            body.splice(at..end, by);
        }
        match checked(&body) {
            Ok(chain) => {
                let value: Value = serde_json::from_slice(&body).unwrap();
                prop_assert_eq!(chain.canonical, canonical(&value));
                prop_assert!((1..=25).contains(&chain.steps.len()));
            }
            Err(rejection) => small(&rejection.problems),
        }
    }

    #[test]
    fn a_payload_arrives_as_it_was_sent(payload in prop::collection::btree_map(any::<String>(), json::tests::any_json(), 0..6)) {
        let payload: serde_json::Map<_, _> = payload.into_iter().collect();
        let body = with("steps/0/payload", Some(Value::Object(payload.clone())));
        if body.to_string().contains("${{") {
            return Ok(());
        }
        let chain = checked(body.to_string()).unwrap();
        prop_assert_eq!(chain.steps[0].call().unwrap().payload.source().to_string(), Value::Object(payload).to_string());
        prop_assert_eq!(chain.canonical, canonical(&body));
    }
}
