use std::time::{Duration, Instant};

use cxchain::simulator::{Fault, Simulator, SimulatorSettings, Target};
use serde_json::{Value, json};

use super::{Peer, ask_token, http, quick, simulator};

#[tokio::test]
async fn a_token_expires_and_a_new_one_works() {
    let simulator = Simulator::start(SimulatorSettings { token_life: Duration::from_secs(1), ..quick() }).unwrap();
    let answer: Value = ask_token(&http(), &simulator, "simulator-secret").await.json().await.unwrap();
    assert_eq!((&answer["expires_in"], &answer["token_type"]), (&json!(1), &json!("Bearer")));
    let peer = Peer::of(&simulator).await;
    assert_eq!(peer.status("r.s.1").await, 200);
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let refused = peer.call("r.s.2").await;
    assert_eq!(refused.status().as_u16(), 401);
    assert!(refused.json::<Value>().await.unwrap()["message"].is_string());
    assert_eq!(Peer::of(&simulator).await.status("r.s.3").await, 200);
    simulator.revoke_tokens();
    assert_eq!(peer.status("r.s.4").await, 401);
    let calls = simulator.calls();
    assert_eq!((calls.tokens.calls, calls.tokens.issued, calls.tokens.answered), (3, 3, 3));
    assert_eq!((calls.totals.calls, calls.totals.accepted), (4, 2));
}

#[tokio::test]
async fn without_a_good_token_nothing_passes() {
    let simulator = simulator(&[]);
    let peer = Peer { token: "made-up".to_owned(), http: http(), url: simulator.url() };
    assert_eq!(peer.status("r.s.1").await, 401);
    let bare =
        peer.http.post(format!("{}/api/v2/integration/data-actions/da-x/execute", peer.url)).send().await.unwrap();
    assert_eq!(bare.status().as_u16(), 401);
    let calls = simulator.calls();
    assert_eq!((calls.totals.calls, calls.totals.accepted, calls.unidentified), (2, 0, 1));
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token() {
    let simulator = simulator(&[]);
    let refused = ask_token(&http(), &simulator, "guess").await;
    assert_eq!(refused.status().as_u16(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap(), json!({"error": "invalid_client"}));
    let calls = simulator.calls();
    assert_eq!((calls.tokens.calls, calls.tokens.issued), (1, 0));
}

#[tokio::test]
async fn the_token_endpoint_has_faults_of_its_own() {
    let simulator = simulator(&["@token=status:503,times:2", "@token=slow:200ms,times:1", "*=status:500"]);
    let http = http();
    for _ in 0..2 {
        assert_eq!(ask_token(&http, &simulator, "simulator-secret").await.status().as_u16(), 503);
    }
    let start = Instant::now();
    assert_eq!(ask_token(&http, &simulator, "simulator-secret").await.status().as_u16(), 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(ask_token(&http, &simulator, "simulator-secret").await.status().as_u16(), 200);
    simulator.set_fault(Target::Token, Fault::status(400));
    assert_eq!(ask_token(&http, &simulator, "simulator-secret").await.status().as_u16(), 400);
    let tokens = simulator.calls().tokens;
    assert_eq!((tokens.calls, tokens.issued), (5, 2));
    assert_eq!(tokens.tally.statuses.into_iter().collect::<Vec<_>>(), [(200, 2), (400, 1), (503, 2)]);
}

#[tokio::test]
async fn a_token_lets_in_where_its_scopes_do() {
    let simulator = simulator(&[]);
    let http = http();
    let mut seen = Vec::new();
    for scope in ["integration:data-actions:execute", "dataactions:execute dataactions:read", "jobs:read", "other"] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "simulator-client"),
            ("client_secret", "simulator-secret"),
            ("scope", scope),
        ];
        let answer: Value = http.post(simulator.token_url()).form(&form).send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        let peer = Peer { token, http: http.clone(), url: simulator.url() };
        let submission = http
            .post(format!("{}/api/v2/dataactions/da-x/execute", peer.url))
            .bearer_auth(&peer.token)
            .json(&json!({"inputParameters": {}}));
        let submitted = submission.send().await.unwrap().status().as_u16();
        let job = format!("{}/api/v2/dataactions/da-x/jobs/simulated-job-1", peer.url);
        let polled = http.get(job).bearer_auth(&peer.token).send().await.unwrap().status().as_u16();
        seen.push((peer.status("r.s.1").await, submitted, polled));
    }
    assert_eq!(seen, [(200, 403, 403), (403, 202, 403), (403, 403, 200), (403, 403, 403)]);
    assert_eq!((simulator.calls().totals.accepted, simulator.calls().polls.accepted), (2, 1), "the quota is not asked");
}
