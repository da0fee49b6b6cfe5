//! References that are null whatever a run brings: they are refused, as those to unknown steps are.

use serde_json::{Value, json};

use super::checked;

/// What is said of the expression `when` of the step `use`, each problem with what it marks.
fn said_of(when: &str) -> String {
    said(when, &json!({"id": "use", "action_id": "u", "when": when}))
}

/// What is said of the path `path` of the step `use`.
fn said_of_path(path: &str) -> String {
    said(path, &json!({"id": "use", "action_id": "u", "extract": {"x": {"path": path}}}))
}

/// What is said of the same path where the step has a nested chain.
fn said_of_nested_path(path: &str) -> String {
    let chain = json!({"chain_id": "d", "steps": [{"id": "deep", "action_id": "d", "extract": {"e": "e"}}]});
    said(path, &json!({"id": "use", "chain": chain, "extract": {"x": path}}))
}

fn said(text: &str, step: &Value) -> String {
    let inner = |chain_id: &str| {
        json!({"chain_id": chain_id, "steps": [
            {"id": "inner", "action_id": chain_id, "extract": {"q": "q"}},
            {"action_id": format!("{chain_id}-2"), "extract": {"r": "r"}},
            {"id": "bare", "action_id": format!("{chain_id}-3")},
        ]})
    };
    let body = json!({"chain_id": "c", "max_depth": 25, "steps": [
        {"id": "a", "action_id": "a", "extract": {"want": "w"}},
        {"id": "n", "chain": inner("i")},
        {"id": "f", "chain": inner("j"), "on_failure": "fallback", "fallback": {"output": {}}},
        {"id": "g", "chain": inner("k"), "on_failure": "fallback", "fallback": {"action_id": "h"}},
        {"id": "mute", "chain": {"chain_id": "m", "steps": [{"action_id": "m"}]}},
        step,
        {"id": "later", "action_id": "l"},
    ]});
    let body = body.to_string();
    let Err(rejection) = checked(&body) else { return "nothing".into() };
    let problems = rejection.problems.list().iter().map(|problem| {
        assert!(text.contains(&body[problem.span.clone()]), "{problem:?}");
        format!("{} {} ({})", &body[problem.span.clone()], problem.what, problem.allowed.as_deref().unwrap_or_default())
    });
    problems.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_step_is_not_to_be_seen_from_within_another_value() {
    let said = "looks for the run in another value: in a filter or projection and after | only its fields are seen \
                (fields of that value, as JMESPath has no variables; its own steps or chain is @.steps, @.chain)";
    for (when, marked) in [
        ("steps.a.output.echo.list[?id == steps.a.extracted.want].v", "steps.a"),
        ("steps.a.output.list[?steps.later.output.q == id]", "steps.later"),
        ("steps.a.output.list[?id == steps.use.output.q]", "steps.use"),
        ("steps.a.output.list[?id == steps.inner.output.q]", "steps.inner"),
        ("steps.a.output.list[?!(steps.a.extracted.want)]", "steps.a"),
        ("steps.a.output.list[?run == chain.run_id]", "chain.run_id"),
        ("steps.a.output.list[*].[id, steps.a.status]", "steps.a"),
        ("steps.a.output.list[].{id: id, by: chain.tenant}", "chain.tenant"),
        ("steps.a.output.*.[steps.a]", "steps.a"),
        ("steps.a.output | steps.n.output", "steps.n"),
        ("steps.a.output.list[?a] | contains(@, steps.a.output)", "steps.a"),
        ("sort_by(steps.a.output.list, &steps.a.status)", "steps.a"),
        ("map(&[@, chain.run_id], steps.a.output.list)", "chain.run_id"),
        ("values(steps)[?status == steps.a.status]", "steps.a"),
        ("steps.a | steps.a.output", "steps.a"),
        ("[steps.a, steps.n] | steps.a.output", "steps.a"),
        ("steps.a.status | steps.a.output", "steps.a"),
    ] {
        assert_eq!(said_of(when), format!("{marked} {said}"), "{when}");
    }
    for when in [
        // Fields of the value for certain.
        "steps.a.output.list[*].steps.a",
        "steps.a.output.list[?x].steps.a.b",
        "steps.a.output.list[].chain.run_id",
        "steps.a.output.*.steps.a",
        "steps.a.output.steps.a.output",
        "steps.a.output.list[?@.steps.a.output == id]",
        "steps.a.output.list[?@.chain.run_id == id]",
        // And very likely.
        "steps.a.output.list[?steps.nobody == 'x']",
        "steps.a.output.list[?steps[0].done && chain.length == `3` && steps && chain]",
        "{steps: steps.a.output} | steps.a.output",
        // The root itself.
        "@ | steps.a.output",
        "[steps.a.output.list, steps.a.extracted.want]",
        "contains(steps.a.output.list, steps.a.extracted.want)",
    ] {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}

#[test]
fn an_extract_is_taken_from_the_steps_own_output() {
    let said = "refers to the run, and an extract is taken from the step's own output \
                (a path that begins at that output; its own steps or chain is @.steps, @.chain)";
    for (path, marked) in [
        ("steps.a.output", "steps.a"),
        ("steps.use.output.id", "steps.use"),
        ("chain.run_id", "chain.run_id"),
        ("aggregated_responses[?id == steps.a.extracted.want]", "steps.a"),
        ("length(steps.later)", "steps.later"),
    ] {
        assert_eq!(said_of_path(path), format!("{marked} {said}"), "{path}");
        assert_eq!(said_of_nested_path(path), format!("{marked} {said}"), "{path}");
    }
    for path in ["@.steps.a.output", "@.chain.run_id", "steps.nobody", "steps", "chain.links", "items[*].steps.a"] {
        assert_eq!(said_of_path(path), "nothing", "{path}");
    }
    let unknown = "refers to no step of the nested chain that extracts anything; did you mean deep?";
    assert_eq!(said_of_nested_path("outputs.dep.e"), format!("dep {unknown} (deep)"));
    for path in ["outputs.deep.e", "final_status", "aggregated_responses[0].response_data.x"] {
        assert_eq!(said_of_nested_path(path), "nothing", "{path}");
    }
}

#[test]
fn what_a_nested_chain_leaves_is_known() {
    let output = "refers to an unknown field of the output of a nested chain";
    let fields = "final_status, aggregated_responses, outputs";
    let step = "refers to no step of the nested chain that extracts anything";
    for (when, said) in [
        ("steps.n.output.foo", format!("foo {output} ({fields})")),
        ("steps.n.output.output", format!("output {output}; did you mean outputs? ({fields})")),
        ("steps.n.output.outputs.iner.q", format!("iner {step}; did you mean inner? (inner, step_1)")),
        ("steps.n.output.outputs.bare", format!("bare {step} (inner, step_1)")),
        (
            "steps.mute.output.outputs.step_0",
            format!("step_0 {step} (nothing: no step of the nested chain has an extract)"),
        ),
        ("steps.n.output.outputs.inner.zz", "zz refers to a name that the step does not extract (q)".to_owned()),
        ("steps.n.output.final_status.foo", "foo refers to a field of a text (no name after it)".to_owned()),
        ("steps.n.output.outputs[0]", "[ takes an object for an array (a name after a dot)".to_owned()),
    ] {
        assert_eq!(said_of(when), said, "{when}");
    }
    for when in [
        "steps.n.output.outputs.inner.q.foo",
        "steps.n.output.outputs.step_1.r",
        "steps.n.output.outputs.*.q",
        "steps.n.output.aggregated_responses[0].foo",
        "steps.n.output.final_status == 'completed'",
        "steps.mute.output.outputs",
        // What takes its place may leave anything.
        "steps.f.output.foo && steps.f.output.outputs.iner && steps.f.output[0]",
        "steps.g.output.foo && steps.g.output.outputs.iner",
    ] {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}

#[test]
fn what_is_no_array_and_what_has_no_fields_is_known() {
    let steps = "[ takes the object of all steps for an array (the name of a step, as in steps.a; values(steps) for a list of them)";
    let object = "[ takes an object for an array (a name after a dot)";
    for (when, said) in [
        ("steps[0].output", steps),
        ("steps[*].output", steps),
        ("steps[?status == 'failed']", steps),
        ("steps[]", steps),
        ("steps[1:]", steps),
        ("(steps)[0]", steps),
        ("steps.a[0]", object),
        ("steps.*[0]", object),
        ("steps.a.extracted[0]", object),
        ("chain[0]", object),
        ("@[0]", object),
        ("[0]", object),
        ("steps.a.status.foo", "foo refers to a field of a text (no name after it)"),
        ("steps.a.http_status.x", "x refers to a field of a number (no name after it)"),
        ("chain.chain_id.x", "x refers to a field of a text (no name after it)"),
        ("steps.*.status.foo", "foo refers to a field of a text (no name after it)"),
        ("steps.a.status[0]", "[ takes a text for an array (no bracket after it)"),
        ("values(steps)[0].status.foo", "foo refers to a field of a text (no name after it)"),
    ] {
        assert_eq!(said_of(when), said, "{when}");
    }
    for when in [
        "values(steps)[?status == 'failed']",
        "values(steps)[0]",
        "(steps.a.output || steps)[0]",
        "not_null(steps.a.output, steps)[0]",
        "(steps.a.output || steps.a.status)[0].foo",
        "[steps.a.status, steps.a.output][0]",
        "steps.a.output[0]",
        "steps.a.status == 'success'",
        "length(steps.a.status) > `3`",
    ] {
        assert_eq!(said_of(when), "nothing", "{when}");
    }
}

#[test]
fn a_step_that_is_hidden_is_said_to_be() {
    let said = |reference: &str| {
        let payload = json!({"x": format!("${{{{ steps.{reference}.output }}}}")});
        let body = json!({"chain_id": "c", "steps": [
            {"id": "a", "action_id": "a"},
            {"id": "n", "chain": {"chain_id": "i", "steps": [
                {"id": "b", "action_id": "b", "payload": payload},
                {"id": "a", "action_id": "d"},
                {"id": "n", "action_id": "e"},
            ]}},
        ]});
        let rejection = checked(body.to_string()).unwrap_err();
        let problem = rejection.problems.list().first().unwrap().clone();
        format!("{} ({})", problem.what, problem.allowed.unwrap_or_default())
    };
    let hides = "refers to the innermost step of this name, which does not come earlier and hides an outer one";
    assert_eq!(said("a"), format!("{hides} (another id for one of the two)"));
    assert_eq!(said("b"), "refers to the step that it stands in (nothing: no step comes earlier)");
    assert_eq!(said("n"), "refers to a step that does not come earlier (nothing: no step comes earlier)");
    assert_eq!(said("q"), "refers to an unknown step (nothing: no step comes earlier)");
}

#[test]
fn a_short_name_is_not_bent_into_another_one() {
    assert_eq!(said_of("steps.q.output"), "q refers to an unknown step (the steps before it: a, n, f, g, mute)");
    assert_eq!(
        said_of("steps.mut.output"),
        "mut refers to an unknown step; did you mean mute? (the steps before it: a, n, f, g, mute)"
    );
}

#[test]
fn what_a_bracket_may_hold_and_a_call_needs_is_said() {
    let bracket = "is not valid JMESPath from here on (an index, a slice, `*`, or `?` and a condition)";
    let name = "has a name in square brackets (a dot before the name: a.b; one that is not plain stands in double quotes: \
                a.\"my-key\"; a filter begins with [?: a[?b])";
    let call = "has a `(` that is not closed (`)`, or a comma and another argument)";
    for (when, said) in [
        ("contains(steps.a.output, 'x' ", format!("( {call}")),
        ("(steps.a.output", "( has a `(` that is not closed (`)`)".to_owned()),
        ("steps.a.output[abc]", format!("abc {name}")),
        ("steps.a.output[abc.d]", format!("abc {bracket}")),
        ("steps.a.output[!a]", format!("! {bracket}")),
    ] {
        assert_eq!(said_of(when), said, "{when}");
    }
}
