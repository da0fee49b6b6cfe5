//! `cxchain runs`.

use serde_json::{Value, json};

use super::{acknowledged, killed, masked, refused, said, stage, submit, told, until};

fn ids(listed: &Value) -> Vec<&str> {
    listed["runs"].as_array().expect("a list").iter().map(|run| run["run_id"].as_str().expect("text")).collect()
}

#[tokio::test]
async fn runs_are_listed_the_newest_first_and_an_open_one_says_what_it_waits_for() {
    let stage = stage(&["da-fails=status:500", "da-hangs=hang", "da-busy=status:503,retry-after:40"]).await;
    let worker = stage.worker().await;
    for (run, actions) in [("good", &["da-a", "da-b"][..]), ("bad", &["da-a", "da-fails", "da-b"])] {
        submit(&stage, run, actions).await;
        acknowledged(&stage, run).await;
    }
    submit(&stage, "hangs", &["da-a", "da-hangs"]).await;
    until(&stage, "hangs", "the call that hangs", |entry| entry["step_id"] == "step_1").await;

    let listed = said(&stage, &["runs"]).await;
    let shown = masked(&listed).replace(&stage.queue, "QUEUE");
    let lines: Vec<String> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[0], "RUN STATE STEPS TIME BEGAN CHAIN TENANT QUEUE WORKER");
    for (line, begins, ends) in [
        (&lines[1], "… hangs open at step_1: call 1 is on its way 1/2 N s ", "order-export default QUEUE w-1"),
        (&lines[2], "■ bad terminated_early 2/3 N s ", "order-export default QUEUE w-1"),
        (&lines[3], "■ good completed 2/2 N s ", "order-export default QUEUE w-1"),
    ] {
        assert!(line.starts_with(begins) && line.ends_with(ends), "{line}");
    }
    assert_eq!(lines.len(), 4, "{shown}");

    for (arguments, wanted) in [
        (&["runs"][..], &["hangs", "bad", "good"][..]),
        (&["runs", "--open"], &["hangs"]),
        (&["runs", "--status", "terminated_early"], &["bad"]),
        (&["runs", "--tenant", "default", "--limit", "2"], &["hangs", "bad"]),
        (&["runs", "--tenant", "north"], &[]),
        (&["runs", "--queue", "elsewhere"], &[]),
    ] {
        let listed = told(&stage, arguments).await;
        assert_eq!((ids(&listed), &listed["schema"]), (wanted.to_vec(), &json!("cxchain.runs.v1")), "{arguments:?}");
    }
    let more = said(&stage, &["runs", "--limit", "1"]).await;
    assert!(more.ends_with("There may be more: these are the newest 1; --limit shows others, too.\n"), "{more}");
    assert!(said(&stage, &["runs", "--tenant", "north"]).await.starts_with("No run in "));
    assert_eq!(refused(&stage, &["runs", "--status", "done"]).await.0, 2);

    killed(worker).await;
    let open = told(&stage, &["runs", "--open"]).await;
    let run = &open["runs"][0];
    assert_eq!((&run["state"], &run["waits_for"]["kind"]), (&json!("open"), &json!("answer")), "nobody needs a worker");
}

#[tokio::test]
async fn a_journal_without_runs_says_so() {
    let stage = stage(&[]).await;
    let mut worker = stage.worker().await;
    let path = stage.journal();
    let empty = format!("{} holds no runs.\n", path.display());
    assert_eq!(said(&stage, &["runs"]).await, empty);
    assert_eq!(told(&stage, &["runs"]).await["runs"], json!([]));
    let (code, complaint) = refused(&stage, &["trace", "some"]).await;
    assert!(code == 1 && complaint.ends_with("It holds no runs.\n"), "{complaint}");
    worker.signal("TERM").await;
    assert_eq!(worker.ended(super::SOON).await, 0);
    assert_eq!(said(&stage, &["runs"]).await, empty, "no worker needs to run");
}
