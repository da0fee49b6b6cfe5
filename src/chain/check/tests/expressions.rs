//! Expressions in a definition: where they may stand, what they may refer to, and what is said of each that may not.

use serde_json::{Value, json};

use super::{checked, faults, said};

/// A chain of three steps, of which `step` is the second.
fn second(step: &Value) -> Value {
    let mut second = json!({"id": "use", "action_id": "b"});
    second.as_object_mut().unwrap().extend(step.as_object().unwrap().clone());
    json!({"chain_id": "c", "steps": [
        {"id": "fetch", "action_id": "a", "extract": {"contact": "id", "tier": {"path": "tier", "as": "string"}}},
        second,
        {"id": "last", "action_id": "z"},
    ]})
}

/// What is said of one expression in the payload of the second step.
fn of(expression: &str) -> Vec<(String, String)> {
    faults(&second(&json!({"payload": {"x": format!("${{{{ {expression} }}}}")}})))
}

#[test]
fn expressions_stand_in_strings_of_payloads_and_fallbacks_and_in_conditions() {
    let whole = "${{ steps.fetch.output }}";
    for step in [
        json!({"payload": {"a": whole, "b": [1, {"c": format!("x{whole}y{whole}")}]}}),
        json!({"payload": {"a": "${{ '${{' }} is how it begins", "b": "}} { $ {{"}}),
        json!({"payload": {"a": "${{ {a: {b: steps.fetch.status}} }}"}}),
        json!({"payload": {"a": "${{chain.run_id}}${{chain.chain_id}}${{chain.tenant}}"}}),
        json!({"on_failure": "fallback", "fallback": {"output": whole}}),
        json!({"on_failure": "fallback", "fallback": {"action_id": "f", "payload": {"a": whole}}}),
        json!({"when": "steps.fetch.status == 'success'"}),
        json!({"when": " ${{ steps.fetch.extracted.contact }} "}),
        json!({"when": "steps.fetch.output.text != '${{'"}),
        json!({"when": "'${{' != steps.fetch.output.text"}),
        json!({"extract": {"a": "b.c", "_d1": {"path": "length(e)", "as": "integer"}, "f": "'${{'"}}),
    ] {
        assert_eq!(faults(&second(&step)), [], "{step}");
    }
}

#[test]
fn what_does_not_exist_is_said_at_its_place_with_what_was_meant() {
    let body = r#"{"chain_id": "c", "steps": [
  {"id": "fetch", "action_id": "a", "extract": {"contact": "id"}},
  {"action_id": "b", "when": "steps.fetch.stat == 'success'", "payload": {"a": "é\n\u00e9 ${{ stepz.fetch }} ${{ steps.fecth.output | lenght(@) }}",
    "b": ["${{ steps.fetch.extracted.contct }}", "${{ chain.runid }}", "${{ steps.step_1.output }}", "${{ steps.last }}", "${{ a.[b }}"]}},
  {"id": "last", "action_id": "z", "extract": {"n-1": "${{ steps.fetch }}", "m": {"path": "a[", "as": "int"}}}
]}"#;
    insta::assert_snapshot!(said(body), @r"
    3:43 /steps/1/when refers to an unknown field of a step; did you mean status? (allowed: status, output, extracted, http_status)
    3:95 /steps/1/payload/a refers to an unknown field of the context; did you mean steps? (allowed: chain, steps; a text stands in single quotes: 'text')
    3:120 /steps/1/payload/a refers to an unknown step; did you mean fetch? (allowed: the steps before it: fetch)
    3:135 /steps/1/payload/a calls an unknown function; did you mean length? (allowed: abs, avg, ceil, contains, ends_with, floor, join, keys, length, map, max, max_by, merge, min, min_by, not_null, reverse, sort, sort_by, starts_with, sum, to_array, to_number, to_string, type, values)
    4:38 /steps/1/payload/b/0 refers to a name that the step does not extract; did you mean contact? (allowed: contact)
    4:61 /steps/1/payload/b/1 refers to an unknown field of chain; did you mean run_id? (allowed: chain_id, run_id, tenant)
    4:83 /steps/1/payload/b/2 refers to the step that it stands in (allowed: the steps before it: fetch)
    4:113 /steps/1/payload/b/3 refers to a step that does not come earlier (allowed: the steps before it: fetch)
    4:130 /steps/1/payload/b/4 has a `[` that is not closed (allowed: `]`)
    5:48 /steps/2/extract/n-1 is not a valid name (allowed: 1 to 64 of A-Z a-z 0-9 _, no digit first)
    5:56 /steps/2/extract/n-1 is a path, which stands without ${{ }} (allowed: the bare path, seen from the output of the step)
    5:93 /steps/2/extract/m/path has a `[` that is not closed (allowed: `]`)
    5:103 /steps/2/extract/m/as is not an allowed value; did you mean integer? (allowed: auto, string, integer, number, boolean)
    ");
}

#[test]
fn a_name_is_known_wherever_the_expression_goes() {
    for (expression, said) in [
        ("steps | fetch | outputs", "refers to an unknown field of a step"),
        ("@.steps.fetch.foo", "refers to an unknown field of a step"),
        ("(steps).fetch.foo", "refers to an unknown field of a step"),
        ("steps.*.outputs", "refers to an unknown field of a step"),
        ("steps.*[].outputs", "refers to an unknown field of a step"),
        ("values(steps)[*].outputs", "refers to an unknown field of a step"),
        ("values(steps)[0].outputs", "refers to an unknown field of a step"),
        ("(steps.*.output[] | [0].x) || steps.nobody", "refers to an unknown step"),
        ("[steps.fetch, steps.fetch][*].foo", "refers to an unknown field of a step"),
        ("[chain, steps][1].nobody", "refers to an unknown step"),
        ("[chain, steps][-1].nobody", "refers to an unknown step"),
        ("{s: steps, c: chain}.s.nobody", "refers to an unknown step"),
        ("{s: steps} | s.fetch.extracted.foo", "refers to a name that the step does not extract"),
        ("not_null(steps.fetch.foo, 'x')", "refers to an unknown field of a step"),
        ("not_null(steps.fetch, steps.fetch).foo", "refers to an unknown field of a step"),
        ("(steps.fetch || steps.fetch).foo", "refers to an unknown field of a step"),
        ("steps.fetch && steps.nobody", "refers to an unknown step"),
        ("!steps.fetch.status", "is looked up in a negation, since ! binds more tightly than a dot"),
        ("!(steps.nobody)", "refers to an unknown step"),
        ("steps.fetch.status == steps.nobody.status", "refers to an unknown step"),
        ("map(&foo, [steps.fetch])", "refers to an unknown field of a step"),
        ("sort_by(values(steps), &foo)", "refers to an unknown field of a step"),
        ("max_by(values(steps), &status).foo", "refers to an unknown field of a step"),
        ("values(steps)[?foo]", "refers to an unknown field of a step"),
        ("values(steps)[?status].foo", "refers to an unknown field of a step"),
        ("reverse(values(steps))[0].foo", "refers to an unknown field of a step"),
        ("\"steps\".\"fetch\".\"foo\"", "refers to an unknown field of a step"),
        ("chain.chain_id || chain.id", "refers to an unknown field of chain"),
        ("step.fetch", "refers to an unknown field of the context; did you mean steps?"),
        ("steps.use.output", "refers to the step that it stands in"),
        ("steps.last.output", "refers to a step that does not come earlier"),
        ("nope(steps.nobody)", "calls an unknown function"),
        ("(steps.fetch.output || steps).last.output", "refers to a step that does not come earlier"),
        ("not_null(steps.fetch.output, steps).last", "refers to a step that does not come earlier"),
        ("merge(steps, `{}`).last.output", "refers to a step that does not come earlier"),
        ("to_array(steps)[0].last.output", "refers to a step that does not come earlier"),
        ("[steps.fetch, steps][*].last", "refers to a step that does not come earlier"),
    ] {
        let found = of(expression);
        assert!(!found.is_empty(), "{expression}");
        assert_eq!(found[0].0, "/steps/1/payload/x", "{expression}");
        assert!(found[0].1.starts_with(said), "{expression}: {}", found[0].1);
    }
    assert_eq!(of("nope(steps.nobody, steps.last)").len(), 3, "all faults at once");
}

#[test]
fn what_a_step_left_may_be_anything() {
    for expression in [
        "steps.fetch.output.foo.bar[0].baz",
        "steps.fetch.output | chain.nope",
        "steps.*.output.foo",
        "steps.fetch.extracted.contact.foo",
        "steps.fetch.extracted.*",
        "steps.fetch.http_status",
        "[steps.fetch, chain][*].foo",
        "(steps.fetch.output || chain).foo",
        "{a: steps.fetch.output}.a.b",
        "{a: chain}.b.c",
        "keys(steps)[0].foo",
        "merge(chain, steps.fetch).foo",
        "to_array(steps.fetch)[0].foo",
        "'steps'.foo",
        "`{\"a\": 1}`.a",
        "@",
        "*",
    ] {
        assert_eq!(of(expression), [], "{expression}");
    }
}

#[test]
fn a_step_of_a_nested_chain_sees_the_chains_around_it() {
    let inner = |payload: &str| {
        json!({"chain_id": "outer", "steps": [
            {"id": "first", "action_id": "a", "extract": {"x": "y"}},
            {"id": "nest", "chain": {"chain_id": "inner", "steps": [
                {"id": "one", "action_id": "b", "extract": {"z": "y"}},
                {"id": "two", "action_id": "c", "payload": {"p": payload}},
                {"id": "three", "action_id": "d"},
            ]}},
            {"id": "after", "action_id": "e", "payload": {"p": "${{ steps.nest.output.outputs.one }}"}},
        ]})
    };
    for seen in ["first.extracted.x", "one.output"] {
        assert_eq!(faults(&inner(&format!("${{{{ steps.{seen} }}}}"))), [], "{seen}");
    }
    for (unseen, said) in [
        ("two", "refers to the step that it stands in"),
        ("nest", "refers to the step that it stands in"),
        ("three", "refers to a step that does not come earlier"),
        ("after", "refers to a step that does not come earlier"),
        ("nobody", "refers to an unknown step"),
    ] {
        let pointer = "/steps/1/chain/steps/1/payload/p".to_owned();
        assert_eq!(faults(&inner(&format!("${{{{ steps.{unseen} }}}}"))), [(pointer, said.to_owned())]);
    }
    // What is inside stays inside.
    let mut outside = inner("x");
    outside["steps"][2]["payload"]["p"] = json!("${{ steps.one.output }}");
    assert_eq!(faults(&outside), [("/steps/2/payload/p".into(), "refers to an unknown step".into())]);
}

#[test]
fn what_an_expression_refers_to_is_known() {
    let references = |expression: &str| {
        let body = second(&json!({"payload": {"x": format!("a ${{{{ {expression} }}}}")}, "when": expression}));
        let chain = checked(body.to_string()).unwrap();
        let step = &chain.steps[1];
        let of_payload: Vec<String> =
            step.call().unwrap().payload.references().into_iter().map(str::to_owned).collect();
        assert_eq!(step.when.as_ref().unwrap().references(), of_payload);
        of_payload.join(",")
    };
    assert_eq!(references("steps.fetch.output"), "fetch");
    assert_eq!(references("chain.run_id"), "");
    assert_eq!(references("'x'"), "");
    for all in ["steps", "@", "*", "keys(steps)", "steps.*", "[steps]", "steps | [@]", "steps.[fetch]", "steps == `1`"]
    {
        assert_eq!(references(all), "fetch", "{all}");
    }
}
