//! What is extracted keeps what it says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::coercion::{As, Loss};
use super::chain;

/// What the path `v` gives of `{"v": value}`, made `kind`.
fn taken(kind: &str, value: &Value) -> Result<Value, String> {
    let step = json!({"id": "use", "action_id": "u", "extract": {"got": {"path": "v", "as": kind}}});
    let extract = &chain(&step).steps[2].extract;
    extract
        .apply(&json!({"v": value}))
        .map(|mut values| values.remove("got").unwrap())
        .map_err(|error| error.to_string())
}

#[test]
fn auto_makes_of_a_string_only_what_is_written_back_as_it_came() {
    for (text, made) in [
        ("1", json!(1)),
        ("0", json!(0)),
        ("-1", json!(-1)),
        ("9007199254740993", json!(9_007_199_254_740_993_u64)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("1.5", json!(1.5)),
        ("-0.25", json!(-0.25)),
        ("0.1", json!(0.1)),
        ("true", json!(true)),
        ("false", json!(false)),
    ] {
        assert_eq!(taken("auto", &json!(text)).unwrap(), made, "{text}");
        assert_eq!(made.to_string(), text);
    }
    for text in [
        "01234",
        "1e5",
        "1E5",
        "1.0",
        "+1",
        "-0",
        " 1",
        "1 ",
        "",
        "-",
        ".5",
        "5.",
        "0x10",
        "1_000",
        "1,5",
        "True",
        "TRUE",
        "null",
        "NaN",
        "inf",
        "Infinity",
        "-inf",
        "18446744073709551616",
        "-9223372036854775809",
        "0.10",
        "1.50",
        "00.5",
        "-0.0",
        "3.141592653589793238",
        "1e400",
        "0.1e1",
        "123456789012345678.5",
        "[1]",
        "{}",
        "\"1\"",
        "１",
        "١",
    ] {
        assert_eq!(taken("auto", &json!(text)).unwrap(), json!(text));
    }
    for other in [json!(null), json!(1), json!(1.0), json!(true), json!([1, "1"]), json!({"a": "1"})] {
        assert_eq!(taken("auto", &other).unwrap(), other, "what is no string stays, and so does what is in it");
    }
}

#[test]
fn a_typed_value_is_made_or_missed() {
    for (kind, value, made) in [
        ("string", json!("x"), json!("x")),
        ("string", json!(9_007_199_254_740_993_u64), json!("9007199254740993")),
        ("string", json!(1.0), json!("1.0")),
        ("string", json!(true), json!("true")),
        ("integer", json!(5), json!(5)),
        ("integer", json!("5"), json!(5)),
        ("integer", json!("18446744073709551615"), json!(u64::MAX)),
        ("integer", json!(5.0), json!(5)),
        ("number", json!(5), json!(5)),
        ("number", json!(5.5), json!(5.5)),
        ("number", json!("5.5"), json!(5.5)),
        ("number", json!("1.0"), json!(1.0)),
        ("number", json!("5"), json!(5)),
        ("boolean", json!(true), json!(true)),
        ("boolean", json!("false"), json!(false)),
    ] {
        assert_eq!(taken(kind, &value), Ok(made), "{kind} of {value}");
    }
    for (kind, value, found) in [
        ("string", json!(null), "null cannot be made a string"),
        ("string", json!([1]), "an array cannot be made a string"),
        ("string", json!({}), "an object cannot be made a string"),
        ("integer", json!(null), "null cannot be made an integer"),
        ("integer", json!("05"), "this string cannot be made an integer"),
        ("integer", json!("5.0"), "this string cannot be made an integer"),
        ("integer", json!(5.5), "this number cannot be made an integer"),
        ("integer", json!(9_007_199_254_740_992.0), "this number cannot be made an integer"),
        ("integer", json!(true), "a boolean cannot be made an integer"),
        ("integer", json!("18446744073709551616"), "this string cannot be made an integer"),
        ("number", json!("s3cret"), "this string cannot be made a number"),
        ("number", json!("1e5"), "this string cannot be made a number"),
        ("number", json!([]), "an array cannot be made a number"),
        ("boolean", json!("True"), "this string cannot be made a boolean"),
        ("boolean", json!(1), "an integer cannot be made a boolean"),
        ("boolean", json!(null), "null cannot be made a boolean"),
    ] {
        assert_eq!(taken(kind, &value), Err(format!("extract got: {found} without loss")), "{kind} of {value}");
    }
}

#[test]
fn a_number_beyond_64_bits_is_refused_whatever_it_shall_be() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let lost = "extract got: a number beyond 64 bits may have lost digits; only a string keeps them";
    for kind in ["auto", "string", "integer", "number", "boolean"] {
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            "99999999999999999999",
            "12345678901234567890123",
            "1e20",
            "-1e300",
        ] {
            assert_eq!(taken(kind, &read(text)), Err(lost.to_owned()), "{kind} of {text}");
        }
    }
    for text in ["18446744073709551615", "-9223372036854775808", "9007199254740993"] {
        assert_eq!(taken("auto", &read(text)), Ok(read(text)));
        assert_eq!(taken("string", &read(text)), Ok(json!(text)));
        assert_eq!(taken("integer", &read(text)), Ok(read(text)));
        assert_eq!(taken("number", &read(text)), Ok(read(text)));
    }
    // What is in an array or an object is handed on as the answer has it, as `output` is.
    assert_eq!(taken("auto", &read("[18446744073709551616]")), Ok(read("[18446744073709551616]")));
    assert_eq!(taken("auto", &json!("18446744073709551616")), Ok(json!("18446744073709551616")));
}

#[test]
fn a_path_without_a_value_names_its_extract() {
    let step = json!({"id": "use", "action_id": "u", "extract": {"a": "@", "count": "length(items)"}});
    let extract = &chain(&step).steps[2].extract;
    let error = extract.apply(&json!({"items": 5})).unwrap_err();
    assert_eq!(error.name, "count");
    assert_eq!(error.what, "the path gives length a number, and it takes a string, an array or an object");
    let error = extract.apply(&json!({"items": "x".repeat(1024 * 1024)})).unwrap_err();
    assert_eq!((error.name.as_str(), error.what.as_str()), ("a", "the path comes to more than 1048576 bytes"));
}

proptest! {
    #[test]
    fn auto_survives_the_round_trip(text in prop_oneof![
        any::<String>(), "[-+]?[0-9]{0,22}", "[-+]?[0-9]{0,20}[.][0-9]{0,20}", "-?[0-9]{1,5}[.]?[0-9]{0,5}([eE][-+]?[0-9]{1,3})?",
        any::<i64>().prop_map(|number| number.to_string()), any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()), " *(true|false|null|True) *",
    ]) {
        let made = As::Auto.of(json!(text)).unwrap();
        match &made {
            Value::String(same) => prop_assert_eq!(same, &text),
            other => {
                prop_assert_eq!(other.to_string(), text.clone());
                // Through the wire, too.
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), made);
            }
        }
    }

    #[test]
    fn every_integer_and_boolean_is_made_of_its_text(number in any::<i64>(), large in any::<u64>(), flag in any::<bool>()) {
        prop_assert_eq!(As::Auto.of(json!(number.to_string())).unwrap(), json!(number));
        prop_assert_eq!(As::Integer.of(json!(large.to_string())).unwrap(), json!(large));
        prop_assert_eq!(As::String.of(json!(large)).unwrap(), json!(large.to_string()));
        prop_assert_eq!(As::Auto.of(json!(flag.to_string())).unwrap(), json!(flag));
        prop_assert_eq!(As::Boolean.of(json!(flag.to_string())).unwrap(), json!(flag));
    }

    #[test]
    fn typed_numbers_survive_the_round_trip(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
        match As::String.of(json!(number)) {
            Ok(text) => prop_assert_eq!(As::Number.of(text).unwrap_or(json!(number)), json!(number)),
            Err(loss) => prop_assert!(loss == Loss::Digits && number.abs() >= 2f64.powi(63), "{}", number),
        }
    }
}
