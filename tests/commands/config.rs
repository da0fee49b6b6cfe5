//! A configuration that is wrong: all of it is said at once, by every command, with the place where it was given.

use serde_json::Value;

use super::{File, GOOD, env, run};

const FILE: &str = r#"
[worker]
drain_tiemout = "10s"
max_message_bytes = 12
[[queues]]
name = "work"
tenant = "nobody"
[journal]
kind = "redis"
[tenants.default]
api = "nice"
limits = [{ limit = 5, per = "1s", burst = 6 }]
"#;

#[tokio::test]
async fn every_problem_is_named_with_its_origin_and_78() {
    let file = File::new("config.toml", FILE);
    let chain = File::new("chain", GOOD);
    let env = env(&[("GATE__KIND", "redis"), ("BROKER__URL", "http://guest:canary-7b@broker"), ("WROKER__ID", "x")]);
    for command in [
        &["worker"][..],
        &["config", "check"],
        &["config", "show"],
        &["topology", "print"],
        &["topology", "check"],
        &["submit", chain.path()],
        &["check", chain.path()],
    ] {
        let ended = run(&[&["--config", file.path()], command].concat(), &env, "").await;
        assert_eq!(ended.code, 78, "{command:?}");
        assert_eq!(ended.out, "", "{command:?}");
        let path = file.path();
        for line in [
            "9 problems in the configuration".to_owned(),
            format!("{path}:4: worker.max_message_bytes: is 12; must be an integer from 1024 to 16777216"),
            format!("{path}:3: worker.drain_tiemout: unknown key; did you mean worker.drain_timeout?"),
            "environment variable CXCHAIN__BROKER__URL: broker.url: must be".to_owned(),
            format!("{path}:7: queues[0].tenant: tenant nobody is not configured; there are: default"),
            format!(r#"{path}:9: not built yet: journal.kind = "redis"; this release has "sqlite", "memory""#),
            r#"environment variable CXCHAIN__GATE__KIND: not built yet: gate.kind = "redis"; this release has "local""#
                .to_owned(),
            format!(r#"{path}:11: tenants.default.api: is "nice"; must be one of "data-actions", "cxone", "genesys""#),
            format!("{path}:12: tenants.default.limits[0].burst: is 6; must not be above limit, which is 5"),
            "environment variable CXCHAIN__WROKER__ID: wroker: unknown key; did you mean worker?".to_owned(),
        ] {
            assert!(ended.said.contains(&line), "{command:?}: {line}\nis not in\n{}", ended.said);
        }
        assert!(!ended.said.contains("canary"), "{}", ended.said);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let ended = run(&["--config", "/no/such/file.toml", "config", "check"], &[], "").await;
    assert_eq!(ended.code, 78);
    assert!(ended.said.contains("/no/such/file.toml: the configuration file cannot be read"), "{}", ended.said);
}

#[tokio::test]
async fn show_says_where_each_value_came_from_and_masks_secrets() {
    let secret = File::new("secret", "canary-7c\n");
    let file = File::new("config.toml", "[worker]\nid = \"w-1\"\n[tenants.default]\nbase_url = \"http://sim\"\n");
    let env = env(&[
        ("BROKER__URL", "amqp://someone:canary-7d@broker:5673/%2f"),
        ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET_FILE", secret.path()),
        ("TENANTS__NORTH__BASE_URL", "https://north.example"),
        ("TENANTS__NORTH__AUTH__CLIENT_SECRET", "canary-7e"),
    ]);
    let ended = run(&["--config", file.path(), "config", "show"], &env, "").await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    for line in [
        format!("id = \"w-1\"  # {}:2", file.path()),
        "url = \"amqp://someone:********@broker:5673/%2f\"  # environment variable CXCHAIN__BROKER__URL".to_owned(),
        "heartbeat = \"10s\"  # built-in default".to_owned(),
    ] {
        assert!(ended.out.contains(&line), "{line}\nis not in\n{}", ended.out);
    }
    assert_eq!(ended.out.matches("client_secret = \"********\"").count(), 2, "{}", ended.out);
    assert!(!ended.out.contains("canary"), "{}", ended.out);

    let ended = run(&["--config", file.path(), "config", "show", "--json"], &env, "").await;
    let shown: Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!(shown["tenants"]["north"]["auth"]["client_secret"], "********");
    assert!(!ended.out.contains("canary"), "{}", ended.out);
}

#[tokio::test]
async fn a_journal_that_has_no_place_is_named_and_78() {
    let env = env(&[("JOURNAL__PATH", "/no/such/directory/cxchain.db")]);
    for command in [&["config", "check"][..], &["worker"]] {
        let ended = run(command, &env, "").await;
        assert_eq!(ended.code, 78, "{command:?}");
        let line =
            "journal.path: /no/such/directory/cxchain.db: its directory /no/such/directory does not exist: make it";
        assert!((ended.said + &ended.out).contains(line), "{command:?}");
    }
}

#[tokio::test]
async fn a_good_configuration_is_called_good() {
    let ended = run(&["config", "check"], &[], "").await;
    assert_eq!((ended.code, ended.out.contains("good")), (0, true), "{}", ended.out);
    assert!(ended.said.contains("tenants.default.auth has no client_id and no client_secret"), "{}", ended.said);
    let credentials = [("TENANTS__DEFAULT__AUTH__CLIENT_ID", "a"), ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "b")];
    let ended = run(&["config", "check"], &env(&credentials), "").await;
    assert_eq!((ended.code, ended.said.as_str()), (0, ""), "{ended:?}");
}
