//! Expressions and definitions as the grammar has them, and now and then as it does not.

use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

const FUNCTIONS: [&str; 28] = [
    "abs",
    "avg",
    "ceil",
    "contains",
    "ends_with",
    "floor",
    "join",
    "keys",
    "length",
    "map",
    "max",
    "max_by",
    "merge",
    "min",
    "min_by",
    "not_null",
    "reverse",
    "sort",
    "sort_by",
    "starts_with",
    "sum",
    "to_array",
    "to_number",
    "to_string",
    "type",
    "values",
    "nope",
    "lenght",
];
const LEAVES: [&str; 24] = [
    "@",
    "a",
    "b",
    "id",
    "items",
    "steps",
    "chain",
    "steps.a",
    "steps.a.output",
    "steps.a.extracted.id",
    "steps.b.status",
    "chain.run_id",
    "steps.*",
    "'x'",
    "''",
    "`1`",
    "`null`",
    "`[1, \"a\", {}]`",
    "`18446744073709551615`",
    "\"a b\"",
    "*",
    "[0]",
    "[-1:0:-1]",
    "`1e308`",
];

/// Wherever they stand.
const SOUND: [&str; 6] =
    ["@", "*", "keys(steps)", "values(steps)[0].output.b", "length(chain.run_id)", "values(steps)[].extracted"];

fn any<'a>(list: &[&'a str], dice: &mut StdRng) -> &'a str {
    list[dice.random_range(0..list.len())]
}

/// An expression of some depth.
pub(crate) fn expression(dice: &mut StdRng) -> String {
    let depth = dice.random_range(0..7);
    let mut text = grown(depth, dice);
    // What doubles does so only when it is repeated.
    if dice.random_ratio(1, 8) {
        let stage = any(
            &[
                " | [@, @][]",
                " | [@, @]",
                " | to_string([@, @])",
                " | merge(@, {a: @, b: @})",
                " | join(to_string(@), [to_string(@), 'x'])",
            ],
            dice,
        );
        text.push_str(&stage.repeat(dice.random_range(1..30)));
    }
    text
}

fn grown(depth: usize, dice: &mut StdRng) -> String {
    if depth == 0 {
        return any(&LEAVES, dice).to_owned();
    }
    let mut one = || grown(depth - 1, dice);
    let (a, b) = (one(), one());
    match dice.random_range(0..19) {
        0 => format!("{a}.{b}"),
        1 => format!("{a} | {b}"),
        2 => format!("{a} || {b}"),
        3 => format!("{a} && {b}"),
        4 => format!("{a} {} {b}", any(&["==", "!=", "<", "<=", ">", ">=", "=", "+"], dice)),
        5 => format!("!{a}"),
        6 => format!("({a})"),
        7 => format!("[{a}, {b}]"),
        8 => format!("{{a: {a}, \"b c\": {b}}}"),
        9 => format!("{a}[*].{b}"),
        10 => format!("{a}[]"),
        11 => format!("{a}.*.{b}"),
        12 => format!("{a}[?{b}]"),
        13 => format!("{a}[{}]", dice.random_range(-3..3)),
        14 => format!("{a}[{}:{}:{}]", dice.random_range(-3..3), dice.random_range(-3..9), dice.random_range(-2..3)),
        15 => format!("{}({a})", any(&FUNCTIONS, dice)),
        16 => format!("{}({a}, {b})", any(&FUNCTIONS, dice)),
        17 => format!("{}({a}, &{b})", any(&["sort_by", "max_by", "min_by"], dice)),
        _ => format!("map(&{a}, {b})"),
    }
}

/// A definition that is for the most part one.
pub(crate) fn definition(dice: &mut StdRng) -> String {
    let mut body = chain("c", 0, dice);
    if dice.random_ratio(1, 4) {
        body["max_depth"] = json!(dice.random_range(1..27));
    }
    if dice.random_ratio(1, 4) {
        body["tenant"] = json!(any(&["default", "other", "nobody"], dice));
    }
    if dice.random_ratio(1, 4) {
        body["run_id"] = json!("r");
    }
    if dice.random_ratio(1, 8) {
        body[any(&["run_id", "tenant", "expires_at", "metadata", "version", "x"], dice)] = value(2, dice);
    }
    body.to_string()
}

fn chain(name: &str, depth: usize, dice: &mut StdRng) -> Value {
    let ids = ["a", "b", "d", "e"];
    let count = dice.random_range(1..=ids.len());
    let steps: Vec<Value> = ids[..count].iter().map(|id| step(&format!("{name}{id}"), id, depth, dice)).collect();
    json!({"chain_id": name, "steps": steps})
}

fn step(name: &str, id: &str, depth: usize, dice: &mut StdRng) -> Value {
    let mut step = Map::new();
    step.insert("id".into(), json!(id));
    if depth < 3 && dice.random_ratio(1, 6) {
        let mut chain = chain(name, depth + 1, dice);
        if dice.random_ratio(1, 4) {
            chain["tenant"] = json!(any(&["default", "other"], dice));
        }
        step.insert("chain".into(), chain);
    } else {
        step.insert("action_id".into(), json!(name));
        // What depends on what is known of the action.
        if dice.random_ratio(1, 6) {
            step.insert("timeout_seconds".into(), json!([5, 60, 120, 900][dice.random_range(0..4)]));
        }
        if dice.random_ratio(1, 8) {
            step.insert("mode".into(), json!(any(&["sync", "job"], dice)));
        }
        if dice.random_ratio(1, 8) {
            step.insert("execution_timeout_ms".into(), json!(2_000));
        }
        if dice.random_ratio(1, 8) {
            step.insert("required_params".into(), json!([any(&["x", "y", "x", "y", "x", "y", "z"], dice)]));
        }
        step.insert("payload".into(), json!({"x": value(3, dice), "y": value(1, dice)}));
    }
    if dice.random_ratio(1, 2) {
        step.insert("extract".into(), json!({"id": "id", "b": {"path": expression(dice), "as": any(&["auto", "string", "integer", "number", "boolean", "auto", "auto", "int"], dice)}}));
    }
    if dice.random_ratio(1, 3) {
        step.insert(
            "when".into(),
            json!(any(
                &if id == "a" {
                    ["chain.run_id", "`true`", "keys(steps)", "chain.run_id == 'r'"]
                } else {
                    ["steps.a.status == 'success'", "chain.run_id", "steps.a.output.id", "!"]
                },
                dice
            )),
        );
    }
    if dice.random_ratio(1, 4) {
        let fallback = if dice.random_ratio(1, 2) {
            json!({"output": value(2, dice)})
        } else {
            json!({"action_id": format!("f{name}")})
        };
        step.insert("on_failure".into(), json!("fallback"));
        step.insert("fallback".into(), fallback);
    }
    Value::Object(step)
}

fn value(depth: usize, dice: &mut StdRng) -> Value {
    match dice.random_range(0..if depth == 0 { 6 } else { 8 }) {
        0 => json!(any(
            if dice.random_ratio(1, 16) {
                &["${{"]
            } else {
                &["text", "", "01234", "${{ chain.run_id }}", "${{ '${{' }}", "}}"]
            },
            dice
        )),
        1 => json!("${{ chain.chain_id || `1` }} and ${{ chain.tenant }}"),
        2 if dice.random_ratio(1, 4) => json!(format!("${{{{ {} }}}}", any(&LEAVES, dice))),
        2 => json!(format!("- ${{{{ {} }}}}", any(&SOUND, dice))),
        3 if dice.random_ratio(1, 4) => json!(format!("- ${{{{ {} }}}}", expression(dice))),
        3 => json!(format!("${{{{ {} }}}}", any(&SOUND, dice))),
        4 => json!(dice.random_range(-5..5)),
        5 => [json!(null), json!(true), json!(1.5), json!(u64::MAX)][dice.random_range(0..4)].clone(),
        6 => json!([value(depth - 1, dice), value(depth - 1, dice)]),
        _ => {
            json!({"k": value(depth - 1, dice), any(if dice.random_ratio(1, 16) { &["${{ a }}"] } else { &["l", "m/~", "é"] }, dice): value(depth - 1, dice)})
        }
    }
}
