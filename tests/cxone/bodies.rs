//! What a 2xx carries.

use std::io::Write;

use cxchain::chain::{ErrorClass, Retryable, Verdict};
use serde_json::json;

use super::server::{JSON, Reply, Server, json, response};
use super::{LIMIT, answer_from};

const SUCCESS: Verdict = Verdict::Success { class: ErrorClass::None };
const TOO_LARGE: Verdict = Verdict::Success { class: ErrorClass::ResponseTooLarge };
const INVALID: Verdict = Verdict::Failed { class: ErrorClass::ResponseInvalid, retry: Retryable::IfIdempotent };

const GZIP: &str = "content-type: application/json\r\ncontent-encoding: gzip\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_success_carries_json_text_or_nothing() {
    for (said, data) in [
        (json(200, r#"{"a":[1,"01234"]}"#), Some(json!({"a": [1, "01234"]}))),
        (json(201, "\"bare-job-id\""), Some(json!("bare-job-id"))),
        (response(200, "", r#"{"a":1}"#), Some(json!({"a": 1}))),
        (response(200, "content-type: text/plain\r\n", "done"), Some(json!("done"))),
        (response(200, "content-type: text/html\r\n", b"caf\xe9"), Some(json!("caf\u{fffd}"))),
        (json(202, ""), None),
        (json(200, "\u{feff}\r\n"), None),
        (b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(), None),
        (b"HTTP/1.1 204 No Content\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n".to_vec(), None),
        (response(200, GZIP, ""), None),
        (response(200, GZIP, gzip(b"")), None),
        (response(200, GZIP, gzip(b"{\"a\":1}")), Some(json!({"a": 1}))),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n".to_vec(),
            Some(json!([1])),
        ),
    ] {
        let server = Server::saying(said.clone()).await;
        let answer = answer_from(&server.url).await;
        let said = String::from_utf8_lossy(&said);
        assert_eq!((answer.verdict, answer.data, answer.message), (SUCCESS, data, None), "{said}");
        assert!(answer.body.is_some(), "{said}");
    }
}

#[tokio::test]
async fn the_body_for_the_hash_is_the_decompressed_one() {
    let server = Server::saying(response(200, GZIP, gzip(b" {\"b\":1, \"a\":2} "))).await;
    assert_eq!(answer_from(&server.url).await.body.as_deref(), Some(&b" {\"b\":1, \"a\":2} "[..]));
}

#[tokio::test]
async fn what_claims_to_be_json_and_is_not_is_invalid() {
    for body in ["<html>", "{\"a\":1", "{\"a\":1} trailing", &"[".repeat(LIMIT / 2)] {
        let server = Server::saying(json(200, body)).await;
        let answer = answer_from(&server.url).await;
        assert_eq!((answer.verdict, answer.http_status, answer.data), (INVALID, Some(200), None));
        assert_eq!(answer.body.as_deref(), Some(body.as_bytes()), "it was read to its end");
        assert_eq!(answer.message.as_deref(), Some("the answer is not the JSON that it claims to be"));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_invalid() {
    let mut half = response(200, GZIP, gzip(&b"{\"a\":1}".repeat(100)));
    half.truncate(half.len() - 10);
    let whole_but_corrupt = {
        let mut bytes = gzip(&vec![b'1'; 1000]);
        let end = bytes.len();
        bytes[end - 8] ^= 0xff;
        response(200, GZIP, bytes)
    };
    let compressed = gzip(b"[1,2,3]");
    for said in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nrubbish\r\n".to_vec(),
        half,
        whole_but_corrupt,
        response(200, GZIP, b"not gzip at all"),
        response(200, GZIP, &compressed[..compressed.len() - 9]),
    ] {
        let server = Server::replying({
            let said = said.clone();
            move |_| Reply::Cut(said.clone())
        })
        .await;
        let answer = answer_from(&server.url).await;
        let said = String::from_utf8_lossy(&said);
        assert_eq!((answer.verdict, answer.http_status), (INVALID, Some(200)), "{said}");
        assert_eq!((answer.data, answer.body), (None, None), "{said}");
    }
}

#[tokio::test]
async fn a_body_at_the_limit_is_kept_and_one_byte_more_is_not() {
    let exact = format!("\"{}\"", "a".repeat(LIMIT - 2));
    let over = format!("\"{}\"", "a".repeat(LIMIT - 1));
    let chunked = |body: &str| {
        let size = body.len();
        format!("HTTP/1.1 200 OK\r\n{JSON}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n")
            .into_bytes()
    };
    for said in [json(200, &exact), chunked(&exact), response(200, GZIP, gzip(exact.as_bytes()))] {
        let server = Server::saying(said).await;
        let answer = answer_from(&server.url).await;
        assert_eq!((answer.verdict, answer.body.map(|body| body.len())), (SUCCESS, Some(LIMIT)));
    }
    for said in [json(200, &over), chunked(&over), response(200, GZIP, gzip(over.as_bytes()))] {
        let server = Server::saying(said).await;
        let answer = answer_from(&server.url).await;
        assert_eq!((answer.verdict, answer.http_status), (TOO_LARGE, Some(200)));
        assert_eq!((answer.data, answer.body), (None, None));
    }
}

#[tokio::test]
async fn of_an_error_no_more_is_read_than_its_text_needs() {
    let server = Server::saying(response(500, "", "e".repeat(10_000_000))).await;
    let answer = answer_from(&server.url).await;
    assert_eq!(answer.verdict, Verdict::Failed { class: ErrorClass::ComputeFailure, retry: Retryable::No });
    assert_eq!(answer.body, None);
    let server = Server::replying(|_| {
        let mut said = b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        said.extend_from_slice(format!("186a0\r\n{}\r\n", "e".repeat(100_000)).as_bytes());
        Reply::Hang(said)
    })
    .await;
    let answer = answer_from(&server.url).await;
    assert_eq!((answer.message.map(|text| text.len()), answer.body), (Some(300), None));
}

#[tokio::test]
async fn an_error_whose_body_cannot_be_read_is_still_that_error() {
    let validation = Verdict::Failed { class: ErrorClass::Validation, retry: Retryable::No };
    for (said, text) in [
        (b"HTTP/1.1 400 No\r\ncontent-length: 100\r\n\r\nno such tier".to_vec(), "no such tier"),
        (b"HTTP/1.1 400 No\r\ncontent-length: 100\r\n\r\n".to_vec(), "HTTP 400"),
        (response(400, GZIP, "not gzip"), "HTTP 400"),
    ] {
        let server = Server::replying(move |_| Reply::Cut(said.clone())).await;
        let answer = answer_from(&server.url).await;
        assert_eq!((answer.verdict, answer.message.as_deref(), answer.body), (validation, Some(text), None));
    }
}
