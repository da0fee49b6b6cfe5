//! What is there after `topology apply`, told by declaring it again with literal arguments: the broker takes only the same.

use lapin::options::ExchangeDeclareOptions;
use lapin::types::AMQPValue;
use lapin::{BasicProperties, ExchangeKind};

use super::support::{SOON, amqp};
use super::{DURABLE, Place, declare_exchange, declare_queue, number, table, text};

#[tokio::test]
async fn applying_twice_is_as_good_as_once() {
    let place = Place::new().await;
    for _ in 0..2 {
        let (code, out, said) = place.run(&["topology", "apply"]).await;
        assert_eq!((code, said.as_str()), (0, ""));
        assert!(out.contains("declared"), "{out}");
    }
    let (code, _, said) = place.run(&["topology", "check"]).await;
    assert_eq!((code, said.as_str()), (0, ""));
}

#[tokio::test]
async fn every_exchange_is_durable_and_of_its_kind() {
    let place = Place::new().await;
    place.apply().await;
    let connection = place.connect().await;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    for (short, kind, other) in [
        ("results", ExchangeKind::Topic, ExchangeKind::Fanout),
        ("audit", ExchangeKind::Topic, ExchangeKind::Fanout),
        ("dead", ExchangeKind::Topic, ExchangeKind::Fanout),
        ("control", ExchangeKind::Fanout, ExchangeKind::Topic),
    ] {
        let name = place.name(short);
        assert_eq!(declare_exchange(&connection, &name, kind.clone(), durable).await, Ok(()), "{short}");
        let differs = declare_exchange(&connection, &name, other, durable).await.expect_err("another kind");
        assert!(differs.contains("'type'"), "{differs}");
        let transient = ExchangeDeclareOptions { durable: false, ..durable };
        let differs = declare_exchange(&connection, &name, kind, transient).await.expect_err("not durable");
        assert!(differs.contains("'durable'"), "{differs}");
    }
}

#[tokio::test]
async fn every_queue_has_the_arguments_of_the_contract() {
    let place = Place::new().await;
    place.apply().await;
    let connection = place.connect().await;
    let work: Vec<(&str, AMQPValue)> = vec![
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text(&place.name("dead"))),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
        ("x-delivery-limit", number(100)),
    ];
    let stream: Vec<(&str, AMQPValue)> = vec![
        ("x-queue-type", text("stream")),
        ("x-max-age", text("3D")),
        ("x-max-length-bytes", number(70_000_000)),
        ("x-stream-max-segment-size-bytes", number(50_000_000)),
    ];
    let dead = vec![("x-queue-type", text("quorum"))];
    for (short, arguments) in
        [("chains", &work), ("chains.2", &work), ("dead", &dead), ("audit.log", &stream), ("results.log", &stream)]
    {
        let name = place.name(short);
        assert_eq!(declare_queue(&connection, &name, DURABLE, table(arguments)).await, Ok(()), "{short}");
        // None is missing, and the broker looks at each.
        for left_out in 0..arguments.len() {
            let mut fewer = arguments.clone();
            let (argument, _) = fewer.remove(left_out);
            let differs = declare_queue(&connection, &name, DURABLE, table(&fewer)).await;
            let differs = differs.expect_err(&format!("{short} without {argument}"));
            assert!(differs.contains(argument), "{short} without {argument}: {differs}");
        }
    }
}

#[tokio::test]
async fn whatever_is_published_to_an_exchange_is_kept() {
    let place = Place::new().await;
    place.apply().await;
    let connection = place.connect().await;
    let channel = amqp::channel(&connection).await;
    for short in ["results", "audit", "dead"] {
        // Mandatory, and it does not come back.
        amqp::publish(&channel, &place.name(short), "any.key", b"kept", BasicProperties::default()).await;
    }
    assert_eq!(amqp::take(&channel, &place.name("dead"), 1, SOON).await[0].delivery.data, b"kept");
}

/// An overflow or the delivery limit hands a message to the dead exchange, whose queue takes it whatever its key.
#[tokio::test]
async fn what_the_broker_itself_gives_up_is_in_the_dead_queue() {
    let place = Place::new().await;
    place.apply().await;
    let connection = place.connect().await;
    let channel = amqp::channel(&connection).await;
    let (work, dead) = (place.name("chains"), place.name("dead"));
    amqp::publish(&channel, "", &work, b"given up", BasicProperties::default()).await;
    let message = channel.basic_get(work.as_str().into(), Default::default()).await.expect("an answer").expect("one");
    assert!(message.delivery.reject(Default::default()).await.expect("it is written"));
    assert_eq!(amqp::take(&channel, &dead, 1, SOON).await[0].delivery.data, b"given up");
}
