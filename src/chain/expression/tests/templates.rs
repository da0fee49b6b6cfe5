//! Payloads with expressions, and conditions.

use serde_json::{Value, json};

use super::super::bounds::MAX_RENDERED;
use super::Known;

fn rendered(value: &Value) -> Value {
    let output = json!({"n": 9_007_199_254_740_993_u64, "f": 0.5, "s": "x\"y", "list": [1, {"a": null}], "none": null, "yes": true});
    Known::of(output).rendered(value).unwrap()
}

#[test]
fn a_string_that_is_one_expression_becomes_its_value() {
    for (text, value) in [
        ("${{ steps.fetch.output.n }}", json!(9_007_199_254_740_993_u64)),
        ("${{steps.fetch.output.f}}", json!(0.5)),
        ("${{ steps.fetch.output.s }}", json!("x\"y")),
        ("${{ steps.fetch.output.list }}", json!([1, {"a": null}])),
        ("${{ steps.fetch.output.none }}", json!(null)),
        ("${{ steps.fetch.output.yes }}", json!(true)),
        ("${{ steps.fetch.output.missing.further[3] }}", json!(null)),
        ("${{ steps.fetch.status }}", json!("success")),
        ("${{ steps.fetch.http_status }}", json!(200)),
        ("${{ steps.fetch.extracted.id }}", json!(7)),
        ("${{ steps.fetch.extracted }}", json!({"id": 7, "name": "Ada"})),
        ("${{ steps.other.status }}", json!("skipped")),
        ("${{ steps.other.output }}", json!(null)),
        ("${{ steps.other.http_status }}", json!(null)),
        ("${{ steps.other.extracted }}", json!({})),
        ("${{ chain }}", json!({"chain_id": "c", "run_id": "r-1", "tenant": "default"})),
        ("${{ keys(@) }}", json!(["chain", "steps"])),
        ("${{ keys(steps) }}", json!(["fetch", "other"])),
        ("${{ keys(steps.fetch) }}", json!(["extracted", "http_status", "output", "status"])),
        ("${{ {a: {b: steps.fetch.output.f}} }}", json!({"a": {"b": 0.5}})),
        ("${{ '}}' }}", json!("}}")),
        ("${{ '${{' }}", json!("${{")),
    ] {
        assert_eq!(rendered(&json!(text)), value, "{text}");
    }
}

#[test]
fn in_a_longer_string_it_becomes_text() {
    for (text, value) in [
        (" ${{ steps.fetch.output.n }}", " 9007199254740993"),
        ("${{ steps.fetch.output.n }}${{ steps.fetch.output.f }}", "90071992547409930.5"),
        ("a ${{ steps.fetch.output.s }} b", "a x\"y b"),
        ("a ${{ steps.fetch.output.list }} b", "a [1,{\"a\":null}] b"),
        ("a${{ steps.fetch.output.none }}b${{ steps.nope || steps.other.output }}c", "abc"),
        ("${{ steps.fetch.output.yes }}!", "true!"),
        ("${{ '${{' }} begins it", "${{ begins it"),
        ("$ {{ } }} ${{ 'a' }} }}", "$ {{ } }} a }}"),
        ("é${{ '😀' }}ü", "é😀ü"),
    ] {
        let text = text.replace("steps.nope", "steps.fetch.output.nope");
        assert_eq!(rendered(&json!(text)), json!(value), "{text}");
    }
}

#[test]
fn what_is_no_expression_stays_as_it_is() {
    let value = json!({"b": [1.0, -0.0, 1e300, "$", {"z": [], "a": {}}], "a": "${{ `1` }}", "c": ["x", "${{ 'y' }}", null, ["${{ `[]` }}"]]});
    let expected = json!({"b": [1.0, -0.0, 1e300, "$", {"z": [], "a": {}}], "a": 1, "c": ["x", "y", null, [[]]]});
    assert_eq!(rendered(&value).to_string(), expected.to_string());
}

#[test]
fn an_expression_without_a_value_is_named_and_its_data_is_not() {
    let known = Known::of(json!({"secret": "s3cret", "list": [1, "s3cret"]}));
    for (expression, what) in [
        ("length(steps.fetch.output.nope)", "gives length null, and it takes a string, an array or an object"),
        ("abs(steps.fetch.output.secret)", "gives abs a string, and it takes a number"),
        ("sum(steps.fetch.output.list)", "gives sum an array, and it takes an array of numbers"),
        (
            "sort_by(steps.fetch.output.list, &@)",
            "gives sort_by an expression whose values are not all numbers or all strings",
        ),
        (
            "max_by(steps.fetch.output.list, &@)",
            "gives max_by an expression whose values are not all numbers or all strings",
        ),
    ] {
        let error = known.rendered(&json!({"a/b": ["x", format!("${{{{ {expression} }}}}")]})).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.what.as_str()), ("/a~1b/1", what));
        assert!(!error.to_string().contains("s3cret"));
    }
    let error = known.is_met("length(steps.fetch.output.nope) > `0`").unwrap_err();
    assert_eq!(error.pointer, "");
}

#[test]
fn a_condition_is_met_by_everything_that_is_not_false_null_or_empty() {
    let known = Known::of(
        json!({"t": true, "f": false, "n": null, "e": "", "a": [], "o": {}, "zero": 0, "s": " ", "l": [null]}),
    );
    for (field, met) in [
        ("t", true),
        ("f", false),
        ("n", false),
        ("e", false),
        ("a", false),
        ("o", false),
        ("zero", true),
        ("s", true),
        ("l", true),
        ("no", false),
    ] {
        assert_eq!(known.is_met(&format!("steps.fetch.output.{field}")), Ok(met), "{field}");
        assert_eq!(known.is_met(&format!("${{{{ !(steps.fetch.output.{field}) }}}}")), Ok(!met), "{field}");
    }
    assert_eq!(known.is_met("steps.fetch.status == 'success' && steps.other.status != 'success'"), Ok(true));
}

#[test]
fn what_is_rendered_has_at_most_a_mebibyte() {
    // Two quotes, and the rest as text.
    let exact = |bytes: usize| Known::of(json!("x".repeat(bytes - 2))).rendered(&json!("${{ steps.fetch.output }}"));
    assert!(exact(MAX_RENDERED).is_ok());
    assert_eq!(exact(MAX_RENDERED + 1).unwrap_err().what, "comes to more than 1048576 bytes");
    // What is literal counts, and so does what escapes take.
    let half = "\n".repeat(MAX_RENDERED / 4);
    let known = Known::of(json!(half));
    assert!(known.rendered(&json!(["${{ steps.fetch.output }}"])).is_ok());
    assert!(known.rendered(&json!(["${{ steps.fetch.output }}", "x${{ steps.fetch.output }}"])).is_err());
    assert!(known.rendered(&json!(["${{ steps.fetch.output }}", half])).is_err());
    // A payload without expressions is bounded by the message alone.
    let literal = json!("x".repeat(2 * MAX_RENDERED));
    assert_eq!(known.rendered(&literal), Ok(literal));
}

#[test]
fn what_is_rendered_has_at_most_64_levels() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let inside = |levels: usize, around: &Value| Known::of(nested(levels)).rendered(around);
    assert!(inside(64, &json!("${{ steps.fetch.output }}")).is_ok());
    let error = inside(65, &json!("${{ steps.fetch.output }}")).unwrap_err();
    assert_eq!(error.what, "lies in more than 64 arrays and objects");
    assert!(inside(62, &json!({"a": ["${{ steps.fetch.output }}"]})).is_ok());
    assert!(inside(63, &json!({"a": ["${{ steps.fetch.output }}"]})).is_err());
    assert!(inside(60, &json!("text ${{ steps.fetch.output }}")).is_ok());
}

#[test]
fn all_expressions_of_a_payload_share_one_bound() {
    let known = Known::of(json!(vec![0; 100_000]));
    let payload = |count: usize| Value::from(vec!["${{ length(sort(steps.fetch.output)) }}"; count]);
    assert!(known.rendered(&payload(1)).is_err_and(|error| error.pointer == "/0"));
    let cheap = |count: usize| Value::from(vec!["${{ length(steps.fetch.output[*]) }}"; count]);
    assert_eq!(known.rendered(&cheap(3)), Ok(json!([100_000, 100_000, 100_000])));
    assert_eq!(known.rendered(&cheap(100)).unwrap_err().what, "takes more work than is allowed");
}
