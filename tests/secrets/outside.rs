//! What commands print of a configuration and of a chain.

use cxchain::simulator::SimulatorSettings;

use super::support::worker::cxchain;
use super::support::{Broker, SOON, Stage, Worker, amqp};
use super::{CANARY, assert_clean};

const CHAIN: &str = r#"{"chain_id": "c", "metadata": {"m": "canary-metadata"}, "steps": [
    {"action_id": "da-good", "payload": {"p": "canary-payload"}, "on_failure": "continue"},
    {"action_id": "da-refuses"}]}"#;

/// Standard output and standard error together.
pub(crate) async fn said(arguments: &[&str], env: &[(String, String)]) -> String {
    let done = cxchain(env).args(arguments).output().await.expect("cxchain runs");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

pub(crate) fn env(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(key, value)| (format!("CXCHAIN__{key}"), (*value).to_owned())).collect()
}

#[tokio::test]
async fn the_configuration_is_shown_without_its_secrets() {
    let env = env(&[
        ("BROKER__URL", "amqp://guest:canary-1@127.0.0.1:1/%2f"),
        ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "canary-2"),
        ("JOURNAL__URL", "redis://:canary-3@cache:6379/0"),
    ]);
    for command in
        [&["config", "show"][..], &["config", "show", "--json"], &["config", "check"], &["topology", "print"]]
    {
        let said = said(command, &env).await;
        assert!(!said.is_empty());
        assert_clean(&command.join(" "), &said);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_said_without_it() {
    for (key, value) in [
        ("BROKER__URL", "canary"),
        ("BROKER__URL", "amqp://guest:canary@127.0.0.1:1/%2f?x=canary"),
        ("BROKER__URL", "http://guest:canary@127.0.0.1"),
        ("BROKER__URL", "amqp://guest:canary@[::1/%2f"),
        ("BROKER__URL", "amqp://guest:canary%zz@127.0.0.1:1/%2f"),
        ("BROKER", "{url = \"canary\", url = \"canary\"}"),
        ("JOURNAL__URL", "canary://canary"),
        ("TENANTS__DEFAULT__AUTH", "{client_secret = canary}"),
        ("TENANTS__DEFAULT__AUTH__CLIENT_SECRET__X", "canary"),
        ("TENANTS__DEFAULT__BASE_URL", "https://user:canary@example.com"),
        ("NOTIFY__SECRET", "canary"),
    ] {
        let mut worker = Worker::spawn(&env(&[(key, value)]));
        // The one that is well-formed enough for a connect finds nobody there.
        if value.contains("%zz") {
            worker.signal("TERM").await;
        }
        let code = worker.ended(SOON).await;
        assert!(code == 78 || value.contains("%zz"), "{key}={value}: {code}");
        assert_clean(key, &worker.log());
    }
}

/// `--json` prints the result, which is whose it is; for people there is only how it went.
#[tokio::test]
async fn submit_shows_people_no_payload_and_no_response() {
    let refuses = r#"da-refuses=status:400,body:{"message":"canary-refusal"}"#;
    let settings =
        SimulatorSettings { faults: vec![refuses.parse().expect("a fault")], ..SimulatorSettings::default() };
    let stage = Stage::new(Broker::shared().await, settings).await;
    let _worker = stage.worker().await;
    let file = std::env::temp_dir().join(super::support::unique("chain"));
    std::fs::write(&file, CHAIN).expect("a temporary file");
    let path = file.to_str().expect("the name is ours");
    let people = said(&["submit", path, "--wait"], &stage.env()).await;
    let machines = said(&["submit", path, "--wait", "--json"], &stage.env()).await;
    let broken = said(&["submit", path, "--queue", "no-such-queue"], &stage.env()).await;
    std::fs::write(&file, CHAIN.replace("da-good", "da/canary")).expect("a temporary file");
    let invalid = said(&["submit", path], &stage.env()).await;

    assert!(people.contains("VALIDATION") && people.contains("terminated_early"), "{people}");
    for said in [people, broken, invalid] {
        assert_clean("submit", &said);
    }
    let (people, machines_here) = here(&stage, path, &file).await;
    assert_clean("run, on standard error", &people);
    assert!(machines_here.contains(CANARY), "{machines_here}");
    std::fs::remove_file(&file).expect("it is there");
    assert!(machines.contains(CANARY), "{machines}");
}

/// What `run` says on standard error, and on standard output.
async fn here(stage: &Stage, path: &str, file: &std::path::Path) -> (String, String) {
    std::fs::write(file, CHAIN).expect("a temporary file");
    let done = cxchain(&stage.env()).args(["run", path]).output().await.expect("cxchain runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&done.stderr), text(&done.stdout))
}

/// Wrong credentials of a tenant are the tenant's trouble, not the log's.
#[tokio::test]
async fn a_wrong_client_secret_is_not_logged() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("tenants.default.auth.client_secret", "canary-wrong").set("telemetry.log", "trace");
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN.as_bytes(), Some("run-1")).await;
    let result = stage.result(&channel).await;
    assert_eq!(result["aggregated_responses"][0]["error_classification"], "AUTHENTICATION", "{result}");
    assert_clean("the log", &worker.log());
    assert!(!result.to_string().contains("canary-wrong"), "{result}");
}
