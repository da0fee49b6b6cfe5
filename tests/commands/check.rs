//! `cxchain check`: offline, the worker's own judgement, every problem at its line and column.

use serde_json::Value;

use super::{BAD, File, GOOD, env, plain, run};

#[tokio::test]
async fn every_problem_of_every_file_is_told_at_its_place() {
    let (good, bad, worse) = (File::new("good", GOOD), File::new("bad", BAD), File::new("worse", "{"));
    let ended = plain(&["check", good.path(), bad.path(), worse.path()]).await;
    assert_eq!(ended.code, 3);
    assert!(ended.out.contains(&format!("✔ {}: good-chain with 1 step\n", good.path())), "{}", ended.out);
    let bad = bad.path();
    for line in [
        format!("✖ {bad}: 3 problems"),
        format!("  {bad}:1:14: /chain_id is not a valid name"),
        format!("  {bad}:2:36: /steps/0/on_faliure is not a field of a step; did you mean on_failure?"),
        format!("  {bad}:3:17: /steps/1/action_id is the same as /steps/0/action_id"),
        format!("✖ {}: 1 problem\n", worse.path()),
        format!("  {}:1:2: the message is not valid JSON", worse.path()),
    ] {
        assert!(ended.said.contains(&line), "{line}\nis not in\n{}", ended.said);
    }
    assert!(!ended.said.contains("canary"), "{}", ended.said);
    assert!(!ended.said.contains('\u{1b}'), "no colours where nobody sees them");
}

#[tokio::test]
async fn as_json_there_is_one_object_a_file() {
    let (good, bad) = (File::new("good", GOOD), File::new("bad", BAD));
    let ended = plain(&["check", "--json", good.path(), bad.path()]).await;
    assert_eq!((ended.code, ended.said.as_str()), (3, ""));
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["valid"], &lines[0]["chain_id"]), (&true.into(), &"good-chain".into()));
    assert_eq!((&lines[1]["valid"], &lines[1]["file"]), (&false.into(), &bad.path().into()));
    let places: Vec<_> = lines[1]["problems"].as_array().expect("a list").iter().map(place).collect();
    assert_eq!(places, [("/chain_id", 1, 14), ("/steps/0/on_faliure", 2, 36), ("/steps/1/action_id", 3, 17)]);
}

fn place(problem: &Value) -> (&str, u64, u64) {
    let number = |key: &str| problem[key].as_u64().expect("a number");
    (problem["pointer"].as_str().expect("a pointer"), number("line"), number("column"))
}

#[tokio::test]
async fn a_definition_is_read_from_standard_input() {
    let ended = run(&["check", "-"], &[], GOOD).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "✔ <stdin>: good-chain with 1 step\n"));
    let ended = run(&["check", "-"], &[], BAD).await;
    assert_eq!(ended.code, 3);
    assert!(ended.said.contains("  <stdin>:1:14: /chain_id"), "{}", ended.said);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_wrong_command_line_and_the_others_are_checked() {
    let bad = File::new("bad", BAD);
    for files in [[bad.path(), "/no/such/file"], ["/no/such/file", bad.path()], [bad.path(), "/tmp"]] {
        let ended = plain(&["check", files[0], files[1]]).await;
        assert_eq!(ended.code, 2);
        assert!(ended.said.contains("cannot be read: ") && ended.said.contains("3 problems"), "{}", ended.said);
    }
}

#[tokio::test]
async fn tenants_are_compared_with_the_configuration_only_where_one_is_meant() {
    let file = File::new("tenant", GOOD.replacen('{', r#"{"tenant": "north", "#, 1));
    assert_eq!(plain(&["check", file.path()]).await.code, 0);
    let strict = plain(&["check", "--strict", file.path()]).await;
    assert_eq!(strict.code, 3);
    assert!(strict.said.contains("/tenant is not a tenant of this worker"), "{}", strict.said);
    let north = env(&[("TENANTS__NORTH__BASE_URL", "https://north.example")]);
    assert_eq!(run(&["check", "--strict", file.path()], &north, "").await.code, 0);
}

#[tokio::test]
async fn a_file_without_end_is_read_to_a_bound_and_no_name_speaks_to_the_terminal() {
    let evil = "no\u{1b}[2Jsuch.json";
    let ended = run(&["check", "/dev/zero", evil], &[], "").await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.said.contains("/dev/zero cannot be read: longer than 67108864 bytes"), "{ended:?}");
    assert!(!ended.said.contains("\u{1b}[2J") && ended.said.contains("\\u{1b}[2Jsuch.json"), "{ended:?}");
    let ended = run(&["--config", "/dev/zero", "config", "check"], &[], "").await;
    assert_eq!(ended.code, 78, "{ended:?}");
    assert!(ended.said.contains("longer than 16777216 bytes"), "{ended:?}");
}
