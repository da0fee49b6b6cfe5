//! What outlives a process, and what does not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use cxchain::journal::sqlite::{FileError, Reader};

use super::*;
use crate::fenced;
use crate::run::replay;

/// Where the process that a test kills is to write.
const WRITE_TO: &str = "CXCHAIN_TEST_WRITE_TO";

#[tokio::test]
async fn what_was_written_is_found_by_the_next_process() {
    let place = Place::new();
    let journal = open(&place);
    let identity = journal.identity().map(str::to_owned);
    write(&journal, "whole", Writer::whole("whole", false)).await;
    let (lease, _) = ours(&journal, "begun").await;
    drop(journal);

    let journal = open(&place);
    assert!(journal.survives_restart());
    assert_eq!(journal.identity().map(str::to_owned), identity);
    let (again, log) = ours(&journal, "whole").await;
    assert_eq!(log, Writer::whole("whole", false).concat());
    assert!(again.fence > lease.fence, "fences are never used again");
    drop(journal);

    let other = open(&Place::new()).identity().map(str::to_owned);
    assert!(identity.is_some() && other != identity, "another file is another journal");
}

#[tokio::test]
async fn a_link_to_the_file_is_the_file() {
    let (place, links) = (Place::new(), Place::new());
    let (link, nowhere) = (links.path(), links.beside("-nowhere"));
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    std::os::unix::fs::symlink(place.beside("-none"), &nowhere).unwrap();
    let by_link = |path: &Path| SqliteJournal::open(&settings(path), Report::default());
    let dangling = by_link(&link).err().unwrap();
    assert!(dangling.is_configuration() && dangling.to_string().contains("a symbolic link to"), "{dangling}");

    let journal = open(&place);
    let identity = journal.identity().map(str::to_owned);
    assert!(matches!(by_link(&link), Err(FileError::Held { .. })), "two names of a file have one lock");
    drop(journal);

    let journal = by_link(&link).unwrap();
    assert_eq!(journal.identity().map(str::to_owned), identity);
    write(&journal, "whole", Writer::whole("whole", false)).await;
    assert!(Reader::open(&link).unwrap().stats().unwrap().wal_bytes > 0, "it lies beside the file, not the link");
    drop(journal);
    assert_eq!(ours(&open(&place), "whole").await.1, Writer::whole("whole", false).concat());
    assert!(!links.beside("-lock").exists());
    assert!(matches!(by_link(&nowhere), Err(FileError::Place { .. })));
}

#[tokio::test]
async fn the_next_process_takes_over_what_the_one_before_had_on_its_queue() {
    let place = Place::new();
    let journal = open(&place);
    let (mut mine, _) = ours(&journal, "r").await;
    journal.append(&mut mine, Writer::new("r").accepted(false)).await.unwrap();
    ours(&journal, "begun").await;
    let Claimed::Ours { .. } = journal.claim(&key("other", "r")).await.unwrap() else { panic!("it is free") };
    drop(journal);

    let journal = open(&place);
    assert!(matches!(journal.claim(&key("q", "r")).await.unwrap(), Claimed::Elsewhere { .. }));
    journal.take_over("q").await.unwrap();
    let (mut new, log) = ours(&journal, "r").await;
    assert_eq!(log, Writer::new("r").accepted(false));
    fenced(journal.append(&mut mine, Writer::new("r").intent())).await;
    journal.append(&mut new, Writer::new("r").intent()).await.unwrap();
    assert!(ours(&journal, "begun").await.1.is_empty());
    let elsewhere = journal.claim(&key("other", "r")).await.unwrap();
    assert!(matches!(elsewhere, Claimed::Elsewhere { .. }), "another queue is another worker's");
    journal.take_over("q").await.unwrap();
    assert!(matches!(journal.claim(&key("q", "r")).await.unwrap(), Claimed::Elsewhere { .. }), "its own lease stands");
}

#[tokio::test]
async fn a_file_has_one_writer() {
    let place = Place::new();
    let journal = open(&place);
    let again = || SqliteJournal::open(&settings(&place.path()), Report::default());
    let Err(held) = again() else { panic!("two writers") };
    assert_eq!(held, FileError::Held { path: place.path().display().to_string() });
    assert!(held.is_configuration());
    drop(journal);
    assert!(again().is_ok(), "it is free again");
}

/// Not a test: the process that is killed below. It says what it was told is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it writes until it is killed, by the test below"]
async fn a_process_that_writes() {
    let path = PathBuf::from(std::env::var_os(WRITE_TO).expect("a test starts this"));
    let journal = Arc::new(SqliteJournal::open(&settings(&path), Report::default()).unwrap());
    journal.take_over("q").await.unwrap();
    let writers = (0..8).map(|writer| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for n in 0.. {
                let run = format!("r-{}-{writer}-{n}", std::process::id());
                let (mut lease, _) = ours(&journal, &run).await;
                for (place, batch) in Writer::whole(&run, false).into_iter().enumerate() {
                    journal.append(&mut lease, batch).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "wrote {run} {}", place + 1).unwrap();
                    out.flush().unwrap();
                }
                journal.release(&lease).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn what_a_killed_process_was_told_is_written_is_there_and_no_batch_by_half() {
    let place = Place::new();
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "sqlite::life::a_process_that_writes"])
            .env(WRITE_TO, place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut words = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // Its harness may have begun the line.
            let Some((_, wrote)) = line.split_once("wrote ") else { continue };
            let Some((run, batches)) = wrote.split_once(' ') else { continue };
            let Ok(batches) = batches.parse() else { continue };
            told.insert(run.to_owned(), batches);
            words += 1;
            if words == round * 97 {
                child.kill().unwrap();
            }
        }
        assert!(words >= round * 97, "it ended by itself after {words} batches");
        child.wait().unwrap();
    }
    let journal = open(&place);
    journal.take_over("q").await.unwrap();
    for (run, batches) in &told {
        let (_, log) = ours(&journal, run).await;
        let whole = Writer::whole(run, false);
        let possible = (*batches..=whole.len()).any(|there| log == whole[..there].concat());
        assert!(possible, "{run}: told of {batches} batches, found {} records", log.len());
        replay(&log);
    }
}
