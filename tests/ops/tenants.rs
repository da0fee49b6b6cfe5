//! One tenant's trouble is told, and takes the worker away from nobody.

use serde_json::json;

use crate::support::{Broker, Stage, amqp};
use crate::{chain, simulator, waits};

#[tokio::test]
async fn a_tenant_without_a_token_and_a_tenant_that_throttles_leave_the_worker_ready() {
    let throttles = "da-throttled=status:429,retry-after:120";
    let mut stage = Stage::new(Broker::shared().await, simulator(&[throttles])).await;
    let url = stage.simulator.url();
    stage
        .set("tenants.denied.base_url", &url)
        .set("tenants.denied.auth.client_id", "simulator-client")
        .set("tenants.denied.auth.client_secret", "wrong")
        .set("tenants.gone.base_url", "http://127.0.0.1:1")
        .set("tenants.gone.auth.client_secret", "unused");
    let worker = stage.worker().await;
    let health = worker.health().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for (tenant, action) in [("denied", "da-good"), ("gone", "da-good"), ("default", "da-throttled")] {
        stage.submit(&channel, chain(tenant, &json!([{"action_id": action}])).as_bytes(), None).await;
    }
    let told = health
        .until("all three are told", |health| {
            let (tokens, gates) = (&health["checks"]["token"]["tenants"], &health["checks"]["gate"]["tenants"]);
            tokens["denied"]["state"] == "failed"
                && tokens["gone"]["state"] == "failed"
                && gates["default"]["paused_for_seconds"].is_f64()
        })
        .await;
    assert_eq!((&told["ready"], &told["status"]), (&json!(true), &json!("degraded")));
    let tokens = &told["checks"]["token"];
    assert_eq!((&tokens["status"], &tokens["tenants"]["default"]["state"]), (&json!("degraded"), &json!("valid")));
    let (denied, gone) = (&tokens["tenants"]["denied"], &tokens["tenants"]["gone"]);
    assert_eq!((&denied["class"], &gone["class"]), (&json!("AUTHENTICATION"), &json!("NETWORK")));
    let left = told["checks"]["gate"]["tenants"]["default"]["paused_for_seconds"].as_f64().expect("a number");
    assert!((100.0..=120.0).contains(&left), "{left}");
    let said = waits(&told);
    for part in [
        "tenant denied: a token: AUTHENTICATION, the token endpoint refused the credentials (401",
        "tenant gone: a token: NETWORK",
        "tenant default: the end of a pause after a 429, in 1",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for check in ["work", "consuming", "publishing", "journal"] {
        assert_eq!(told["checks"][check]["status"], "ready", "{told:#}");
    }
}
