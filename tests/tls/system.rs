//! The system's authorities, which `SSL_CERT_FILE` names here.

use std::time::Duration;

use cxchain::simulator::SimulatorSettings;

use super::authority::Authority;
use super::broker::{TlsBroker, text};
use super::front::Front;
use super::support::worker::cxchain;
use super::support::{Broker, Stage, Worker, amqp};

#[tokio::test]
async fn without_a_ca_file_the_systems_authorities_vouch_for_the_broker() {
    let broker = TlsBroker::shared().await;
    let mut stage = broker.stage().await;
    stage.set("broker.tls.ca_file", "");
    let others = Authority::new("others");
    for (authority, code, words) in [
        (text(&broker.authority.file()), 0, ""),
        (text(&others.file()), 69, "name a file with the authority that issued it in broker.tls.ca_file"),
        ("/no/such/file", 78, "broker.tls.ca_file: this system has no certificate authorities"),
    ] {
        let mut command = cxchain(&stage.env());
        let command =
            command.args(["topology", "check"]).env("SSL_CERT_FILE", authority).env("SSL_CERT_DIR", "/no/such");
        let done = command.output().await.expect("cxchain runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{authority}: {said}");
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_named_authority_of_the_broker_stands_in_the_place_of_the_systems() {
    let broker = TlsBroker::shared().await;
    let mut stage = broker.stage().await;
    let others = Authority::new("others");
    stage.set("broker.tls.ca_file", text(&others.file()));
    let mut command = cxchain(&stage.env());
    let command = command.args(["topology", "check"]).env("SSL_CERT_FILE", broker.authority.file());
    assert_eq!(command.output().await.expect("cxchain runs").status.code(), Some(69));
}

/// The API behind a private authority, the token endpoint behind a public one: both are trusted.
#[tokio::test]
async fn a_tenants_authority_stands_beside_the_systems() {
    let (private, public) = (Authority::new("private"), Authority::new("public"));
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let inside = stage.simulator.address().to_string();
    let api = Front::open(&private.issue("localhost"), &inside).await;
    let token = Front::open(&public.issue("localhost"), &inside).await;
    stage.set("tenants.default.base_url", &format!("https://localhost:{}", api.port));
    stage.set("tenants.default.auth.token_url", &format!("https://localhost:{}/oauth/token", token.port));
    stage.set("tenants.default.ca_file", text(&private.file()));
    let mut env = stage.env();
    env.push(("SSL_CERT_FILE".to_owned(), text(&public.file()).to_owned()));
    let worker = Worker::spawn(&env);
    worker.consuming(1, Duration::from_secs(30)).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#, Some("run-1")).await;
    let result = stage.result(&channel).await;
    assert_eq!(result["final_status"], "completed", "{result:#}");
}
