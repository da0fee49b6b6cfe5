//! What beginners write, from the habits of other languages: each is said at its place, with the cure.

use serde_json::json;

use super::checked;

/// What is said of `when` and the part of the message that it is said of, each problem on a line.
fn said_of(when: &str) -> String {
    let body = json!({"chain_id": "c", "steps": [{"id": "a", "action_id": "x"}, {"action_id": "y", "when": when}]});
    let body = body.to_string();
    let Err(rejection) = checked(&body) else { return "nothing".into() };
    let problems = rejection.problems.list().iter().map(|problem| {
        assert_eq!(problem.pointer, "/steps/1/when");
        let marked = &body[problem.span.clone()];
        format!("{marked} {} ({})", problem.what, problem.allowed.as_deref().unwrap_or_default())
    });
    problems.collect::<Vec<_>>().join("\n")
}

#[test]
fn operators_of_other_languages_are_translated() {
    let calculated = "the functions sum, avg, abs, ceil and floor of numbers, and join of texts";
    for (when, operator, right) in [
        ("chain.tenant and steps.a.output", "and", "&&, as in a && b"),
        ("(chain.tenant) AND (steps.a.output)", "and", "&&, as in a && b"),
        ("steps.a.output[*] and chain.tenant", "and", "&&, as in a && b"),
        ("chain.tenant or steps.a.output", "or", "||, as in a || b"),
        ("not steps.a.output", "not", "!, as in !(a.b)"),
        ("not(steps.a.output)", "not", "!, as in !(a.b)"),
        ("chain.tenant && not steps.a.output", "not", "!, as in !(a.b)"),
        ("'x' in steps.a.output", "in", "the function contains, as in contains(list, value)"),
        ("'x' not in steps.a.output", "not in", "! before the function contains, as in !contains(list, value)"),
        ("steps.a.output is 'x'", "is", "==, as in a == b"),
        ("steps.a.output is not 'x'", "is not", "!=, as in a != b"),
        ("steps.a.output = 'x'", "=", "==, as in a == b"),
        ("steps.a.output === 'x'", "===", "==, as in a == b"),
        ("steps.a.output !== 'x'", "!==", "!=, as in a != b"),
        ("steps.a.output <> 'x'", "<>", "!=, as in a != b"),
        ("steps.a.output => `1`", "=>", ">=, as in a >= b"),
        ("steps.a.output =< `1`", "=<", "<=, as in a <= b"),
        ("steps.a.output & chain.tenant", "&", "&&, as in a && b"),
        ("steps.a.output ? 'x' : 'y'", "?", "&& and ||, as in a && b || c"),
        ("steps.a.output ?? 'x'", "??", "||, as in a || b"),
        ("steps.a?.output", "?.", "a dot: of what is missing, everything is null"),
        ("steps.a.output.n + `1`", "+", calculated),
        ("steps.a.output.n - `1`", "-", calculated),
        ("steps.a.output.n * `2`", "*", calculated),
    ] {
        let said = format!("uses `{operator}`, which is no operator of JMESPath ({right})");
        let found = said_of(when);
        let (marked, rest) = found.split_at(operator.len());
        assert!(marked.eq_ignore_ascii_case(operator) && rest.trim_start() == said, "{when}: {found}");
    }
    for when in ["steps.a.output.in", "steps.a.output.not.and.or.is", "steps.a.output[?and == or]", "{and: chain}.and"]
    {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}

#[test]
fn names_that_are_not_plain_are_told_their_quotes() {
    for (when, marked) in [
        ("steps.a.output.my-key", "my-key"),
        ("steps.a.output.my-key == 'x'", "my-key"),
        ("steps.a.output.a-b-2.c", "a-b-2"),
        ("steps.a.output.k-1", "k-1"),
        ("steps.a.output.1st", "1st"),
        ("steps.a.output.größe", "größe"),
    ] {
        let right = r#"double quotes around it: "my-key"; in JSON, each after a backslash"#;
        assert_eq!(said_of(when), format!("{marked} has a name that is not plain ({right})"), "{when}");
    }
    for (when, marked) in [
        ("steps['a'].status", "'a'"),
        (r#"steps["a"].status"#, r#"\"a\""#),
        ("steps[`a`]", "`a`"),
        ("steps.a.output[b]", "b"),
    ] {
        let right = r#"a dot before the name: a.b; one that is not plain stands in double quotes: a."my-key"; a filter begins with [?: a[?b]"#;
        let said = format!("{marked} has a name in square brackets ({right})");
        assert_eq!(said_of(when), said, "{when}");
    }
    assert_eq!(said_of(r#"steps."a".output."my-key""#), "nothing");
}

#[test]
fn brackets_are_said_with_what_closes_them() {
    for (when, open, closing) in [
        ("steps.a.output[?n > `10`", "[?", "]"),
        ("steps.a.output[?n > `10`.x", "[?", "]"),
        ("steps.a.output[", "[", "]"),
        ("steps.a.output[0", "[", "]"),
        ("length(steps.a.output)  && (steps.a.output", "(", ")"),
        ("(steps.a.output]", "(", ")"),
        ("{a: steps.a.output", "{", "}"),
    ] {
        assert_eq!(said_of(when), format!("{open} has a `{open}` that is not closed (`{closing}`)"), "{when}");
    }
    for when in ["length(steps.a.output", "contains(steps.a.output, ", "contains(steps.a.output, 'x' "] {
        assert_eq!(said_of(when), "( has a `(` that is not closed (`)`, or a comma and another argument)", "{when}");
    }
    let from_here = |marked: &str, right: &str| format!("{marked} is not valid JMESPath from here on ({right})");
    for (when, marked, right) in [
        ("(steps.a, chain)", ",", "`)`"),
        ("steps.a.output)", ")", "an operator, or the end"),
        ("steps.a.output[?a, b]", ",", "`]`"),
        ("steps.a.output.0", "0", "an index in brackets, as in a[0]"),
        ("steps.a.output.[0]", "0", "no dot before the bracket of an index, as in a[0]"),
        ("steps.a.output[n > `10`]", "n", "[? before a condition, as in a[?b > `1`]"),
        ("steps.a.output.in 'x'", "'x'", "an operator, a dot or a comma before it"),
        ("sort_by(steps.a.output &n)", "&", "an operator, a dot or a comma before it"),
        ("$.steps.a", "$", "a path without $, which begins with a name"),
        ("steps.a.output == “x”", "“", "straight quotes around a text: 'text'"),
    ] {
        assert_eq!(said_of(when), from_here(marked, right), "{when}");
    }
}

#[test]
fn values_without_their_quotes_are_told_them() {
    let value = |word: &str, value: &str| {
        format!("{word} takes {word} for the name of a field (backticks around a value: `{value}`)")
    };
    for (when, said) in [
        ("steps.a.output == true", value("true", "true")),
        ("null != steps.a.output", value("null", "null")),
        ("steps.a.output == True", value("True", "true")),
        ("steps.a.output == None", value("None", "null")),
        // Where a name may be a field of an entry.
        ("steps.a.output[?vip == true]", value("true", "true")),
        ("steps.a.output[?false == vip]", value("false", "false")),
        ("steps.a.output[?n > 10]", "10 has a number where none can stand (backticks around a number: `1`)".into()),
    ] {
        assert_eq!(said_of(when), said, "{when}");
    }
    for when in [r#"steps.a.output[?vip == "true"]"#, "steps.a.output.true == `1`", "steps.a.output[?true]"] {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}

#[test]
fn json_in_backticks_keeps_to_the_rules_of_the_message() {
    let range = "-9223372036854775808 to 18446744073709551615; send longer ones as strings";
    for (when, said) in [
        (
            "steps.a.output == `99999999999999999999`",
            format!("99999999999999999999 has a JSON literal that is an integer beyond 64 bits ({range})"),
        ),
        (
            "contains(`[1, -9223372036854775809]`, steps.a.output)",
            format!("-9223372036854775809 has a JSON literal, a part of which is an integer beyond 64 bits ({range})"),
        ),
    ] {
        assert_eq!(said_of(when), said, "{when}");
    }
    assert_eq!(
        said_of(r#"`{"a": {"\`b": 1, "\`b": 2}}`"#),
        r#"\"\\`b\" has a JSON literal, a part of which is given more than once ()"#
    );
    assert_eq!(
        said_of("steps.a.output == `success`"),
        "`success` is not valid JMESPath from here on (JSON between the backticks; a text stands in single quotes: 'text')"
    );
    for when in ["`18446744073709551615`", "`[{\"a\": 1}, {\"a\": 1}]`", "`1e300`", "'99999999999999999999'"] {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}

#[test]
fn a_comparison_that_never_holds_is_a_problem() {
    let known = "('success', 'failed', 'skipped', 'unknown')";
    let never = "compares a step's status with what it never is";
    for (when, said) in [
        ("steps.a.status == 'sucess'", format!("'sucess' {never}; did you mean success? {known}")),
        ("steps.a.status != 'SUCCESS'", format!("'SUCCESS' {never}; did you mean success? {known}")),
        ("chain.tenant && ('completed' == (steps.a).status)", format!("'completed' {never} {known}")),
        ("steps.a.status == `true`", format!("`true` {never} {known}")),
        (
            "steps.a.http_status == '200'",
            "'200' compares http_status, a number, with something else (a number in backticks: `200`)".into(),
        ),
        (
            "`[200]` != steps.a.http_status",
            "`[200]` compares http_status, a number, with something else (a number in backticks: `200`)".into(),
        ),
    ] {
        assert_eq!(said_of(when), said, "{when}");
    }
    for when in [
        "steps.a.status == 'success' || steps.a.status == 'failed' || 'skipped' == steps.a.status",
        "steps.a.status != 'unknown'",
        "steps.a.status == `null`",
        "steps.a.http_status == `200` || steps.a.http_status == `null`",
        "steps.a.status == steps.a.output.status",
        // What is compared may be anything.
        "steps.a.output.status == 'sucess'",
        "steps.a.output.http_status == '200'",
        "steps.a.output[?@.steps.a.status == 'sucess']",
        "(steps.a.output || steps.a).status == 'sucess'",
        "merge(steps, `{\"a\": {\"status\": \"sucess\"}}`).a.status == 'sucess'",
        "contains(['sucess'], steps.a.status)",
    ] {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}
