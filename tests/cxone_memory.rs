//! A compressed bomb costs nothing: in a process of its own, since it is the process's memory that is looked at.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use cxchain::chain::{ActionId, ErrorClass, RunId, TenantName, Verdict};
use cxchain::cxone::{AuthSettings, Cxone, Grant, Preset, TenantSettings};
use cxchain::ports::{Actions, Call, Credential, Prepared};
use tokio::time::Instant;

const GIBIBYTE: usize = 1 << 30;

/// Sends gigabytes of zeros, compressed as it goes. Tells how many it got rid of before the peer hung up.
fn bomb(stream: TcpStream) -> usize {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).unwrap();

    let mut stream = stream;
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(stream, flate2::Compression::fast());
    let zeros = vec![b'0'; 1 << 20];
    let mut sent = 0;
    while sent < 64 * GIBIBYTE && encoder.write_all(&zeros).is_ok() {
        sent += zeros.len();
    }
    sent
}

/// A figure of this process's memory, in bytes: `VmRSS` is what it uses, `VmHWM` the most that it ever used.
fn memory(figure: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn a_gzip_bomb_is_given_up_at_the_limit_and_costs_no_memory() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || [(); 2].map(|()| bomb(listener.accept().unwrap().0)));

    let tenant = TenantName::parse("north").unwrap();
    let settings = TenantSettings {
        preset: Preset::DataActions,
        base_url: Some(url.parse().unwrap()),
        ca_file: None,
        auth: AuthSettings {
            grant: Grant::Static { token: "t".into() },
            token_url: None,
            discovery: None,
            refresh_margin: Duration::from_secs(30),
        },
        retry_statuses: vec![],
        max_concurrent: 1,
        actions: BTreeMap::new(),
    };
    let platform = Cxone::new(BTreeMap::from([(tenant.clone(), settings)]), 4 << 20).unwrap();
    let call = Call {
        tenant,
        run_id: RunId::parse("run").unwrap(),
        step_id: "step".into(),
        action: ActionId::parse("bomb").unwrap(),
        request: Prepared { target: "/bomb".into(), body: Bytes::from_static(b"{}"), ..Prepared::default() },
        attempt: 1,
        job: false,
        fallback: false,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let credential = Credential { header: "Bearer t".into(), generation: 1, stale_at: Instant::now() };
    let explode = async || {
        let answer = platform.send(&call, &credential).await;
        assert_eq!(answer.verdict, Verdict::Success { class: ErrorClass::ResponseTooLarge });
        assert_eq!((answer.http_status, answer.data, answer.body), (Some(200), None, None));
    };

    let before = memory("VmRSS");
    let started = Instant::now();
    explode().await;
    explode().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let risen = memory("VmHWM").saturating_sub(before);
    assert!(risen < 20 << 20, "{risen} bytes more");
    // The peer's last words fill the sockets' buffers; no more than that leaves it.
    for sent in tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap() {
        assert!(sent < GIBIBYTE, "the connection was not given up");
    }
}
