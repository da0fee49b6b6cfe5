//! Replies: the result once more, to a queue of the sender's choice, as long as that is nobody else's.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::audit::{self, as_sent};
use crate::support::{Broker, Caught, SOON, Stage, amqp, unique};
use crate::{chain, nothing_is_left, simulator, step, streams, with};

async fn ask(stage: &Stage, channel: &Channel, definition: &Value, run_id: &str, reply_to: &str) {
    let properties = BasicProperties::default()
        .with_message_id(run_id.into())
        .with_reply_to(reply_to.into())
        .with_correlation_id("question-1".into());
    stage.submit_with(channel, definition.to_string().as_bytes(), properties).await;
}

/// A queue that goes away with its connection.
async fn own_queue(channel: &Channel) -> String {
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("".into(), options, FieldTable::default()).await.unwrap().name().to_string()
}

#[tokio::test]
async fn a_reply_is_the_result_once_and_not_again_for_a_second_copy_of_the_message() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let replies = own_queue(&channel).await;
    let definition = chain(&[step("da-x")]);

    ask(&stage, &channel, &definition, "asked", &replies).await;
    let result = stage.results(&channel, 1, SOON).await.remove(0);
    let reply = amqp::take(&channel, &replies, 1, SOON).await.remove(0).delivery;
    assert_eq!(reply.data, result.raw);
    assert_eq!(as_sent(&reply.properties), as_sent(&result.properties));
    assert_eq!(reply.exchange.as_str(), "");
    audit::message(
        &result,
        &"asked:result".into(),
        &"cxchain.result.v1".into(),
        "question-1",
        &result.body["finished_at"],
    );

    worker.at_rest().await;
    ask(&stage, &channel, &definition, "asked", &replies).await;
    let again = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!(again.raw, result.raw);
    let events = stage.events(&channel).await;
    audit::linked(&definition, "asked", "question-1", &events);
    nothing_is_left(&stage, &channel, worker).await;
    assert_eq!(amqp::depth(&channel, &replies).await, 0, "a second reply");
}

#[tokio::test]
async fn a_reply_reaches_whoever_waits_at_the_brokers_direct_reply_to() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let direct = "amq.rabbitmq.reply-to";
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut replies = channel.basic_consume(direct.into(), "".into(), options, FieldTable::default()).await.unwrap();

    ask(&stage, &channel, &chain(&[step("da-x")]), "asked", direct).await;
    let reply = timeout(SOON, replies.next()).await.unwrap().unwrap().unwrap();
    let result = stage.results(&channel, 1, SOON).await.remove(0);
    assert_eq!((&reply.data, as_sent(&reply.properties)), (&result.raw, as_sent(&result.properties)));
    stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;
}

#[tokio::test]
async fn a_reply_that_nobody_takes_holds_nothing_up() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    // One reply comes back because its queue is not there; the other is refused because its queue is full.
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), 0.into());
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let full = channel.queue_declare("".into(), options, full).await.unwrap().name().to_string();
    let replies = own_queue(&channel).await;

    let definition = chain(&[step("da-x")]);
    for (run, reply_to) in [("nowhere", unique("nowhere").as_str()), ("full", &full), ("somewhere", &replies)] {
        ask(&stage, &channel, &definition, run, reply_to).await;
    }
    let results = stage.distinct_results(&channel, 3, SOON).await;
    assert!(results.values().all(|result| result["final_status"] == "completed"));
    let reply = amqp::take(&channel, &replies, 1, SOON).await.remove(0);
    assert_eq!(serde_json::from_slice::<Value>(&reply.delivery.data).unwrap()["run_id"], "somewhere");
    stage.events(&channel).await;
    let logged = |worker: &crate::support::Worker| worker.log().matches("the reply could not be delivered").count();
    crate::support::eventually("both are told", Duration::from_secs(10), async || (logged(&worker) == 2).then_some(()))
        .await;
    nothing_is_left(&stage, &channel, worker).await;
}

#[tokio::test]
async fn no_reply_goes_to_a_name_that_is_configured_or_that_begins_like_cxchains_own() {
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let own = unique("cxchain.replies");
    let options = QueueDeclareOptions::default();
    channel.queue_declare(own.as_str().into(), options, FieldTable::default()).await.unwrap();
    // Names of exchanges become names of queues here, or a reply would come back and prove nothing.
    for exchange in ["results", "audit", "control"] {
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(stage.name(exchange).into(), options, FieldTable::default()).await.unwrap();
    }
    let names =
        ["chains", "results", "audit", "dead", "control", "audit.log", "results.log"].map(|what| stage.name(what));
    let names: Vec<&str> = names.iter().map(String::as_str).chain([own.as_str(), ""]).collect();

    let definition = chain(&[step("da-x")]);
    for (run, reply_to) in names.iter().enumerate() {
        ask(&stage, &channel, &definition, &format!("run-{run}"), reply_to).await;
    }
    let results = stage.distinct_results(&channel, names.len(), SOON).await;
    assert!(results.values().all(|result| result["final_status"] == "completed"), "{results:#?}");
    stage.events(&channel).await;
    let log = worker.log();
    nothing_is_left(&stage, &channel, worker).await;

    assert!(!log.contains("reply"), "a reply was tried:\n{log}");
    for queue in ["results", "audit", "control", "dead"] {
        assert_eq!(amqp::depth(&channel, &stage.name(queue)).await, 0, "a reply in {queue}");
    }
    assert_eq!(amqp::depth(&channel, &own).await, 0, "a reply in {own}");
    for (log, each) in [("results.log", 1), ("audit.log", 3)] {
        let kept = streams::kept(&channel, &stage.name(log)).await;
        assert_eq!(kept.len(), each * names.len(), "a reply in {log}");
    }
    channel.queue_delete(own.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
}

/// What a sender gives along comes back on all that is said of the run: its trace where it is one, its metadata in the result, and
/// the result to its reply queue, also of a run that came too late.
#[tokio::test]
async fn what_came_along_goes_along_and_a_trace_that_is_none_is_left_out() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let stage = Stage::new(Broker::shared().await, simulator(&[])).await;
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let replies = own_queue(&channel).await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let headers = [
        ("good", text(TRACE)),
        ("upper", text(&TRACE.to_uppercase())),
        ("version-ff", text(&TRACE.replacen("00", "ff", 1))),
        ("no-trace", text("00-00000000000000000000000000000000-00f067aa0ba902b7-01")),
        ("number", AMQPValue::LongLongInt(1)),
        ("lines", text(&format!("{TRACE}\r\nx: y"))),
        ("long", text(&TRACE.repeat(1000))),
    ];
    let runs = headers.len();
    for (run, header) in headers {
        let mut table = FieldTable::default();
        table.insert("traceparent".into(), header);
        let properties = BasicProperties::default()
            .with_message_id(run.into())
            .with_reply_to(replies.as_str().into())
            .with_headers(table);
        let late = json!({"expires_at": "2020-01-01T00:00:00Z", "metadata": {"run": run}});
        let definition = with(chain(&[step("da-x")]), &late);
        stage.submit_with(&channel, definition.to_string().as_bytes(), properties).await;
    }
    let results = stage.results(&channel, runs, SOON).await;
    let replied: Vec<_> = amqp::take(&channel, &replies, runs, SOON).await.into_iter().map(Caught::from).collect();
    let events = stage.events(&channel).await;
    nothing_is_left(&stage, &channel, worker).await;
    assert_eq!(events.len(), runs * 2);
    for caught in results.iter().chain(&replied).chain(&events) {
        let run = caught.body["run_id"].as_str().unwrap();
        let wanted = (run == "good").then_some(TRACE);
        assert_eq!(audit::traceparent(caught).as_deref(), wanted, "{run}");
        if caught.body["final_status"] == "expired" && caught.body["event"].is_null() {
            assert_eq!(caught.body["metadata"], json!({"run": run}));
        }
    }
    assert_eq!(stage.simulator.calls().totals.calls, 0);
}
