//! `docs/EXPRESSIONS.md` says nothing that is not so.

use std::path::Path;

use serde_json::{Value, json};

use super::super::context::{Context, Seen};
use crate::chain::StepStatus;
use crate::chain::check::{Catalogue, Rejection, Submission, check};
use crate::chain::definition::Chain;
use crate::chain::expression::{MAX_DEPTH, MAX_EXPRESSIONS, MAX_LENGTH};
use crate::chain::ids::{ChainId, RunId, TenantName};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/EXPRESSIONS.md")).unwrap()
}

fn json_blocks(page: &str) -> Vec<Value> {
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| serde_json::from_str(block).unwrap()).collect()
}

/// The rows of the table that begins with `header`, as cells.
fn rows(page: &str, header: &str) -> Vec<Vec<String>> {
    let table = page.split(&format!("{header}\n")).nth(1).unwrap_or_else(|| panic!("no table {header}"));
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            let row = row.replace("\\|", "\u{1}");
            row.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
        })
        .collect();
    assert!(rows.len() >= 8, "{header}: {rows:?}");
    rows
}

/// What stands between the outer backticks of a cell.
fn code(cell: &str) -> &str {
    cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_else(|| panic!("{cell} is no code"))
}

fn checked(body: &Value) -> Result<Chain, Rejection> {
    let body = body.to_string();
    let tenant = TenantName::parse("default").unwrap();
    check(&Submission { body: body.as_bytes(), message_id: None, queue_tenant: &tenant }, &Catalogue::any())
}

/// The chain of the page, with `field` of its third step set to `value`.
fn with(field: &str, value: Value) -> Value {
    let mut body = json_blocks(&page()).remove(0);
    body["steps"][2][field] = value;
    body
}

/// Calls `then` with the third step's view, as the page shows it.
fn in_context<T>(then: impl FnOnce(&Context<'_>) -> T) -> T {
    let known = json_blocks(&page()).remove(1);
    let text = |name: &str| known["chain"][name].as_str().unwrap();
    let ids = (ChainId::parse(text("chain_id")).unwrap(), RunId::parse(text("run_id")).unwrap());
    let tenant = TenantName::parse(text("tenant")).unwrap();
    let steps = known["steps"].as_object().unwrap().iter().map(|(id, step)| Seen {
        id,
        status: serde_json::from_value::<StepStatus>(step["status"].clone()).unwrap(),
        output: Some(&step["output"]),
        extracted: step["extracted"].as_object().unwrap(),
        http_status: step["http_status"].as_u64().map(|status| u16::try_from(status).unwrap()),
    });
    then(&Context { chain_id: &ids.0, run_id: &ids.1, tenant: &tenant, steps: steps.collect() })
}

#[test]
fn the_chain_is_one_and_its_steps_leave_what_is_shown() {
    let mut blocks = json_blocks(&page());
    let chain = checked(&blocks[0]).unwrap();
    let steps = blocks.remove(1)["steps"].take();
    let extracted = chain.steps[0].extract.apply(&steps["fetch"]["output"]).unwrap();
    assert_eq!(json!(extracted), steps["fetch"]["extracted"]);
    in_context(|context| {
        assert!(chain.steps[2].when.as_ref().unwrap().is_met(context).unwrap());
        let payload = chain.steps[2].call().unwrap().payload.render(context).unwrap();
        assert_eq!(payload["text"], "Dear Ada, your run is r-17");
    });
}

#[test]
fn every_payload_becomes_what_the_page_says() {
    for row in rows(&page(), "| you write | it becomes |") {
        let written: Value = serde_json::from_str(code(&row[0])).unwrap();
        let chain = checked(&with("payload", json!({"x": written}))).unwrap_or_else(|rejection| panic!("{rejection}"));
        let payload = in_context(|context| chain.steps[2].call().unwrap().payload.render(context)).unwrap();
        assert_eq!(payload["x"], serde_json::from_str::<Value>(code(&row[1])).unwrap(), "{}", row[0]);
    }
}

#[test]
fn every_condition_does_what_the_page_says() {
    for row in rows(&page(), "| you write | the step is |") {
        let chain = checked(&with("when", json!(code(&row[0])))).unwrap_or_else(|rejection| panic!("{rejection}"));
        let met = in_context(|context| chain.steps[2].when.as_ref().unwrap().is_met(context)).unwrap();
        assert_eq!(met, row[1] == "carried out", "{}", row[0]);
    }
}

#[test]
fn every_extract_gives_what_the_page_says() {
    for row in rows(&page(), "| the value | `as` | it becomes |") {
        let chain = checked(&with("extract", json!({"x": {"path": "v", "as": code(&row[1])}}))).unwrap();
        let value: Value = serde_json::from_str(code(&row[0])).unwrap();
        let taken = chain.steps[2].extract.apply(&json!({"v": value})).map(|mut taken| taken.remove("x").unwrap());
        match row[2].as_str() {
            "an error" => assert!(taken.is_err(), "{row:?}"),
            cell => assert_eq!(taken, Ok(serde_json::from_str(code(cell)).unwrap()), "{row:?}"),
        }
    }
}

#[test]
fn every_refusal_is_said_as_the_page_says() {
    for row in rows(&page(), "| you write | what is said |") {
        let written: Value = serde_json::from_str(code(&row[0])).unwrap();
        let problems = checked(&with("payload", json!({"x": written}))).unwrap_err().problems;
        assert_eq!(problems.list()[0].what, row[1], "{}", row[0]);
        assert_eq!(problems.total(), 1, "{}", row[0]);
    }
}

#[test]
fn the_bounds_are_those_of_the_page() {
    let page = page();
    let thousands = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
    assert!(page.contains(&format!("{} bytes; {MAX_DEPTH} levels", thousands(MAX_LENGTH))));
    assert!(page.contains(&format!("{} expressions", thousands(MAX_EXPRESSIONS))));
    let failing = checked(&with("when", json!("length(steps.fetch.output.profile.open)"))).unwrap();
    assert!(in_context(|context| failing.steps[2].when.as_ref().unwrap().is_met(context)).is_err());
    let fewer = checked(&with("when", json!("floor(`1.5`)"))).unwrap();
    assert!(in_context(|context| fewer.steps[2].when.as_ref().unwrap().is_met(context)).unwrap());
}
