//! `cxchain journal stats|prune`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::support::{SOON, amqp, eventually};
use super::{acknowledged, masked, said, stage, submit, submit_over, told, until};

async fn stats(stage: &super::Stage) -> Value {
    told(stage, &["journal", "stats"]).await
}

#[tokio::test]
async fn stats_count_what_the_file_holds() {
    let stage = stage(&["da-hangs=hang"]).await;
    let _worker = stage.worker().await;
    submit(&stage, "done", &["da-a"]).await;
    acknowledged(&stage, "done").await;
    submit(&stage, "hangs", &["da-hangs"]).await;
    until(&stage, "hangs", "the call", |entry| entry["step_id"] == "step_0").await;

    let stats = stats(&stage).await;
    assert_eq!(stats["schema"], "cxchain.journal-stats.v1");
    assert_eq!(stats["path"], stage.journal().display().to_string());
    let runs = json!({"claimed": 0, "open": 1, "finished": 0, "settled": 0, "acknowledged": 1, "leased": 1});
    assert_eq!((&stats["runs"], &stats["schema_version"]), (&runs, &json!(1)));
    assert_eq!(stats["prunable"], json!({"runs": 0, "bytes": 0}), "the retention is 24 h");
    assert!(stats["file_bytes"].as_u64() > Some(0) && stats["records"].as_u64() > Some(8), "{stats}");
    let open = told(&stage, &["runs", "--open"]).await;
    assert_eq!(stats["oldest_open"], open["runs"][0]["accepted_at"]);

    let shown = masked(&said(&stage, &["journal", "stats"]).await);
    let shown = shown.replace(&stage.journal().display().to_string(), "PATH");
    let shown = shown.replace(stats["identity"].as_str().expect("a name"), "IDENTITY");
    let shown = shown.replace(&format!(" {}\n", stats["records"]), " N\n");
    insta::assert_snapshot!(shown, @r#"
    file                  PATH
    identity              IDENTITY, schema version 1
    size                  N KiB, N B of it free; write-ahead log N KiB
    records               N
    open                  1 run, the oldest for N s
    leased                1 run
    not yet acknowledged  0: 0 to be published, 0 published
    kept for duplicates   1 run, the oldest for N s
    to be pruned          0 runs over the retention of 1 d 0 h, N B
    "#);
}

/// Reading leaves nothing behind: what is in the directory afterwards was there before, byte for byte. Whether the worker had the
/// time to close its journal or not.
#[tokio::test]
async fn whoever_reads_writes_nothing() {
    let stage = stage(&[]).await;
    for signal in ["KILL", "TERM"] {
        let mut worker = stage.worker().await;
        submit(&stage, signal, &["da-a", "da-b"]).await;
        acknowledged(&stage, signal).await;
        worker.signal(signal).await;
        worker.ended(SOON).await;
        let before = contents(&stage.journal());
        for command in [
            &["runs"][..],
            &["trace", signal],
            &["journal", "stats"],
            &["journal", "prune", "--dry-run", "--older-than", "0s"],
        ] {
            said(&stage, command).await;
        }
        let after = contents(&stage.journal());
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{signal}");
        assert!(before == after, "{signal}: the files differ");
    }
}

/// What the files of a journal hold. Not looked at is the index of the write-ahead log, which is shared memory, where readers mark
/// their places; nor is a write-ahead log in which nothing is, which SQLite makes for whoever comes after a journal was closed.
fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path.parent().expect("a directory")).expect("it is there");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let files = files.map(|path| (path.display().to_string(), std::fs::read(&path).expect("it can be read")));
    files.filter(|(path, held)| !(path.ends_with("-shm") || path.ends_with("-wal") && held.is_empty())).collect()
}

#[tokio::test]
async fn pruning_forgets_what_is_acknowledged_for_long_enough_and_nothing_else() {
    let stage = stage(&["da-hangs=hang"]).await;
    let _worker = stage.worker().await;
    for run in ["done-1", "done-2"] {
        submit(&stage, run, &["da-a"]).await;
        acknowledged(&stage, run).await;
    }
    submit(&stage, "hangs", &["da-hangs"]).await;
    until(&stage, "hangs", "the call", |entry| entry["step_id"] == "step_0").await;

    let kept = told(&stage, &["journal", "prune", "--older-than", "1h"]).await;
    let schema = "cxchain.journal-prune.v1";
    assert_eq!(kept, json!({"schema": schema, "dry_run": false, "older_than_seconds": 3600, "runs": 0, "bytes": 0}));
    let dry = told(&stage, &["journal", "prune", "--older-than", "0s", "--dry-run"]).await;
    assert_eq!((&dry["runs"], &dry["dry_run"]), (&json!(2), &json!(true)));
    assert!(dry["bytes"].as_u64() > Some(2000), "{dry}");
    let all = said(&stage, &["journal", "prune", "--older-than", "0s", "--dry-run"]).await;
    assert!(all.starts_with("… 2 runs acknowledged more than 0 ms ago would be forgotten, with "), "{all}");
    assert_eq!(told(&stage, &["runs"]).await["runs"].as_array().map(Vec::len), Some(3), "it was dry");

    let pruned = said(&stage, &["journal", "prune", "--older-than", "0s"]).await;
    assert!(pruned.starts_with("✔ 2 runs acknowledged more than 0 ms ago forgotten; the file is "), "{pruned}");
    let listed = told(&stage, &["runs"]).await;
    let left: Vec<&Value> = listed["runs"].as_array().expect("a list").iter().map(|run| &run["run_id"]).collect();
    assert_eq!(left, ["hangs"]);
}

/// The worker works on while others read its journal all the time, and prune it.
#[tokio::test]
async fn a_worker_works_on_beside_readers_and_pruning() {
    const RUNS: usize = 150;
    let stage = stage(&[]).await;
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let working = async {
        for run in 0..RUNS {
            submit_over(&stage, &channel, &format!("run-{run}"), &["da-a", "da-b", "da-c"]).await;
        }
        stage.distinct_results(&channel, RUNS, SOON * 2).await
    };
    let (open, forgotten) = (Cell::new(0), Cell::new(0));
    let looking = async {
        loop {
            let listed = told(&stage, &["runs", "--limit", "1000"]).await;
            let runs = listed["runs"].as_array().expect("a list");
            open.set(open.get() + runs.iter().filter(|run| run["state"] == "open").count());
            stats(&stage).await;
            let pruned = told(&stage, &["journal", "prune", "--older-than", "0s"]).await;
            forgotten.set(forgotten.get() + pruned["runs"].as_u64().expect("a number"));
        }
    };
    let results = tokio::select! {
        () = looking => unreachable!("it never ends"),
        results = working => results,
    };
    assert!(open.get() > 0 && forgotten.get() > 0, "looked at {open:?} open runs, forgot {forgotten:?}");
    assert!(results.values().all(|result| result["final_status"] == "completed"));
    eventually("all is acknowledged and forgotten", SOON, async || {
        let pruned = told(&stage, &["journal", "prune", "--older-than", "0s"]).await;
        let runs = stats(&stage).await["runs"].clone();
        let none = runs.as_object()?.values().all(|count| *count == json!(0));
        assert!(pruned["runs"].is_number());
        none.then_some(())
    })
    .await;
    assert_eq!(stage.simulator.calls().totals.calls, 3 * RUNS as u64, "no call was made twice");
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
}
