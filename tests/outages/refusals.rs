//! Queues that refuse what is published: no run is acknowledged before its result is taken.

use lapin::options::QueueBindOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};

use crate::support::load::{self, Load, brisk, channel, emptied, left_over, logs_again, name, times, waiting};
use crate::support::{Broker, SOON, Stage, amqp};

/// A queue with room for one message, which is in it; bound to the results.
async fn full_queue(stage: &Stage, channel: &Channel) -> String {
    let queue = name(stage, "full");
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    amqp::queue(channel, &queue, arguments).await;
    amqp::publish(channel, "", &queue, b"in the way", BasicProperties::default()).await;
    let (exchange, options) = (name(stage, "results"), QueueBindOptions::default());
    let bound = channel.queue_bind(queue.as_str().into(), exchange.into(), "#".into(), options, FieldTable::default());
    bound.await.expect("it is bound");
    queue
}

#[tokio::test]
async fn a_refused_result_keeps_its_message_until_it_is_taken() {
    let stage = load::stage(Broker::shared().await, brisk(), 10).await;
    let channel = channel(&stage).await;
    let full = full_queue(&stage, &channel).await;
    let load = Load::submit(&stage, 1, 3).await;
    let mut worker = stage.worker().await;
    logs_again(&worker, "RabbitMQ refused the message", 0, SOON).await;
    assert!(worker.log().contains(&format!("exchange=\"{}\"", name(&stage, "results"))), "{}", worker.log());
    assert_eq!(times(&worker, "run finished"), 0, "{}", worker.log());

    // A worker that dies now has acknowledged nothing.
    worker.signal("KILL").await;
    worker.ended(SOON).await;
    waiting(&stage, &channel, load.len()).await;

    let mut worker = stage.worker().await;
    logs_again(&worker, "RabbitMQ refused the message", 0, SOON).await;
    assert_eq!(times(&worker, "run finished"), 0, "{}", worker.log());
    assert!(amqp::get(&channel, &full).await.is_some(), "somebody makes room");
    logs_again(&worker, "run finished", 0, SOON).await;
    emptied(&stage, &channel).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(amqp::depth(&channel, &full).await, 1, "the result is where it was refused before");
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
    load.assert_ids(&left_over(&stage, &channel).await);
}

/// One tight queue between many runs: each waits for its turn, and none is lost or made twice.
#[tokio::test]
async fn many_refused_results_are_all_taken_in_the_end() {
    let stage = load::stage(Broker::shared().await, brisk(), 10).await;
    let channel = channel(&stage).await;
    let full = full_queue(&stage, &channel).await;
    let load = Load::submit(&stage, 10, 2).await;
    let worker = stage.worker().await;
    logs_again(&worker, "RabbitMQ refused the message", 9, SOON).await;
    // The tight queue loses its limit with its binding; the results go to the queue that catches them.
    let exchange = name(&stage, "results");
    let unbound = channel.queue_unbind(full.into(), exchange.into(), "#".into(), FieldTable::default());
    unbound.await.expect("it is unbound");
    load.ends_well(&stage, worker).await;
}
