//! The file stays as large as what is kept.

use super::*;

/// What the write-ahead log takes at most: it goes into the file from 4,000 pages on, and what a transaction writes before that is
/// over comes on top.
const LOG: u64 = 24 * 1024 * 1024;

fn size(place: &Place, suffix: &str) -> u64 {
    std::fs::metadata(place.beside(suffix)).map_or(0, |file| file.len())
}

#[tokio::test]
async fn the_file_levels_off_and_shrinks_when_nothing_comes_any_more() {
    const ROUNDS: usize = 12;
    const RUNS: usize = 150;
    let place = Place::new();
    let settings = SqliteSettings { retention: Duration::from_millis(400), ..settings(&place.path()) };
    let journal = Arc::new(SqliteJournal::open(&settings, Report::default()).unwrap());
    write(&journal, "unacknowledged", Writer::whole("unacknowledged", false)).await;
    let mut sizes = Vec::new();
    for round in 0..ROUNDS {
        let runs = (0..RUNS).map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let run = format!("r-{round}-{n}");
                let mut writer = Writer::new(&run);
                let batches = vec![writer.accepted(false), writer.intent(), writer.outcome(), writer.finished(20_000)];
                write(&journal, &run, batches).await;
                journal.acknowledged(&key("q", &run)).await;
            })
        });
        for run in runs.collect::<Vec<_>>() {
            run.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        sizes.push(size(&place, ""));
        assert!(size(&place, "-wal") < LOG, "the log is {} bytes long", size(&place, "-wal"));
    }
    // How much of a round is in the write-ahead log yet, and not in the file, is its checkpoints' to say.
    assert!(sizes.iter().all(|size| *size < (ROUNDS * RUNS * 20_000) as u64 / 2), "it keeps everything: {sizes:?}");

    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while size(&place, "") > 1_500_000 {
        assert!(tokio::time::Instant::now() < deadline, "it does not shrink: {} of {sizes:?}", size(&place, ""));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ours(&journal, "unacknowledged").await.1.len(), 8, "kept for ever");
    assert_eq!(ours(&journal, "r-0-0").await.1, []);
}
