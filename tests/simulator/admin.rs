use reqwest::Method;
use serde_json::{Value, json};

use super::{Peer, simulator};

impl Peer {
    async fn admin(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let request = self.http.request(method, format!("{}/_sim/{path}", self.url)).body(body.to_owned());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }
}

#[tokio::test]
async fn faults_are_put_shown_and_deleted() {
    let simulator = simulator(&["da-z=hang"]);
    let peer = Peer::of(&simulator).await;
    let put = json!({"da-x": "status:503,times:2", "*": ["text,times:1", "slow:1s"]});
    assert_eq!(peer.admin(Method::PUT, "faults", &put.to_string()).await.0, 200);
    let shown = json!({"da-x": ["status:503,times:2"], "*": ["text,times:1", "slow:1s"]});
    assert_eq!(peer.admin(Method::GET, "faults", "").await, (200, shown.clone()));
    assert_eq!(peer.status("r.s.1").await, 503);

    let wrong = json!({"da-x": ["status:1", "hang"], "da/y": "explode", "@poll": "job-fails"});
    let (status, answer) = peer.admin(Method::PUT, "faults", &wrong.to_string()).await;
    assert_eq!((status, answer["problems"].as_array().unwrap().len()), (400, 4));
    assert_eq!(peer.admin(Method::PUT, "faults", "[").await.0, 400);
    assert_eq!(peer.admin(Method::GET, "faults", "").await.1, shown, "nothing of it was taken");

    assert_eq!(peer.admin(Method::DELETE, "faults", "").await.0, 204);
    assert_eq!(peer.status("r.s.2").await, 200);
}

#[tokio::test]
async fn reset_forgets_what_was_seen_and_keeps_faults_and_tokens() {
    let simulator = simulator(&["da-x=status:503,times:1", "da-h=hang"]);
    let peer = Peer::of(&simulator).await;
    assert_eq!([peer.status("r.s.1").await, peer.status("r.s.2").await], [503, 200]);
    let hung = tokio::spawn({
        let peer = peer.clone();
        async move { peer.post("da-h").send().await.is_err() }
    });
    simulator.wait_until(|calls| calls.totals.open == 1).await;
    assert_eq!(peer.admin(Method::POST, "reset", "").await.0, 204);
    assert_eq!(simulator.calls(), Default::default());
    assert_eq!([peer.status("r.s.1").await, peer.status("r.s.2").await], [503, 200]);
    let calls = simulator.stop().await;
    assert!(hung.await.unwrap());
    assert_eq!((calls.totals.calls, calls.totals.answered, calls.totals.broken_off), (2, 2, 0));
}

#[tokio::test]
async fn tokens_are_revoked_and_health_is_told() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    assert_eq!(peer.admin(Method::GET, "health", "").await, (200, json!({"status": "ok"})));
    assert_eq!(peer.admin(Method::DELETE, "tokens", "").await.0, 204);
    assert_eq!(peer.status("r.s.1").await, 401);
    assert_eq!(peer.admin(Method::GET, "reset", "").await.0, 405);
    assert_eq!(peer.admin(Method::GET, "nothing", "").await.0, 404);
}

#[tokio::test]
async fn calls_are_shown_by_run_and_step() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let request = peer.post("da-x").header("x-request-id", "run.1.step_0.1").header("idempotency-key", "run.1:step_0");
    request.body("{}").send().await.unwrap();
    let (_, calls) = peer.admin(Method::GET, "calls", "").await;
    insta::assert_json_snapshot!(calls, {".**.accepted_at_us[]" => "[time]"}, @r#"
    {
      "accepted_at_us": [
        "[time]"
      ],
      "actions": {
        "da-x": {
          "accepted": 1,
          "answered": 1,
          "broken_off": 0,
          "calls": 1,
          "cut_off": 0,
          "open": 0,
          "ran": 1,
          "statuses": {
            "200": 1
          }
        }
      },
      "discovery": {
        "accepted": 0,
        "answered": 0,
        "broken_off": 0,
        "calls": 0,
        "cut_off": 0,
        "open": 0,
        "ran": 0,
        "statuses": {}
      },
      "idempotency_keys": {
        "run.1:step_0": {
          "calls": 1,
          "ran": 1
        }
      },
      "jobs": {
        "max_under_way": 0,
        "submitted": 0,
        "unknown": 0
      },
      "max_concurrent": 1,
      "not_found": 0,
      "polls": {
        "accepted": 0,
        "answered": 0,
        "broken_off": 0,
        "calls": 0,
        "cut_off": 0,
        "open": 0,
        "ran": 0,
        "statuses": {}
      },
      "quota": {
        "accepted": 1,
        "throttled": 0,
        "windows": []
      },
      "redirects_followed": 0,
      "runs": {
        "run.1": {
          "step_0": {
            "accepted": 1,
            "accepted_at_us": [
              "[time]"
            ],
            "actions": [
              "da-x"
            ],
            "answered": 1,
            "attempts": [
              1
            ],
            "broken_off": 0,
            "calls": 1,
            "cut_off": 0,
            "idempotency_keys": [
              "run.1:step_0"
            ],
            "open": 0,
            "payload_hashes": [
              "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
            ],
            "polls": {
              "accepted": 0,
              "accepted_at_us": [],
              "answered": 0,
              "broken_off": 0,
              "calls": 0,
              "cut_off": 0,
              "idempotency_keys": [],
              "open": 0,
              "ran": 0,
              "request_ids": [],
              "statuses": {}
            },
            "ran": 1,
            "statuses": {
              "200": 1
            }
          }
        }
      },
      "tokens": {
        "accepted": 0,
        "answered": 1,
        "broken_off": 0,
        "calls": 1,
        "cut_off": 0,
        "issued": 1,
        "open": 0,
        "ran": 0,
        "statuses": {
          "200": 1
        }
      },
      "totals": {
        "accepted": 1,
        "answered": 1,
        "broken_off": 0,
        "calls": 1,
        "cut_off": 0,
        "open": 0,
        "ran": 1,
        "statuses": {
          "200": 1
        }
      },
      "unidentified": 0,
      "wrong_method": 0
    }
    "#);
}
