//! Handshakes with the broker: the good one, and every one that fails, with what is said then.

use std::time::{Duration, Instant};

use super::authority::{Authority, Issued};
use super::broker::{TlsBroker, text};
use super::front::Front;
use super::support::{SOON, Stage, Worker, amqp, eventually, unique};

const CHAIN: &[u8] =
    br#"{"chain_id": "c", "steps": [{"action_id": "da-one"}, {"action_id": "da-two"}, {"action_id": "da-three"}]}"#;

#[tokio::test]
async fn a_chain_runs_over_mutual_tls_from_end_to_end() {
    let broker = TlsBroker::shared().await;
    let stage = broker.stage().await;
    let mut worker = stage.worker().await;
    let file = std::env::temp_dir().join(unique("chain"));
    std::fs::write(&file, CHAIN).expect("a temporary file");
    let (code, out, said) = stage.command(&["submit", text(&file), "--wait", "--json"]).await;
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(code, 0, "{said}");
    assert!(out.contains(r#""final_status":"completed""#), "{out}");
    assert_eq!(stage.simulator.calls().totals.answered, 3);
    let subjects = broker.subjects().await;
    assert!(subjects.len() >= 2 && subjects.iter().all(|one| one == "CN=cxchain-client"), "{subjects:?}");

    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    let (code, _, said) = stage.command(&["topology", "check"]).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken() {
    for version in ["tlsv1.2", "tlsv1.3"] {
        let broker = TlsBroker::with(&format!("ssl_options.versions.1 = {version}\n")).await;
        let mut stage = broker.stage().await;
        let (code, _, said) = stage.command(&["topology", "check"]).await;
        assert_eq!(code, 0, "{version}: {said}");
        // The broker's refusal comes in the handshake of the one, and after that of the other.
        anonymous(&mut stage);
        let said = refused(&stage).await;
        assert!(said.contains("client certificate"), "{version}: {said}");
        assert!(said.contains("broker.tls.cert_file"), "{version}: {said}");
    }
}

#[tokio::test]
async fn without_a_client_certificate_the_broker_says_that_it_wants_one() {
    let mut stage = TlsBroker::shared().await.stage().await;
    anonymous(&mut stage);
    let said = refused(&stage).await;
    assert!(said.contains("no TLS connection to RabbitMQ at 127.0.0.1:"), "{said}");
    assert!(said.contains("it asks for a client certificate; name one in broker.tls.cert_file"), "{said}");
}

#[tokio::test]
async fn a_client_certificate_that_the_broker_does_not_accept_is_said() {
    let broker = TlsBroker::shared().await;
    let stranger = Authority::new("strangers");
    for (client, words) in [
        (stranger.issue("cxchain-client"), "it does not trust who issued our client certificate"),
        (broker.authority.issue_expired("cxchain-client"), "it says that our client certificate has expired"),
    ] {
        let mut stage = broker.stage().await;
        show(&mut stage, &client);
        let said = refused(&stage).await;
        assert!(said.contains(words) && said.contains("broker.tls.cert_file"), "{said}");
    }
}

#[tokio::test]
async fn a_broker_whose_authority_is_unknown_is_not_trusted() {
    let broker = TlsBroker::shared().await;
    let mut stage = broker.stage().await;
    // One that was made anew under its old name is another one.
    for authority in [Authority::new("others"), Authority::new("ours")] {
        stage.set("broker.tls.ca_file", text(&authority.file()));
        let said = refused(&stage).await;
        assert!(
            said.contains("issued by an authority that is not trusted here; broker.tls.ca_file must hold"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_broker_by_another_name_is_not_trusted() {
    let broker = TlsBroker::shared().await;
    let mut stage = broker.stage().await;
    stage.set("broker.url", &broker.url("localhost"));
    let said = refused(&stage).await;
    assert!(said.contains("its certificate is for another host name; broker.url must have a host name"), "{said}");
    assert!(said.contains("which localhost is not"), "{said}");
}

/// No broker is needed for that: the handshake comes first.
#[tokio::test]
async fn a_broker_with_an_expired_certificate_is_not_trusted() {
    let authority = Authority::new("ours");
    let front = Front::open(&authority.issue_expired("127.0.0.1"), "127.0.0.1:1").await;
    let mut stage = TlsBroker::shared().await.stage().await;
    stage.set("broker.tls.ca_file", text(&authority.file()));
    stage.set("broker.url", &format!("amqps://guest:guest@127.0.0.1:{}/%2f", front.port));
    let said = refused(&stage).await;
    assert!(said.contains("its certificate has expired"), "{said}");
}

#[tokio::test]
async fn the_wrong_port_is_told_apart_from_a_broker_that_is_gone() {
    let broker = TlsBroker::shared().await;
    let mut stage = broker.stage().await;
    let plain = broker.plain.url().to_owned();
    stage.set("broker.url", &plain.replace("amqp:", "amqps:"));
    let said = refused(&stage).await;
    assert!(said.contains("it does not speak TLS; amqps:// needs the port of a TLS listener"), "{said}");

    for key in ["ca_file", "cert_file", "key_file"] {
        stage.set(&format!("broker.tls.{key}"), "");
    }
    stage.set("broker.url", &broker.url("127.0.0.1").replace("amqps:", "amqp:"));
    let said = refused(&stage).await;
    assert!(said.contains("it speaks TLS only; amqp:// needs the port of a plain listener"), "{said}");
}

/// The operator puts new files in the old ones' place; the next connection shows them.
#[tokio::test]
async fn a_new_certificate_needs_no_restart() {
    let broker = TlsBroker::start().await;
    let stage = broker.stage().await;
    let worker = stage.worker().await;
    assert_eq!(broker.subjects().await, ["CN=cxchain-client"; 2]);
    broker.client.write(&broker.authority.issue("cxchain-renewed"));
    broker.plain.ctl(&["close_all_connections", "rotation"]).await;
    worker.consuming(2, SOON).await;
    eventually("both connections are new", SOON, async || {
        (broker.subjects().await == ["CN=cxchain-renewed"; 2]).then_some(())
    })
    .await;

    // Half a file is no file: the worker tries again until it is whole.
    let whole = broker.authority.issue("cxchain-whole");
    std::fs::write(&broker.client.key_file, &whole.key.as_bytes()[..40]).expect("a temporary file");
    broker.plain.ctl(&["close_all_connections", "rotation"]).await;
    eventually("the worker says so", SOON, async || worker.log().contains("is the file cut short?").then_some(()))
        .await;
    broker.client.write(&whole);
    worker.consuming(3, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}

fn anonymous(stage: &mut Stage) {
    stage.set("broker.tls.cert_file", "").set("broker.tls.key_file", "");
}

fn show(stage: &mut Stage, client: &Issued) {
    stage.set("broker.tls.cert_file", text(&client.certificate_file));
    stage.set("broker.tls.key_file", text(&client.key_file));
}

/// What a worker says that is not let in: at once, and with 69. A password in it would be a fault.
async fn refused(stage: &Stage) -> String {
    let begun = Instant::now();
    let mut worker = Worker::spawn(&stage.env());
    let code = worker.ended(SOON).await;
    let said = worker.log();
    assert_eq!(code, 69, "{said}");
    assert!(begun.elapsed() < Duration::from_secs(20), "it is no use to try again: {said}");
    assert!(!said.contains("PRIVATE KEY"), "{said}");
    let (code, _, briefly) = stage.command(&["topology", "check"]).await;
    assert_eq!(code, 69, "{briefly}");
    said
}

/// Which is a process of its own, with a configuration of its own.
#[tokio::test]
async fn the_demos_worker_comes_in_as_the_demo_does() {
    let stage = TlsBroker::shared().await.stage().await;
    let (code, out, said) = stage.command(&["demo", "--json"]).await;
    assert_eq!((code, said.as_str(), out.lines().count()), (0, "", 7), "{out}");
}
