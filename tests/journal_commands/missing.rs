//! A journal that cannot be read.

use super::{killed, refused, said, stage, submit, told, until};

const COMMANDS: [&[&str]; 5] =
    [&["runs"], &["trace", "some"], &["journal", "stats"], &["journal", "prune"], &["journal", "prune", "--dry-run"]];

#[tokio::test]
async fn a_file_that_is_not_there_is_named_and_not_made() {
    let stage = stage(&[]).await;
    for command in COMMANDS {
        let (code, complaint) = refused(&stage, command).await;
        assert_eq!(code, 78, "{command:?}: {complaint}");
        let path = stage.journal().display().to_string();
        for part in [&path, "no worker has worked", "--config", "CXCHAIN__JOURNAL__PATH"] {
            assert!(complaint.contains(part), "{part}: {complaint}");
        }
        assert!(!stage.journal().exists(), "{command:?} only looks");
    }
}

#[tokio::test]
async fn a_journal_in_memory_cannot_be_read_by_others() {
    let mut stage = stage(&[]).await;
    stage.in_memory();
    for command in COMMANDS {
        let (code, complaint) = refused(&stage, command).await;
        assert_eq!(code, 78, "{command:?}: {complaint}");
        assert!(complaint.contains("journal.kind is memory"), "{complaint}");
    }
}

#[tokio::test]
async fn a_file_that_is_something_else_is_left_alone() {
    let stage = stage(&[]).await;
    std::fs::write(stage.journal(), "a diary").expect("a file");
    for command in COMMANDS {
        let (code, complaint) = refused(&stage, command).await;
        assert!([70, 78].contains(&code), "{command:?}: {code} {complaint}");
        assert!(complaint.contains(&stage.journal().display().to_string()), "{complaint}");
        assert_eq!(std::fs::read(stage.journal()).expect("it is there"), b"a diary");
    }
}

/// One damaged run takes the sight of no other away.
#[tokio::test]
async fn a_damaged_log_is_called_so_beside_the_others() {
    let stage = stage(&["da-hangs=hang"]).await;
    let worker = stage.worker().await;
    for run in ["spoilt", "sound"] {
        submit(&stage, run, &["da-hangs"]).await;
        until(&stage, run, "its call", |entry| entry["step_id"] == "step_0").await;
    }
    killed(worker).await;
    let file = rusqlite::Connection::open(stage.journal()).expect("it is a journal");
    let spoil = "UPDATE records SET body = CAST('{}' AS BLOB)
        WHERE place = (SELECT max(place) FROM records JOIN runs ON runs.id = place >> 20 WHERE run_id = 'spoilt')";
    assert_eq!(file.execute(spoil, ()).expect("it can be written"), 1);
    drop(file);

    let (code, complaint) = refused(&stage, &["trace", "spoilt"]).await;
    assert_eq!(code, 70, "{complaint}");
    assert!(complaint.contains("run spoilt, record ") && complaint.contains("is damaged"), "{complaint}");
    let listed = told(&stage, &["runs"]).await;
    let runs = listed["runs"].as_array().expect("a list");
    assert!(runs[0]["damage"].is_null() && runs[0]["at_step"] == "step_0", "{listed}");
    assert!(runs[1]["damage"].as_str().is_some_and(|why| why.contains("checksum")), "{listed}");
    let shown = said(&stage, &["runs"]).await;
    assert!(shown.lines().any(|line| line.starts_with("✖ spoilt ") && line.contains("(damaged: ")), "{shown}");
}
