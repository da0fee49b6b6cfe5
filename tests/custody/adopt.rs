//! `cxchain journal adopt`: the operator knows that nothing is lost.

use cxchain::simulator::SimulatorSettings;
use serde_json::{Value, json};

use super::history::{CHAIN, LOST, drained, handed_out_before};
use super::support::{SOON, Stage, amqp};
use super::{claim, claim_queue_of, stage, with_its_own, with_journal};

/// A stage whose queue is one journal's and whose configuration names another.
async fn of_another() -> (Stage, tempfile::TempDir) {
    let mut stage = stage(SimulatorSettings::default()).await;
    // Made by a worker on a queue of its own.
    let other = tempfile::tempdir().expect("a temporary directory");
    let (queue, own) = (stage.queue.clone(), stage.name("own"));
    stage.set("queues", &format!("[{{name = \"{own}\"}}]"));
    let made = with_journal(&mut stage, &other.path().join("other.db"));
    made.consuming(1, SOON).await;
    drained(made).await;
    stage.set("queues", &format!("[{{name = \"{queue}\"}}]"));
    let first = with_its_own(&mut stage);
    first.consuming(1, SOON).await;
    drained(first).await;
    stage.set("journal.path", other.path().join("other.db").to_str().expect("the name is ours"));
    (stage, other)
}

#[tokio::test]
async fn an_adopted_queue_is_the_journals_own() {
    let (stage, _other) = of_another().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let before = claim(&stage, &channel).await.expect("a claim");

    let (code, out, said) = stage.command(&["journal", "adopt"]).await;
    assert_eq!((code, said.as_str()), (2, ""), "{out}");
    assert!(out.contains("Nothing was changed") && out.contains("run from its first step"), "{out}");
    assert!(out.contains(before["journal"].as_str().expect("an identity")), "{out}");
    assert_eq!(claim(&stage, &channel).await.as_ref(), Some(&before));

    let (code, out, said) = stage.command(&["journal", "adopt", "--yes", "--json"]).await;
    assert_eq!((code, said.as_str()), (0, ""), "{out}");
    let report: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(report["queues"][0]["before"]["journal"], before["journal"]);
    assert_eq!((&report["queues"][0]["queue"], &report["queues"][0]["adopted"]), (&json!(stage.queue), &json!(true)));
    let after = claim(&stage, &channel).await.expect("a claim");
    assert_eq!((&after["journal"], &after["history_lost"]), (&report["journal"], &json!(false)));

    stage.submit(&channel, CHAIN, Some("run-1")).await;
    handed_out_before(&stage, &channel).await;
    let worker = stage.worker().await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    assert_eq!(worker.log().matches(LOST).count(), 0, "{}", worker.log());
    drained(worker).await;

    let (code, out, _) = stage.command(&["journal", "adopt"]).await;
    assert_eq!(code, 0, "there is nothing to adopt: {out}");
    assert!(out.contains("this journal's already"), "{out}");
}

#[tokio::test]
async fn nothing_is_adopted_while_a_worker_works() {
    let (mut stage, other) = of_another().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let first = with_its_own(&mut stage);
    first.consuming(1, SOON).await;
    let before = claim(&stage, &channel).await;
    stage.set("journal.path", other.path().join("other.db").to_str().expect("the name is ours"));
    let (code, _, said) = stage.command(&["journal", "adopt", "--yes"]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains(&format!("a worker works on queue {}", stage.queue)), "{said}");
    assert_eq!(claim(&stage, &channel).await, before);
}

#[tokio::test]
async fn what_cannot_be_adopted_is_said() {
    let (mut stage, other) = of_another().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let queue = claim_queue_of(&stage);
    channel.queue_delete(queue.as_str().into(), Default::default()).await.expect("it was there");
    let (code, _, said) = stage.command(&["journal", "adopt", "--yes"]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains(&format!("no queue {queue}")) && said.contains("cxchain topology apply"), "{said}");

    stage.set("journal.path", other.path().join("none.db").to_str().expect("the name is ours"));
    let (code, _, said) = stage.command(&["journal", "adopt", "--yes"]).await;
    assert_eq!(code, 78, "{said}");
    stage.in_memory();
    let (code, _, said) = stage.command(&["journal", "adopt", "--yes"]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("journal.kind"), "{said}");
}
