//! The official test suite of JMESPath (<https://github.com/jmespath/jmespath.test>), every case of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::number;
use super::compile_path;
use super::value_of;

/// What the suite says is wrong with an expression when it is evaluated, rather than before.
const AT_RUN_TIME: [&str; 2] = ["invalid-type", "invalid-value"];

#[test]
fn every_case_of_the_official_suite_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jmespath");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let suites: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for suite in &suites {
            for case in suite["cases"].as_array().unwrap() {
                cases += 1;
                if let Some(fault) = fault(&suite["given"], case) {
                    wrong.push(format!("{}: {}: {fault}", path.display(), case["expression"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases}\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases > 840, "{cases}");
}

fn fault(given: &Value, case: &Value) -> Option<String> {
    let text = case["expression"].as_str().unwrap();
    let compiled = compile_path(text);
    match (case["error"].as_str(), compiled) {
        (Some(error), Ok(_)) if AT_RUN_TIME.contains(&error) => {
            value_of(text, given).ok().map(|value| format!("{error}, not {value}"))
        }
        (Some(error), compiled) => compiled.ok().map(|_| error.to_owned()),
        (None, Err(faults)) => Some(format!("{faults:?}")),
        (None, Ok(_)) => match value_of(text, given) {
            Ok(value) if same(&value, &case["result"]) => None,
            Ok(value) => Some(format!("{value}, not {}", case["result"])),
            Err(trouble) => Some(trouble.to_string()),
        },
    }
}

/// JMESPath has one kind of number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => number::compare(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}
