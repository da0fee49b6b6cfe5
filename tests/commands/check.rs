//! `cxchain check`: offline, the worker's own judgement, every problem at its line and column.

use serde_json::{Value, json};

use super::{BAD, File, GOOD, env, plain, run};

#[tokio::test]
async fn every_problem_of_every_file_is_shown_in_its_source() {
    let (good, bad, worse) = (File::new("good", GOOD), File::new("bad", BAD), File::new("worse", "{"));
    let ended = plain(&["check", good.path(), bad.path(), worse.path()]).await;
    assert_eq!(ended.code, 3);
    assert_eq!(ended.out, format!("✔ {}: good-chain with 1 step\n", good.path()));
    let said = ended.said.replace(bad.path(), "BAD").replace(worse.path(), "WORSE");
    insta::assert_snapshot!(said, @r#"
    error: /chain_id is not a valid name
      ╭▸ BAD:1:14
    1 │ {"chain_id": "a b",
      │              ^^^^^
      ╰ allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -

    error: /steps/0/on_faliure is not a field of a step
      ╭▸ BAD:2:36
    2 │  "steps": [{"action_id": "da-bad", "on_faliure": "abort"},
      │                                    ^^^^^^^^^^^^ did you mean on_failure?
      ╰ allowed: id, action_id, payload, mode, timeout_seconds, on_failure, on_unknown, idempotent,
        retry, fallback, when, extract, required_params, version_id, environment_context,
        execution_timeout_ms, chain

    error: /steps/1/action_id is the same as /steps/0/action_id
      ╭▸ BAD:3:17
    3 │   {"action_id": "da-bad", "payload": {"secret": "canary-7a"}}]}
      │                 ^^^^^^^^
      ╰ allowed: each action once, unless allow_repeated_actions is true

    ✖ BAD: 3 problems

    error: the message is not valid JSON: the text ends here
      ╭▸ WORSE:1:2
    1 │ {
      │  ^
      ╰ allowed: a key in double quotes

    ✖ WORSE: 1 problem

    3 files: 1 valid, 2 with 4 problems
    "#);
    assert!(!ended.said.contains('\u{1b}'), "no colours where nobody sees them");
}

#[tokio::test]
async fn in_short_every_problem_is_a_line_that_editors_jump_to() {
    let (good, bad) = (File::new("good", GOOD), File::new("bad", BAD));
    let ended = plain(&["check", "--format", "short", good.path(), bad.path()]).await;
    assert_eq!(ended.code, 3);
    let said = ended.said.replace(bad.path(), "BAD");
    insta::assert_snapshot!(said, @r"
    BAD:1:14: /chain_id is not a valid name (allowed: 1 to 128 characters of A-Z a-z 0-9 . _ : -)
    BAD:2:36: /steps/0/on_faliure is not a field of a step; did you mean on_failure? (allowed: id, action_id, payload, mode, timeout_seconds, on_failure, on_unknown, idempotent, retry, fallback, when, extract, required_params, version_id, environment_context, execution_timeout_ms, chain)
    BAD:3:17: /steps/1/action_id is the same as /steps/0/action_id (allowed: each action once, unless allow_repeated_actions is true)
    2 files: 1 valid, 1 with 3 problems
    ");
    assert_eq!(plain(&["check", "--format", "short", "--json", good.path()]).await.code, 2, "one form at a time");
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
    let span = &lines[1]["problems"][1]["span"];
    let bytes = |end: &str| usize::try_from(span[end].as_u64().expect("a number")).expect("a place in the file");
    assert_eq!(&BAD[bytes("start")..bytes("end")], "\"on_faliure\"");
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
    assert!(ended.said.contains("╭▸ <stdin>:1:14\n"), "{}", ended.said);
    let ended = run(&["check", "-"], &[], "").await;
    assert_eq!(ended.code, 3);
    assert!(ended.said.contains("the message is empty"), "{}", ended.said);
    let ended = run(&["check", "-", "-"], &[], GOOD).await;
    assert_eq!((ended.code, ended.said.as_str()), (2, "error: standard input can be read once only\n"));
}

#[tokio::test]
async fn a_directory_is_not_searched_and_what_to_do_is_said() {
    let ended = plain(&["check", "/tmp/"]).await;
    assert_eq!(ended.code, 2);
    let said =
        "error: /tmp/ cannot be read: it is a directory\nName the files in it, as in cxchain check /tmp/*.json\n";
    assert_eq!(ended.said, said);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_wrong_command_line_and_the_others_are_checked() {
    let bad = File::new("bad", BAD);
    for files in [[bad.path(), "/no/such/file"], ["/no/such/file", bad.path()], [bad.path(), "/tmp"]] {
        let ended = plain(&["check", files[0], files[1]]).await;
        assert_eq!(ended.code, 2);
        assert!(ended.said.contains("cannot be read: "), "{}", ended.said);
        assert!(ended.said.ends_with("2 files: 0 valid, 1 with 3 problems, 1 not read\n"), "{}", ended.said);
    }
}

#[tokio::test]
async fn as_json_a_file_that_cannot_be_read_has_its_object_too() {
    let good = File::new("good", GOOD);
    let ended = plain(&["check", "--json", "/no/such/file", good.path(), "/tmp"]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let why = "No such file or directory (os error 2)";
    assert_eq!(lines.len(), 3, "{ended:?}");
    assert_eq!(lines[0], json!({"file": "/no/such/file", "valid": false, "unread": why}));
    assert_eq!((&lines[1]["file"], &lines[1]["valid"]), (&good.path().into(), &true.into()));
    assert_eq!(lines[2], json!({"file": "/tmp", "valid": false, "unread": "it is a directory"}));
    assert!(ended.said.contains("/no/such/file cannot be read: ") && !ended.said.contains("files:"), "{ended:?}");
}

/// A chain that names no tenant is its queue's.
#[tokio::test]
async fn a_chain_is_judged_as_one_of_its_queues_tenant() {
    let settings = r#"
        [[queues]]
        name = "chains.g"
        tenant = "g"
        [tenants.default]
        api = "cxone"
        [tenants.default.auth]
        access_key_id = "a"
        access_key_secret = "b"
        [tenants.default.actions."da-known"]
        path = "/known"
        [tenants.g]
        api = "genesys"
        limits = [{ limit = 6, per = "60s" }]
    "#;
    let (config, file) = (File::new("config", settings), File::new("chain", GOOD));
    let check = async |more: &[&str]| plain(&[&["check", "--config", config.path(), file.path()], more].concat()).await;
    let ended = check(&[]).await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""), "it is g's, and g takes every action");
    let ended = check(&["--tenant", "default"]).await;
    assert_eq!(ended.code, 3);
    assert!(ended.said.contains("/steps/0/action_id is not an action of this tenant"), "{}", ended.said);
    let ended = check(&["--explain"]).await;
    assert!(ended.out.contains("6 in 1 min for tenant g ("), "{ended:?}");
    let ended = check(&["--tenant", "nobody"]).await;
    let said = "error: there is no tenant nobody in the configuration; there are: default, g\n";
    assert_eq!((ended.code, ended.said.as_str()), (2, said));
    let ended = plain(&["check", "--tenant", "g", file.path()]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.said.contains("--tenant is one of a configuration's"), "{ended:?}");
    // A chain that names its tenant is that one's.
    let own = File::new("own", GOOD.replacen('{', r#"{"tenant": "default", "#, 1));
    let ended = plain(&["check", "--config", config.path(), own.path()]).await;
    assert_eq!(ended.code, 3, "{ended:?}");
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

/// A payload can be somebody's secret; its author may see it, and nobody else.
#[tokio::test]
async fn the_source_is_quoted_on_the_screen_and_nowhere_else() {
    let text = r#"{"chain_id": "c", "steps": [{"action_id": "a", "payload": "canary-7a"}]}"#;
    let file = File::new("secret", text);
    let full = plain(&["check", file.path()]).await;
    assert!(full.said.contains("canary-7a"), "{}", full.said);
    for form in [&["check", "--format", "short"][..], &["check", "--json"]] {
        let ended = plain(&[form, &[file.path()]].concat()).await;
        assert_eq!(ended.code, 3);
        assert!(!ended.said.contains("canary") && !ended.out.contains("canary"), "{ended:?}");
    }
}

#[tokio::test]
async fn what_others_wrote_does_not_speak_to_the_terminal() {
    let evil = b"\xef\xbb\xbf{\"chain_id\": \"\x1b[2J\xe2\x80\xae\", \"\xff\x07\": \"\x9b\"}";
    let file = File::new("evil", evil);
    let ended = run(&["check", file.path()], &[("CLICOLOR_FORCE".into(), "1".into())], "").await;
    assert_eq!(ended.code, 3);
    let colours = ["\u{1b}[1m", "\u{1b}[0m", "\u{1b}[31m", "\u{1b}[34m", "\u{1b}[39m"];
    let said = colours.iter().fold(ended.said.clone(), |said, colour| said.replace(colour, ""));
    assert!(said.len() < ended.said.len(), "they are asked for");
    assert!(!said.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{said:?}");
    assert!(said.contains(r#"{"chain_id": "\u{1b}[2J\u{202e}""#), "{said}");
}

#[tokio::test]
async fn a_plan_is_explained_with_the_limits_of_the_configuration() {
    let file = File::new("plan", GOOD);
    let ended = plain(&["check", "--explain", file.path()]).await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    insta::assert_snapshot!(ended.out.replace(file.path(), "FILE"), @r"
    ✔ FILE: good-chain with 1 step

      step_0  da-good · 30 s · up to 4 attempts
              fails  the run ends
              lost   unknown, not sent again; the run ends

      Time      30 s at most, of the run's 5 min; waiting for the rate limit comes on top.
      Requests  1 when all goes well, 4 at most. Not counted: tokens, and calls that a 429 or a 401
                sends back.
      Limits    10 in 1 s and 100 in 1 min for tenant default (built-in defaults): about 90 runs a
                minute when all goes well, 22 at worst, all workers together.
      Lost      a call whose worker died, or whose time was over, before its answer was there: nobody
                knows whether it was carried out. What is known is never sent again.
    ");
    let settings = r#"
        [tenants.default]
        limits = [{ limit = 2, per = "60s" }]
        [tenants.default.retry]
        max_attempts = 1
        [tenants.default.actions."da-good"]
        idempotent = true
        limits = [{ limit = 1, per = "60s" }]
    "#;
    let config = File::new("config", settings);
    let ended = plain(&["check", "--explain", "--json", "--config", config.path(), file.path()]).await;
    let document: Value = serde_json::from_str(&ended.out).expect("JSON");
    let plan = &document["plan"];
    assert_eq!((&plan["steps"][0]["attempts"], &plan["requests"]["most"]), (&1.into(), &1.into()), "{plan:#}");
    assert_eq!((&plan["rates"]["from"], &plan["rates"]["runs_per_minute"]), (&config.path().into(), &1.0.into()));
    assert_eq!(plan["rates"]["narrowest"], "da-good");
    assert_eq!(plan["steps"][0]["if_lost"], json!({"repeated_if_worker_died": "ends"}));
}

#[tokio::test]
async fn of_a_chain_that_is_none_there_is_no_plan() {
    let bad = File::new("bad", BAD);
    let ended = plain(&["check", "--explain", bad.path()]).await;
    assert_eq!((ended.code, ended.out.as_str()), (3, ""));
    let ended = plain(&["--config", "/no/such.toml", "check", "--explain", bad.path()]).await;
    assert_eq!(ended.code, 78, "{ended:?}");
}

/// What the README shows of this command is what it says.
#[tokio::test]
async fn the_readme_is_true() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the page");
    let chain = readme.split("<<'JSON'\n").nth(1).and_then(|rest| rest.split("JSON\n").next()).expect("a chain");
    let file = File::new("chain", chain);
    let ended = plain(&["check", "--explain", file.path()]).await;
    let plan = ended.out.replace(file.path(), "chain.json");
    assert!(readme.contains(plan.trim_end()), "{plan}");
    let ended = run(&["check", "-"], &[], &chain.replacen("\"continue\"", "\"contine\"", 1)).await;
    assert!(readme.contains(&ended.said), "{}", ended.said);
}

/// What a configuration says of its actions is held against a chain before it is sent.
#[tokio::test]
async fn a_call_that_could_only_fail_is_a_problem() {
    let settings = r#"
        [tenants.default]
        api = "genesys"
        [tenants.default.actions.contact]
        method = "GET"
        path = "/contacts/{id}"
        [tenants.default.actions.export]
        path = "/export/{entity}"
        query = ["tz"]
    "#;
    let config = File::new("config", settings);
    let chain = r#"{"chain_id": "c", "allow_repeated_actions": true, "steps": [
 {"action_id": "contact", "payload": {"id": null, "fields": {"a": 1}}},
 {"action_id": "contact", "payload": {"id": 7}, "mode": "job"},
 {"action_id": "export", "payload": {"entity": "agents", "tz": ["UTC", []]}, "mode": "job"},
 {"action_id": "anything", "mode": "job"},
 {"action_id": "export"},
 {"action_id": "export", "payload": {"entity": "agents", "tz": ["UTC"], "body": {"a": [[1]]}}}]}"#;
    let file = File::new("chain", chain);
    let ended = plain(&["check", "--format", "short", file.path()]).await;
    assert_eq!(ended.code, 0, "without a configuration nothing is known of them: {ended:?}");
    let ended = plain(&["check", "--format", "short", "--config", config.path(), file.path()]).await;
    assert_eq!(ended.code, 3);
    insta::assert_snapshot!(ended.said.replace(file.path(), "FILE"), @r"
    FILE:2:45: /steps/0/payload/id is null: it goes into the path (allowed: a text, number or boolean of 1 to 512 bytes that can be a part of a path)
    FILE:2:61: /steps/0/payload/fields is an object: it goes into the query (allowed: texts, numbers, booleans and lists of them)
    FILE:3:57: /steps/1/mode asks for a job, which the action cannot be: it is called by GET, which has no body to submit (allowed: sync; job where the method under tenants.NAME.actions is POST, PUT or PATCH)
    FILE:4:72: /steps/2/payload/tz/1 is a list in a list: it goes into the query (allowed: texts, numbers, booleans and lists of them)
    FILE:4:86: /steps/2/mode asks for a job, which the action cannot be: its path has places, so where the job would be asked after is not known (allowed: sync; job where tenants.NAME.actions has a poll_path for the action)
    FILE:5:36: /steps/3/mode asks for a job, which the action cannot be: the tenant's API has no place for the jobs of every action (allowed: sync; job where tenants.NAME.actions has a path for the action)
    FILE:6:2: /steps/4/payload has no entity, which its action requires (allowed: a payload with entity)
    ");
}

/// The worker's judgement, which begins with the size.
#[tokio::test]
async fn what_no_worker_would_look_at_is_no_chain() {
    let text = "x".repeat(1 << 20);
    let body = format!(r#"{{"chain_id": "c", "steps": [{{"action_id": "a", "payload": {{"text": "{text}"}}}}]}}"#);
    let ended = run(&["check", "-"], &[], &body).await;
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.said.contains("allowed: at most 1048576 bytes"), "{}", ended.said);
    assert!(ended.said.len() < 1_000, "the source is not shown");
}
