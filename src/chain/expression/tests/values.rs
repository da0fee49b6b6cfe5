//! Where the specification leaves a choice, or the crate's own evaluation differs: what is true here.

use proptest::prelude::*;
use serde_json::Value;

use super::value_of;

fn text_of(path: &str, data: &str) -> String {
    value_of(path, &serde_json::from_str(data).unwrap()).unwrap().to_string()
}

#[test]
fn numbers_keep_their_form_and_their_digits() {
    for (path, data, text) in [
        ("@", "1.0", "1.0"),
        ("@", "18446744073709551615", "18446744073709551615"),
        ("@", "-9223372036854775808", "-9223372036854775808"),
        ("to_string(@)", "9007199254740993", "\"9007199254740993\""),
        ("to_number(@)", "\"9007199254740993\"", "9007199254740993"),
        ("to_number(@)", "\"18446744073709551616\"", "null"),
        ("to_number(@)", "\"1e2\"", "100.0"),
        ("to_number(@)", "\"[1]\"", "null"),
        ("to_number(@)", "\" 1\"", "null"),
        ("abs(@)", "-9007199254740993", "9007199254740993"),
        ("abs(@)", "-9223372036854775808", "9223372036854775808"),
        ("abs(@)", "-0.5", "0.5"),
        ("floor(@)", "9007199254740993", "9007199254740993"),
        ("floor(@)", "-1.5", "-2"),
        ("ceil(@)", "1.2", "2"),
        ("ceil(@)", "-0.5", "0"),
        ("ceil(@)", "1e300", "1e+300"),
        ("sum(@)", "[9007199254740993, 2]", "9007199254740995"),
        ("sum(@)", "[0.5, 1]", "1.5"),
        ("sum(@)", "[]", "0"),
        ("avg(@)", "[]", "null"),
        ("avg(@)", "[1, 2]", "1.5"),
        ("avg(@)", "[1, 3]", "2"),
        ("max(@)", "[9007199254740992, 9007199254740993]", "9007199254740993"),
        ("sort(@)", "[9007199254740993, 9007199254740992, 0.5]", "[0.5,9007199254740992,9007199254740993]"),
        ("@ == `9007199254740992`", "9007199254740993", "false"),
        ("@ > `9007199254740992`", "9007199254740993", "true"),
        ("@ == `1`", "1.0", "true"),
        ("@ == `0.3`", "0.30000000000000004", "false"),
        ("@[-2147483647]", "[1]", "null"),
    ] {
        assert_eq!(text_of(path, data), text, "{path} over {data}");
    }
}

#[test]
fn order_is_for_numbers_and_equality_for_all() {
    for (path, text) in [
        ("'a' < 'b'", "null"),
        ("`1` < 'b'", "null"),
        ("`null` >= `0`", "null"),
        ("`[1, {\"a\": [2]}]` == `[1.0, {\"a\": [2]}]`", "true"),
        ("`{\"a\": 1}` == `{\"b\": 1}`", "false"),
        ("`{\"a\": 1}` != `[]`", "true"),
        ("'1' == `1`", "false"),
        ("`null` == `false`", "false"),
    ] {
        assert_eq!(text_of(path, "{}"), text, "{path}");
    }
}

/// JSON as it comes in answers, small.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-20i64..20).prop_map(Value::from),
        (-20i32..20).prop_map(|half| Value::from(f64::from(half) / 2.0 + 0.25)),
        "[ab \"]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Expressions that the crate's own evaluation takes as well.
pub(super) fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[abc]",
        Just("@".to_owned()),
        Just("[0]".to_owned()),
        Just("[-1]".to_owned()),
        Just("[1:]".to_owned()),
        Just("[::-2]".to_owned()),
        Just("*".to_owned()),
        Just("'a'".to_owned()),
        Just("`1`".to_owned()),
        Just("`null`".to_owned()),
        Just("`[1, \"a\"]`".to_owned()),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let one = inner.clone();
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(a, b)| format!("({a}) | {b}")),
            (one.clone(), "[abc]").prop_map(|(a, b)| format!("({a}).{b}")),
            two.clone().prop_map(|(a, b)| format!("{a} || {b}")),
            two.clone().prop_map(|(a, b)| format!("{a} && {b}")),
            (two.clone(), prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]))
                .prop_map(|((a, b), op)| format!("({a}) {op} ({b})")),
            one.clone().prop_map(|a| format!("!({a})")),
            two.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            two.clone().prop_map(|(a, b)| format!("{{a: {a}, b: {b}}}")),
            (one.clone(), "[abc]").prop_map(|(a, b)| format!("({a})[*].{b}")),
            one.clone().prop_map(|a| format!("({a})[]")),
            (one.clone(), "[abc]").prop_map(|(a, b)| format!("({a}).*.{b}")),
            two.clone().prop_map(|(a, b)| format!("({a})[?{b}]")),
            (
                one,
                prop::sample::select(vec![
                    "keys",
                    "values",
                    "length",
                    "to_array",
                    "to_string",
                    "type",
                    "not_null",
                    "reverse",
                    "sort",
                    "max",
                    "min",
                ])
            )
                .prop_map(|(a, f)| format!("{f}({a})")),
            (
                two.clone(),
                prop::sample::select(vec!["contains", "starts_with", "ends_with", "join", "merge", "not_null"])
            )
                .prop_map(|((a, b), f)| format!("{f}({a}, {b})")),
            (two.clone(), prop::sample::select(vec!["sort_by", "max_by", "min_by"]))
                .prop_map(|((a, b), f)| format!("{f}({a}, &{b})")),
            two.prop_map(|(a, b)| format!("map(&{a}, {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_evaluation_of_the_crate(path in expressions(), data in json()) {
        let Ok(theirs) = jmespath::compile(&path) else { return Err(TestCaseError::reject("syntax")) };
        // Deeper or longer than is allowed here, or a trap that is refused.
        if super::compile_path(&path).is_err() {
            return Err(TestCaseError::reject("refused"));
        }
        let theirs = theirs.search(&data).ok().map(|value| serde_json::to_value(&*value).unwrap());
        prop_assert_eq!(value_of(&path, &data).ok(), theirs, "{}", path);
    }
}
