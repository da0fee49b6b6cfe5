//! What differs ends start-up: all of it is named, and nothing is changed.

use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;

use super::support::{SOON, Worker};
use super::{DURABLE, Place, declare_exchange, declare_queue, number, table, text};

/// A place with five objects that somebody made otherwise.
async fn spoilt() -> Place {
    let place = Place::new().await;
    let connection = place.connect().await;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    declare_exchange(&connection, &place.name("results"), ExchangeKind::Direct, durable).await.expect("declared");
    declare_queue(&connection, &place.name("dead"), DURABLE, table(&[("x-queue-type", text("classic"))]))
        .await
        .expect("declared");
    let work = [
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text(&place.name("dead"))),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ];
    let limited = [&work[..], &[("x-delivery-limit", number(5))]].concat();
    declare_queue(&connection, &place.name("chains"), DURABLE, table(&limited)).await.expect("declared");
    declare_queue(&connection, &place.name("chains.2"), DURABLE, table(&work)).await.expect("declared");
    let stream = [
        ("x-queue-type", text("stream")),
        ("x-max-age", text("1D")),
        ("x-max-length-bytes", number(70_000_000)),
        ("x-stream-max-segment-size-bytes", number(50_000_000)),
    ];
    declare_queue(&connection, &place.name("audit.log"), DURABLE, table(&stream)).await.expect("declared");
    place
}

fn names_all(place: &Place, said: &str) {
    for (object, argument, found, wanted) in [
        ("exchange results", "type", "'direct'", "'topic'"),
        ("queue dead", "x-queue-type", "'classic'", "'quorum'"),
        ("queue chains", "x-delivery-limit", "'5'", "'100'"),
        ("queue chains.2", "x-delivery-limit", "none", "'100'"),
        ("queue audit.log", "x-max-age", "'1D'", "'3D'"),
    ] {
        let (kind, short) = object.split_once(' ').expect("a kind and a name");
        let object = format!("{kind} {}, argument {argument}:", place.name(short));
        let line = said.lines().find(|line| line.contains(&object));
        let line = line.unwrap_or_else(|| panic!("{object} is not named in:\n{said}"));
        assert!(line.ends_with(&format!(": found {found}, wanted {wanted}")), "{line}");
    }
    assert!(said.contains("delete it") && said.contains("cxchain topology"), "it says what to do: {said}");
}

#[tokio::test]
async fn a_worker_does_not_start_and_names_every_difference() {
    let place = spoilt().await;
    let mut worker = Worker::spawn(&place.env);
    assert_eq!(worker.ended(SOON).await, 78, "{}", worker.log());
    let said = worker.log();
    names_all(&place, &said);
    assert_eq!(said.matches("ERROR").count(), 1, "it is said once: {said}");
    assert!(!said.contains("consuming"), "{said}");
}

#[tokio::test]
async fn apply_and_check_name_every_difference() {
    let place = spoilt().await;
    for command in ["apply", "check"] {
        let (code, out, said) = place.run(&["topology", command]).await;
        assert_eq!(code, 78, "{command}");
        names_all(&place, &(out + &said));
    }
}
