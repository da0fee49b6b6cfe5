//! `cxchain trace RUN_ID`.

use serde_json::json;

use super::support::{amqp, eventually};
use super::{SOON, Stage, acknowledged, killed, masked, refused, said, stage, submit, submit_steps, told, until};

/// What a person sees, but for what is different each time. How often a job is asked after, and what it is found to be at then,
/// is a matter of time, too.
async fn shown(stage: &Stage, run_id: &str) -> String {
    let shown = masked(&said(stage, &["trace", run_id]).await).replace(&stage.queue, "QUEUE");
    let lines = shown.lines().filter(|line| !line.contains("… job ")).map(|line| {
        let line = match line.trim_start() {
            began if began.starts_with("began ") => "began T",
            scale if scale.starts_with("0 ") => "0 N s",
            _ => line,
        };
        let words: Vec<&str> = line.split(' ').collect();
        let counts = ["poll", "polls", "exchanges:"];
        let counted = words.iter().enumerate().map(|(n, word)| match words.get(n + 1) {
            Some(unit) if counts.contains(unit) => "N",
            _ if *word == "poll" => "polls",
            _ => *word,
        });
        counted.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A step that is tried again, a job whose worker is killed, a call whose worker is killed.
#[tokio::test]
async fn a_run_that_outlived_two_workers_tells_all_of_it() {
    let mut stage = stage(&["da-find=status:503,times:1", "da-mail=hang"]).await;
    let first = stage.worker().await;
    let steps = json!([
        {"id": "find", "action_id": "da-find"},
        {"id": "export", "action_id": "da-export", "mode": "job"},
        {"id": "mail", "action_id": "da-mail"},
    ]);
    let connection = stage.connect().await;
    submit_steps(&stage, &amqp::channel(&connection).await, "story", &steps).await;
    until(&stage, "story", "the job is submitted", |entry| entry["outcome"] == "submitted").await;
    killed(first).await;
    let second = stage.set("worker.id", "w-2").worker().await;
    until(&stage, "story", "the call of mail", |entry| entry["step_id"] == "mail").await;
    // The call is in the log before it is on its way.
    stage.simulator.wait_until(|calls| calls.step("story", "mail").calls == 1).await;
    killed(second).await;
    let _third = stage.set("worker.id", "w-3").worker().await;
    acknowledged(&stage, "story").await;

    insta::assert_snapshot!(shown(&stage, "story").await, @r#"
    Run story of order-export for tenant default, in QUEUE
    ■ indeterminate  3 of 3 steps, N s
    began T

    0 N s
     ▸ accepted by w-1  3 steps · deadline in N s
     find  da-find
       ↻ call 1  503 · COMPUTE_CLUSTER_UNAVAILABLE · N s · again in N s
       → call 2  200 · N s
       ✔ success  N s · 2 calls
     export  da-export
       → call 1  is job simulated-job-1 · N s
     ↺ taken up by w-2  at export · N s after the last record · w-1 had it before
       ✔ success  N s · N polls
     mail  da-mail
       ? call 1  sent? nobody knows · its worker was gone before the answer · OUTCOME_UNKNOWN
     ↺ taken up by w-3  at mail · N s after the last record · w-2 had it before
       ? unknown  OUTCOME_UNKNOWN · N s · → abort
     ■ indeterminate  N s · step mail (da-mail) has an unknown outcome: OUTCOME_UNKNOWN · a result of N KiB
     ✔ settled  the broker has confirmed all of it
     ✔ acknowledged

    N exchanges: 4 calls (1 of which nobody knows), N polls  N s in calls · N s of back-off · taken up again 2 times, after N s without a record
    "#);

    let trace = told(&stage, &["trace", "story"]).await;
    assert_eq!((&trace["schema"], &trace["run"]["run_id"]), (&json!("cxchain.trace.v1"), &json!("story")));
    assert_eq!(trace["totals"]["unrecorded"], 1);
    let entries = trace["entries"].as_array().expect("a list");
    let offsets: Vec<u64> = entries.iter().filter_map(|entry| entry["offset_ms"].as_u64()).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
    let lost = entries.iter().find(|entry| entry["outcome"] == "unrecorded").expect("the call of mail");
    assert_eq!((&lost["step_id"], &lost["took_ms"]), (&json!("mail"), &json!(null)));
    assert_eq!(stage.simulator.calls().step("story", "mail").calls, 1);
}

#[tokio::test]
async fn a_run_that_was_handed_back_is_told_from_one_whose_worker_was_killed() {
    let stage = stage(&["da-held=hang"]).await;
    let mut first = stage.worker().await;
    submit(&stage, "back", &["da-held", "da-next"]).await;
    until(&stage, "back", "the call that is held", |entry| entry["entry"] == "call").await;
    first.signal("TERM").await;
    eventually("it drains", SOON, async || first.log().contains("draining: no new runs").then_some(())).await;
    stage.simulator.clear_faults();
    assert_eq!(first.ended(SOON).await, 0, "{}", first.log());
    let run = &told(&stage, &["runs", "--open"]).await["runs"][0];
    assert_eq!((&run["at_step"], &run["leased_until"]), (&json!("step_1"), &json!(null)));
    let listed = said(&stage, &["runs"]).await;
    assert!(listed.contains("open at step_1: no worker has it"), "{listed}");
    let _second = stage.worker().await;
    acknowledged(&stage, "back").await;
    insta::assert_snapshot!(shown(&stage, "back").await, @r#"
    Run back of order-export for tenant default, in QUEUE
    ■ completed  2 of 2 steps, N s
    began T

    0 N s
     ▸ accepted by w-1  2 steps · deadline in N s
     step_0  da-held
       → call 1  200 · N s
       ✔ success  N s
     ⏸ handed back  its worker was stopping
     ↺ taken up by w-1  at step_1 · N s after the last record
     step_1  da-next
       → call 1  200 · N s
       ✔ success  N s
     ■ completed  N s · a result of N KiB
     ✔ settled  the broker has confirmed all of it
     ✔ acknowledged

    2 calls  N s in calls · taken up again once, after N s without a record
    "#);
}

#[tokio::test]
async fn an_open_run_is_shown_as_far_as_it_is() {
    let stage = stage(&["da-hangs=hang"]).await;
    let _worker = stage.worker().await;
    submit(&stage, "open", &["da-quick", "da-hangs"]).await;
    until(&stage, "open", "the call that hangs", |entry| entry["step_id"] == "step_1").await;
    insta::assert_snapshot!(shown(&stage, "open").await, @r#"
    Run open of order-export for tenant default, in QUEUE
    … open at step_1: call 1 is on its way  1 of 2 steps, N s
    began T

    0 N s
     ▸ accepted by w-1  2 steps · deadline in N s
     step_0  da-quick
       → call 1  200 · N s
       ✔ success  N s
     step_1  da-hangs
       ? call 1  no answer yet

    2 calls  N s in calls
    "#);
    let run = &told(&stage, &["trace", "open"]).await["run"];
    assert_eq!((&run["state"], &run["at_step"]), (&json!("open"), &json!("step_1")));
    assert_eq!(run["waits_for"], json!({"kind": "answer", "attempt": 1}));
}

#[tokio::test]
async fn a_run_that_is_not_there_is_told_with_those_that_are() {
    let stage = stage(&[]).await;
    let _worker = stage.worker().await;
    submit(&stage, "order-4711", &["da-a"]).await;
    acknowledged(&stage, "order-4711").await;
    for wanted in ["order-4771", "4711", "ORDER-4711", "order-4711-2"] {
        let (code, complaint) = refused(&stage, &["trace", wanted]).await;
        assert_eq!(code, 1, "{complaint}");
        let near = format!("Runs of a similar name: order-4711 in {}", stage.queue);
        assert!(complaint.contains(&format!("no run {wanted}")) && complaint.contains(&near), "{complaint}");
    }
    let (code, complaint) = refused(&stage, &["trace", "something-else"]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains(&format!("The newest runs: order-4711 in {}", stage.queue)), "{complaint}");
    assert_eq!(refused(&stage, &["trace", "a b"]).await.0, 2);
}

#[tokio::test]
async fn a_run_id_in_two_queues_needs_the_queue_named() {
    let mut stage = stage(&[]).await;
    let other = stage.name("more");
    let queues = format!("[{{name = \"{}\"}}, {{name = \"{other}\"}}]", stage.queue);
    stage.set("queues", &queues);
    assert_eq!(stage.command(&["topology", "apply"]).await.0, 0);
    let worker = super::Worker::spawn(&stage.env());
    worker.consuming(2, SOON).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for (queue, action) in [(&stage.queue, "da-here"), (&other, "da-there")] {
        let chain = json!({"chain_id": "twice", "run_id": "twin", "steps": [{"action_id": action}]});
        amqp::publish(&channel, "", queue, chain.to_string().as_bytes(), lapin::BasicProperties::default()).await;
    }
    super::eventually("both are there", SOON, async || {
        let (code, _, complaint) = stage.command(&["trace", "twin"]).await;
        (code == 2).then_some(complaint)
    })
    .await;
    let (_, complaint) = refused(&stage, &["trace", "twin"]).await;
    for part in [&stage.queue, &other, "--queue"] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
    for (queue, action) in [(&stage.queue, "da-here"), (&other, "da-there")] {
        super::eventually("its call", SOON, async || {
            let trace = told(&stage, &["trace", "twin", "--queue", queue]).await;
            assert_eq!(trace["run"]["queue"], *queue);
            trace["entries"].as_array()?.iter().any(|entry| entry["action_id"] == action).then_some(())
        })
        .await;
    }
}
