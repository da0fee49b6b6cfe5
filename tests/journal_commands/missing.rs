//! A journal that cannot be read.

use super::{refused, stage};

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
    stage.share();
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
