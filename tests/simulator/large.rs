use std::fs;

use tokio::io::AsyncReadExt;

use super::{Peer, simulator};

/// The most memory that this process ever had, in KiB.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_huge_body_and_a_bomb_are_made_while_they_are_sent() {
    const HUGE: u64 = 512 << 20;
    const BOMB: u64 = 1 << 30;
    let simulator = simulator(&[&format!("da-x=huge:{HUGE},times:1"), &format!("da-x=bomb:{BOMB},times:1")]);
    let peer = Peer::of(&simulator).await;
    let before = peak_memory();

    let mut answer = peer.call("r.s.1").await;
    assert_eq!(answer.content_length(), Some(HUGE));
    let mut received = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        received += chunk.len() as u64;
    }
    assert_eq!(received, HUGE);

    let mut stream = peer.raw("r.s.2", 2, "{}").await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    assert!(String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase().contains("content-encoding: gzip\r\n"));
    assert_eq!(bytes[bytes.len() - 4..], u32::try_from(BOMB).unwrap().to_le_bytes(), "gzip's own word for the length");

    let rise = peak_memory() - before;
    assert!(rise < 64 << 10, "{rise} KiB");
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.calls, step.ran, step.answered), (2, 2, 2));
}

#[tokio::test]
async fn a_client_that_stops_reading_a_bomb_is_cut_off() {
    let simulator = simulator(&["da-x=bomb:100GB"]);
    let peer = Peer::of(&simulator).await;
    let mut answer = peer.call("r.s.1").await;
    let mut unpacked = 0;
    while unpacked < 4 << 20 {
        unpacked += answer.chunk().await.unwrap().unwrap().len();
    }
    drop(answer);
    let step = simulator.wait_until(|calls| calls.totals.open == 0).await.step("r", "s");
    assert_eq!((step.cut_off, step.answered), (1, 0), "about 100 MB on the wire: more than any socket holds");
}
