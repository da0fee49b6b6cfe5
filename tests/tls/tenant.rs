//! A tenant behind TLS: whom it trusts, and what a failed handshake means for a step.

use cxchain::simulator::SimulatorSettings;
use serde_json::{Value, json};

use super::authority::{Authority, Issued};
use super::broker::text;
use super::front::Front;
use super::support::{Broker, Stage, amqp};

/// A stage whose tenant is reached through fronts with these certificates. Retries come at once.
async fn stage(api: Option<&Issued>, token: Option<&Issued>, ca_file: &str) -> (Stage, Vec<Front>) {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let inside = stage.simulator.address().to_string();
    let mut fronts = Vec::new();
    for (certificate, key, path) in [(api, "base_url", ""), (token, "auth.token_url", "/oauth/token")] {
        let url = match certificate {
            Some(certificate) => {
                fronts.push(Front::open(certificate, &inside).await);
                format!("https://localhost:{}{path}", fronts[fronts.len() - 1].port)
            }
            None => format!("{}{path}", stage.simulator.url()),
        };
        stage.set(&format!("tenants.default.{key}"), &url);
    }
    stage.set("tenants.default.ca_file", ca_file);
    stage.set("tenants.default.retry.base", "1ms").set("tenants.default.retry.max", "1ms");
    (stage, fronts)
}

async fn result(stage: &Stage, definition: Value) -> Value {
    let _worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, definition.to_string().as_bytes(), Some("run-1")).await;
    stage.result(&channel).await
}

fn chain() -> Value {
    json!({"chain_id": "c", "steps": [{"action_id": "da-x", "retry": {"max_attempts": 3}}]})
}

#[tokio::test]
async fn an_authority_of_its_own_vouches_for_both_urls_of_a_tenant() {
    let authority = Authority::new("ours");
    let server = authority.issue("localhost");
    let (stage, _fronts) = stage(Some(&server), Some(&server), text(&authority.file())).await;
    let result = result(&stage, chain()).await;
    assert_eq!(result["final_status"], "completed", "{result:#}");
    assert_eq!(stage.simulator.calls().totals.answered, 1);
}

/// The request was never sent, which is known: it is tried again, idempotent or not, and ends as a failure.
#[tokio::test]
async fn a_tenant_that_is_not_trusted_is_a_network_failure_with_a_reason() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    for (server, words) in [
        (others.issue("localhost"), "issued by an authority that is not trusted here (the tenant's ca_file)"),
        (ours.issue("example.com"), "its certificate is for another host name"),
        (ours.issue_expired("localhost"), "its certificate has expired"),
    ] {
        let (stage, fronts) = stage(Some(&server), None, text(&ours.file())).await;
        let result = result(&stage, chain()).await;
        let step = &result["aggregated_responses"][0];
        assert_eq!(
            (&step["status"], &step["error_classification"], &step["attempts"]),
            (&json!("failed"), &json!("NETWORK"), &json!(3)),
            "{result:#}"
        );
        let message = step["error_message"].as_str().expect("a message");
        assert!(message.starts_with("could not connect: ") && message.contains(words), "{message}");
        assert!(!message.contains("localhost") && !message.contains(&fronts[0].port.to_string()), "{message}");
        assert_eq!(stage.simulator.calls().totals.calls, 0, "nothing was sent");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_trusted_is_a_network_failure_with_a_reason() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let (stage, _fronts) =
        stage(Some(&ours.issue("localhost")), Some(&others.issue("localhost")), text(&ours.file())).await;
    let mut definition = chain();
    definition["steps"][0]["timeout_seconds"] = json!(5);
    let result = result(&stage, definition).await;
    let step = &result["aggregated_responses"][0];
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("failed"), &json!("NETWORK")), "{result:#}");
    let message = step["error_message"].as_str().expect("a message");
    assert!(message.contains("token endpoint") && message.contains("the tenant's ca_file"), "{message}");
    assert_eq!(stage.simulator.calls().tokens.calls, 0, "the secret was not sent");
}

#[tokio::test]
async fn one_tenants_authority_is_no_other_tenants() {
    let authority = Authority::new("ours");
    let server = authority.issue("localhost");
    let (mut stage, fronts) = stage(Some(&server), None, text(&authority.file())).await;
    for key in ["client_id", "client_secret"] {
        stage.set(&format!("tenants.other.auth.{key}"), "simulator-secret");
    }
    let token_url = format!("{}/oauth/token", stage.simulator.url());
    stage.set("tenants.other.auth.token_url", &token_url).set("tenants.other.auth.client_id", "simulator-client");
    stage.set("tenants.other.base_url", &format!("https://localhost:{}", fronts[0].port));
    let mut definition = chain();
    definition["tenant"] = json!("other");
    definition["steps"][0]["retry"] = json!({"max_attempts": 1});
    let result = result(&stage, definition).await;
    let message = result["aggregated_responses"][0]["error_message"].as_str().expect("a message");
    assert!(message.contains("not trusted here"), "{result:#}");
}
