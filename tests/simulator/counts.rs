use std::time::Duration;

use cxchain::simulator::{Ending, Seen, Simulator, SimulatorSettings};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::{Peer, quick, simulator};

#[tokio::test]
async fn calls_are_told_apart_by_run_step_and_key() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let calls = [
        ("tenant.2026.1.parent.child.1", "tenant.2026.1:parent.child", "da-x"),
        ("tenant.2026.1.parent.child.2", "tenant.2026.1:parent.child", "da-x"),
        ("tenant.2026.1.parent.child.3", "tenant.2026.1:parent.child:fallback", "da-y"),
        ("tenant.2026.1.step_0.1", "tenant.2026.1:step_0", "da-x"),
    ];
    for (id, key, action) in calls {
        let request = peer.post(action).header("x-request-id", id).header("idempotency-key", key);
        assert_eq!(request.body(format!("{{\"to\":\"{action}\"}}")).send().await.unwrap().status().as_u16(), 200);
    }
    let calls = simulator.calls();
    let step = calls.step("tenant.2026.1", "parent.child");
    assert_eq!((step.calls, step.answered, step.attempts.as_slice()), (3, 3, [1, 2, 3].as_slice()));
    assert_eq!(step.actions, ["da-x", "da-y"]);
    assert_eq!(step.idempotency_keys.len(), 2);
    let hash = |body: &str| Sha256::digest(body).iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(step.payload_hashes, [hash(r#"{"to":"da-x"}"#), hash(r#"{"to":"da-y"}"#)]);
    assert_eq!(calls.step("tenant.2026.1", "step_0").calls, 1);
    assert_eq!((calls.action("da-x").calls, calls.action("da-y").calls, calls.unidentified), (3, 1, 0));
    assert_eq!(calls.ran_again(), ["tenant.2026.1:parent.child"]);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_is_cut_off() {
    let simulator = simulator(&["da-x=slow:60s"]);
    let peer = Peer::of(&simulator).await;
    let stream = peer.raw("r.s.1", 2, "{}").await;
    simulator.wait_until(|calls| calls.totals.ran == 1).await;
    let watched = tokio::spawn(async move { simulator.wait_until(|calls| calls.totals.cut_off == 1).await });
    drop(stream);
    let step = watched.await.unwrap().step("r", "s");
    assert_eq!((step.calls, step.ran, step.answered, step.open, step.broken_off), (1, 1, 0, 0, 0));
    assert!(step.statuses.is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_before_its_body_is_complete_ran_nothing() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let stream = peer.raw("r.s.1", 100, "{").await;
    simulator.wait_until(|calls| calls.totals.accepted == 1).await;
    drop(stream);
    let step = simulator.wait_until(|calls| calls.totals.cut_off == 1).await.step("r", "s");
    assert_eq!((step.calls, step.accepted, step.ran, step.open), (1, 1, 0, 0));
}

#[tokio::test]
async fn a_client_that_leaves_within_the_answer_is_cut_off() {
    let simulator = simulator(&["da-x=drip:20ms"]);
    let peer = Peer::of(&simulator).await;
    let mut stream = peer.raw("r.s.1", 2, "{}").await;
    let mut some = [0; 16];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let step = simulator.wait_until(|calls| calls.totals.cut_off == 1).await.step("r", "s");
    assert_eq!((step.answered, step.open, step.statuses[&200]), (0, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_has_read_an_answer_finds_it_counted() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    for n in 1..=500 {
        peer.call(&format!("r.s.{n}")).await.bytes().await.unwrap();
        let calls = simulator.calls();
        assert_eq!((calls.totals.answered, calls.totals.open), (n, 0));
    }
    assert_eq!(simulator.calls().max_concurrent, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_calls_at_once_are_all_counted() {
    const CALLS: u64 = 300;
    let simulator =
        Simulator::start(SimulatorSettings { latency: Duration::from_secs(1), ..SimulatorSettings::default() })
            .unwrap();
    let peer = Peer::of(&simulator).await;
    let mut tasks = JoinSet::new();
    for run in 0..CALLS {
        let peer = peer.clone();
        tasks.spawn(async move { peer.status(&format!("run-{run}.s.1")).await });
    }
    let most = simulator.wait_until(|calls| calls.totals.open == CALLS).await.max_concurrent;
    assert_eq!(most, CALLS);
    assert!(tasks.join_all().await.into_iter().all(|status| status == 200));
    let calls = simulator.stop().await;
    assert_eq!((calls.totals.answered, calls.totals.ran, calls.runs.len() as u64), (CALLS, CALLS, CALLS));
}

#[tokio::test]
async fn pipelined_answers_are_counted_one_by_one() {
    let simulator = simulator(&[]);
    let peer = Peer::of(&simulator).await;
    let both = peer.head("r.s.1", 2, "keep-alive") + "{}" + &peer.head("r.s.2", 2, "close") + "{}";
    let mut stream = peer.send(&both).await;
    let (text, end) = super::drain(&mut stream).await;
    end.unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2);
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.answered, step.attempts.as_slice()), (2, [1, 2].as_slice()));
}

#[tokio::test]
async fn the_feed_tells_each_call_when_it_ends() {
    let simulator =
        Simulator::start(SimulatorSettings { faults: vec!["da-y=reset-after".parse().unwrap()], ..quick() }).unwrap();
    let mut feed = simulator.feed();
    let peer = Peer::of(&simulator).await;
    peer.call("a.b.step_0.2").await;
    assert!(peer.post("da-y").send().await.is_err());
    let mut told = Vec::new();
    for _ in 0..3 {
        let Some(Seen::Call(call)) = feed.next().await else { panic!("a call") };
        told.push((call.target, call.run, call.step, call.attempt, call.status, call.ending));
    }
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            ("@token".to_owned(), None, None, None, Some(200), Ending::Answered),
            ("da-x".to_owned(), text("a.b"), text("step_0"), Some(2), Some(200), Ending::Answered),
            ("da-y".to_owned(), None, None, None, None, Ending::BrokenOff),
        ]
    );
    assert_eq!(feed.next_now(), None);
    simulator.stop().await;
    assert_eq!(feed.next().await, None);
}
