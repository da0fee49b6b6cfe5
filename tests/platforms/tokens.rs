//! Every way in, and what comes of it when the door stays shut.

use cxchain::simulator::{Api, Simulator};
use serde_json::{Value, json};

use super::support::Stage;
use super::{CXONE, GENESYS, another, channel, ended_silently, playing, result, stage, steps, worker};

/// A key of a tenant's configuration and its value, in which `{url}` is its platform's.
type Key<'k> = (&'k str, &'k str);
/// A tenant: its name, what platform it is at, and its keys.
type Door<'d> = (&'d str, &'d Simulator, Vec<Key<'d>>);

/// Configures a tenant with one action, `ping`, that its platform has.
fn open(stage: &mut Stage, (name, simulator, keys): &Door<'_>) {
    let at = |key: &str| format!("tenants.{name}.{key}");
    for (key, value) in keys {
        let value = value.replace("{url}", &simulator.url());
        stage.set(&at(key), &value);
    }
    stage.set(&at("limits"), "[{limit = 1000, per = \"1s\", burst = 100}]").set(&at("retry.base"), "10ms");
}

const CLIENT: [Key<'_>; 2] = [("auth.client_id", "simulator-client"), ("auth.client_secret", "simulator-secret")];
const KEY: [Key<'_>; 2] = [("auth.access_key_id", "simulator-key"), ("auth.access_key_secret", "simulator-key-secret")];
const CXONE_PING: Key<'_> = ("actions.ping", "{path = \"/incontactapi/services/v31.0/agents\", method = \"GET\"}");

#[tokio::test]
async fn every_grant_of_every_platform_lets_a_chain_in() {
    let [data, cxone, genesys] = [Api::DataActions, Api::Cxone, Api::Genesys].map(|api| another(playing(api, &[])));
    let given = token(&genesys).await;
    let mut stage = stage(playing(Api::DataActions, &[])).await;
    let base = ("base_url", "{url}");
    let issuer = ("auth.issuer", "{url}");
    let doors: [Door<'_>; 7] = [
        ("body", &data, [&CLIENT[..], &[("api", "data-actions"), base]].concat()),
        (
            "basic",
            &genesys,
            [&CLIENT[..], &[("api", "genesys"), base, ("auth.token_url", "{url}/oauth/token")]].concat(),
        ),
        ("static", &genesys, vec![("api", "genesys"), base, ("auth.grant", "static"), ("auth.token", &given)]),
        ("key-basic", &cxone, [&CLIENT[..], &KEY, &[("api", "cxone"), issuer, CXONE_PING]].concat()),
        (
            "key-body",
            &cxone,
            [&CLIENT[..], &KEY, &[("api", "cxone"), issuer, CXONE_PING, ("auth.client_auth", "body")]].concat(),
        ),
        (
            "key-json",
            &cxone,
            [
                &KEY[..],
                &[
                    ("api", "cxone"),
                    issuer,
                    CXONE_PING,
                    ("auth.grant", "access_key_json"),
                    ("auth.token_url", "{url}/authentication/v1/token/access-key"),
                ],
            ]
            .concat(),
        ),
        (
            "named",
            &cxone,
            [&CLIENT[..], &KEY, &[("api", "cxone"), base, CXONE_PING, ("auth.token_url", "{url}/auth/token")]].concat(),
        ),
    ];
    for door in &doors {
        open(&mut stage, door);
    }
    let worker = stage.worker().await;
    let (_connection, channel) = channel(&stage).await;
    for (name, ..) in &doors {
        let result = result(&stage, &channel, name, name, &json!([{"action_id": "ping"}])).await;
        assert_eq!(steps(&result), ["step_0 success 200 NONE"], "{name}: {result:#}");
    }
    for (simulator, tokens, calls) in [(&data, 1, 1), (&genesys, 2, 2), (&cxone, 4, 4)] {
        let seen = simulator.calls();
        assert_eq!((seen.tokens.issued, seen.tokens.calls, seen.totals.ran), (tokens, tokens, calls));
    }
    // Where both places are named, nobody is asked for them; where the token endpoint is, only for the other.
    assert_eq!(cxone.calls().discovery.calls, 2 + 2 + 1);
    ended_silently(worker).await;
}

/// A token, as an operator would have it from elsewhere.
async fn token(simulator: &Simulator) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "one request to a simulator that does nothing of the kind")]
    let http = reqwest::Client::new();
    let request = http.post(simulator.token_url()).basic_auth("simulator-client", Some("simulator-secret"));
    let answer: Value =
        request.form(&[("grant_type", "client_credentials")]).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn wrong_credentials_are_told_and_no_call_is_made() {
    let [cxone, genesys] = [Api::Cxone, Api::Genesys].map(|api| another(playing(api, &[])));
    let mut stage = stage(playing(Api::DataActions, &[])).await;
    let named = [("api", "genesys"), ("base_url", "{url}"), ("auth.token_url", "{url}/oauth/token")];
    let issued = [("api", "cxone"), ("auth.issuer", "{url}"), CXONE_PING];
    let wrong_client = [("auth.client_id", "simulator-client"), ("auth.client_secret", "canary-wrong")];
    let wrong_key = [("auth.access_key_id", "simulator-key"), ("auth.access_key_secret", "canary-wrong")];
    let doors: [Door<'_>; 5] = [
        ("secret", &genesys, [&named[..], &wrong_client].concat()),
        // This platform wants Basic.
        ("body", &genesys, [&named[..], &CLIENT, &[("auth.client_auth", "body")]].concat()),
        ("key", &cxone, [&issued[..], &CLIENT, &wrong_key].concat()),
        ("client", &cxone, [&issued[..], &wrong_client, &KEY].concat()),
        ("nobody", &cxone, [&issued[..], &KEY].concat()),
    ];
    for door in &doors {
        open(&mut stage, door);
    }
    let worker = stage.worker().await;
    let (_connection, channel) = channel(&stage).await;
    for (name, ..) in &doors {
        let result = result(&stage, &channel, name, name, &json!([{"action_id": "ping"}])).await;
        assert_eq!(steps(&result), ["step_0 failed null AUTHENTICATION"], "{name}: {result:#}");
        let said = result["aggregated_responses"][0]["error_message"].as_str().unwrap();
        assert!(said.starts_with("the token endpoint refused the credentials ("), "{name}: {said}");
        assert!(!result.to_string().contains("canary"), "{result:#}");
    }
    for simulator in [&cxone, &genesys] {
        let seen = simulator.calls();
        assert_eq!((seen.totals.calls, seen.tokens.issued), (0, 0));
    }
    ended_silently(worker).await;
}

#[tokio::test]
async fn a_token_endpoint_that_throttles_with_400_is_asked_again() {
    for (api, file, action) in [(Api::Genesys, GENESYS, "custom-1"), (Api::Cxone, CXONE, "data-extraction")] {
        let stage = stage(playing(api, &["@token=rate-limited,times:2"])).await;
        let worker = worker(&stage, file).await;
        let (_connection, channel) = channel(&stage).await;
        let result = result(&stage, &channel, "run-1", "default", &json!([{"action_id": action}])).await;
        assert_eq!(result["final_status"], "completed", "{result:#}");
        assert_eq!(result["aggregated_responses"][0]["attempts"], 1, "waiting for a token costs no attempt");
        let calls = stage.simulator.calls();
        assert_eq!((calls.tokens.calls, calls.tokens.issued, calls.totals.calls), (3, 1, 1));
        assert_eq!(calls.tokens.tally.statuses.into_iter().collect::<Vec<_>>(), [(200, 1), (400, 2)]);
        ended_silently(worker).await;
    }
}

#[tokio::test]
async fn a_token_endpoint_that_goes_on_throttling_ends_the_step_as_rate_limited() {
    let stage = stage(playing(Api::Genesys, &["@token=rate-limited"])).await;
    let worker = worker(&stage, GENESYS).await;
    let (_connection, channel) = channel(&stage).await;
    let step = json!([{"action_id": "custom-1", "timeout_seconds": 5}]);
    let result = result(&stage, &channel, "run-1", "default", &step).await;
    assert_eq!(steps(&result), ["step_0 failed null RATE_LIMITED"], "{result:#}");
    assert_eq!(stage.simulator.calls().totals.calls, 0);
    ended_silently(worker).await;
}

#[tokio::test]
async fn a_token_that_is_revoked_is_had_again_by_the_same_door() {
    let stage = stage(playing(Api::Cxone, &[])).await;
    let worker = worker(&stage, CXONE).await;
    let (_connection, channel) = channel(&stage).await;
    let start = json!([{"action_id": "scripts.start", "payload": {"skillId": 1, "scriptPath": "x"}}]);
    for run in ["run-1", "run-2"] {
        let result = result(&stage, &channel, run, "default", &start).await;
        assert_eq!(steps(&result), ["step_0 success 202 NONE"], "{result:#}");
        stage.simulator.revoke_tokens();
    }
    let calls = stage.simulator.wait_until(|calls| calls.tokens.issued == 2).await;
    assert_eq!((calls.discovery.calls, calls.totals.statuses[&401]), (2, 1), "the issuer is not asked again");
    ended_silently(worker).await;
}
