//! Users that may do no more than they need, and what is said when one may do less.

use cxchain::simulator::SimulatorSettings;
use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use super::Place;
use super::support::{Broker, SOON, Stage, Worker, amqp, eventually, unique};
use super::users::{CONFIGURE, READ, Rights, User, WRITE, but, documented};

const CHAIN: &[u8] = br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#;

/// The names of a stage all begin with it.
fn prefix(stage: &Stage) -> String {
    stage.queue.trim_end_matches(".chains").to_owned()
}

/// A stage whose workers and commands are this documented user.
async fn stage(user: &str) -> (Stage, User, Rights) {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let rights = documented(user, &prefix(&stage));
    let user = User::new(&rights).await;
    stage.set("broker.url", &user.url());
    (stage, user, rights)
}

/// Puts a chain definition into a file for a command.
fn file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), CHAIN).expect("a temporary file");
    file
}

#[tokio::test]
async fn the_declaring_worker_makes_everything_and_names_each_permission_that_it_lacks() {
    let mut place = Place::new().await;
    let rights = documented("cxchain-declaring", &place.prefix);
    let less = [CONFIGURE, WRITE, READ].map(|at| but(&rights, at, "^$"));
    let users = User::all(less.iter().chain([&rights])).await;
    // RabbitMQ 4 says which permission; for 3.10 it is one of two where a queue that dead-letters is declared.
    for (user, missing) in users.iter().zip([
        format!("(missing: configure on exchange {})", place.name("results")),
        format!("(missing: write on exchange {})", place.name("dead")),
        format!("read on queue {})", place.name("chains")),
    ]) {
        place.set("BROKER__URL", &user.url());
        let (code, _, said) = place.run(&["topology", "apply"]).await;
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(&missing) && said.contains("docs/OPERATIONS.md"), "{missing}: {said}");
    }
    place.set("BROKER__URL", &users[3].url());
    place.apply().await;
    assert_eq!(place.there().await.len(), 9);
}

#[tokio::test]
async fn the_declaring_worker_completes_a_chain() {
    let (stage, _user, _) = stage("cxchain-declaring").await;
    completes_and_buries(&stage).await;
}

#[tokio::test]
async fn the_worker_that_declares_nothing_completes_a_chain_and_buries_what_is_none() {
    let (mut stage, _user, _) = stage("cxchain-worker").await;
    stage.set("broker.declare", "false");
    completes_and_buries(&stage).await;
}

/// With a reply, too.
async fn completes_and_buries(stage: &Stage) {
    let worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let replies = channel.queue_declare("".into(), options, FieldTable::default()).await.expect("a queue");
    let properties = BasicProperties::default().with_message_id("run-1".into()).with_reply_to(replies.name().clone());
    stage.submit_with(&channel, CHAIN, properties).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
    amqp::take(&channel, replies.name().as_str(), 1, SOON).await;
    stage.submit(&channel, b"no chain", None).await;
    assert_eq!(stage.dead(&channel, 1).await[0].raw, b"no chain");
    assert!(!worker.log().contains("ACCESS_REFUSED"), "{}", worker.log());
}

#[tokio::test]
async fn a_worker_that_lacks_a_permission_makes_no_call_and_names_it() {
    let (mut stage, good, rights) = stage("cxchain-worker").await;
    stage.set("broker.declare", "false");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    let prefix = prefix(&stage);
    let lacks = [
        (WRITE, rights[WRITE].replace("results|", ""), format!("write on exchange {prefix}.results")),
        (WRITE, rights[WRITE].replace("|audit", ""), format!("write on exchange {prefix}.audit")),
        (WRITE, rights[WRITE].replace("|dead", ""), format!("write on exchange {prefix}.dead")),
        (WRITE, rights[WRITE].replace(r"|amq\.default", ""), "write on exchange amq.default".to_owned()),
        (READ, r"^cxchain\.journal\.".to_owned(), format!("read on queue {prefix}.chains")),
        (
            READ,
            rights[READ].replace(r"(cxchain\.journal\.)?", ""),
            format!("read on queue cxchain.journal.{prefix}.chains"),
        ),
        (CONFIGURE, "^$".to_owned(), format!("configure on queue cxchain.lock.{prefix}.chains")),
    ];
    let less: Vec<Rights> = lacks.iter().map(|(at, pattern, _)| but(&rights, *at, pattern)).collect();
    for (user, (_, _, missing)) in User::all(&less).await.iter().zip(&lacks) {
        stage.set("broker.url", &user.url());
        let mut worker = Worker::spawn(&stage.env());
        assert_eq!(worker.ended(SOON).await, 78, "{}", worker.log());
        let said = worker.log();
        assert!(said.contains(&format!("Missing:\n  {missing}\n")), "{said}");
        assert!(said.contains("docs/OPERATIONS.md"), "{said}");
    }
    assert_eq!(stage.simulator.calls().totals.calls, 0);
    stage.set("broker.url", &good.url());
    let _worker = stage.worker().await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}

/// Asking for permissions publishes nothing and takes nothing.
#[tokio::test]
async fn a_start_leaves_no_trace_in_the_queues() {
    let (mut stage, _user, _) = stage("cxchain-worker").await;
    stage.set("broker.declare", "false");
    let mut worker = stage.worker().await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0);
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    for queue in ["caught.results", "caught.events", "dead", "chains"] {
        assert_eq!(amqp::depth(&channel, &stage.name(queue)).await, 0, "{queue}");
    }
}

#[tokio::test]
async fn a_worker_that_may_not_reply_settles_its_runs_and_does_not_try_for_each() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let rights = documented("cxchain-worker", &prefix(&stage));
    let user = User::new(&but(&rights, WRITE, &rights[WRITE].replace(r"|amq\.default", ""))).await;
    // A journal on a disk needs the default exchange for its claim.
    stage.in_memory().set("broker.declare", "false").set("broker.url", &user.url());
    let mut worker = stage.worker().await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let replies = unique("replies");
    amqp::queue(&channel, &replies, FieldTable::default()).await;
    for run in 0..20 {
        let id = format!("run-{run}");
        let properties = BasicProperties::default().with_message_id(id.into()).with_reply_to(replies.as_str().into());
        stage.submit_with(&channel, CHAIN, properties).await;
        assert_eq!(stage.result(&channel).await["final_status"], "completed");
    }
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    let said = worker.log();
    assert_eq!(said.matches("write on exchange amq.default").count(), 1, "{said}");
    assert_eq!(said.matches("does not let this user reply").count(), 1, "{said}");
    assert_eq!(amqp::depth(&channel, &replies).await, 0);
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0, "all is settled");
}

#[tokio::test]
async fn a_permission_that_is_taken_away_later_is_named_and_waited_for() {
    let (mut stage, user, rights) = stage("cxchain-worker").await;
    stage.set("broker.declare", "false");
    let worker = stage.worker().await;
    // No channel has published yet, so that none remembers a permission.
    user.may(&but(&rights, WRITE, &rights[WRITE].replace("|dead", ""))).await;
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, b"no chain", None).await;
    let missing = format!("(missing: write on exchange {})", stage.name("dead"));
    eventually("the worker says so", SOON, async || worker.log().contains(&missing).then_some(())).await;
    assert_eq!(stage.dead_depth(&channel).await, 0);
    user.may(&rights).await;
    assert_eq!(stage.dead(&channel, 1).await[0].raw, b"no chain");
}

#[tokio::test]
async fn a_producer_may_submit_and_nothing_else() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let rights = documented("cxchain-producer", &prefix(&stage));
    let users = User::all([&rights, &but(&rights, WRITE, "^$")]).await;
    stage.set("broker.url", &users[0].url());
    let file = file();
    let path = file.path().to_str().expect("the name is ours");
    let (code, _, said) = stage.command(&["submit", path]).await;
    assert_eq!(code, 0, "{said}");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    amqp::take(&channel, &stage.queue, 1, SOON).await;

    stage.set("broker.url", &users[1].url());
    let (code, _, said) = stage.command(&["submit", path]).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("(missing: write on exchange amq.default)"), "{said}");
    assert_eq!(amqp::depth(&channel, &stage.queue).await, 0);
}

#[tokio::test]
async fn whoever_follows_a_chain_needs_all_of_the_documented_line() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let rights = documented("cxchain-submit", &prefix(&stage));
    let _worker = stage.worker().await;
    let lacks = [
        (CONFIGURE, "^$", "configure".to_owned()),
        (WRITE, r"^amq\.default$", "write on queue amq.gen-".to_owned()),
        (WRITE, r"^amq\.gen-", "write on exchange amq.default".to_owned()),
        (READ, r"^amq\.gen-", format!("read on exchange {}", stage.name("audit"))),
    ];
    let less: Vec<Rights> = lacks.iter().map(|(at, pattern, _)| but(&rights, *at, pattern)).collect();
    let users = User::all(less.iter().chain([&rights])).await;
    stage.set("broker.url", &users[lacks.len()].url());
    let file = file();
    let path = file.path().to_str().expect("the name is ours");
    let (code, _, said) = stage.command(&["submit", path, "--wait"]).await;
    assert_eq!(code, 0, "{said}");
    for (user, (_, _, missing)) in users.iter().zip(&lacks) {
        stage.set("broker.url", &user.url());
        let (code, _, said) = stage.command(&["submit", path, "--wait"]).await;
        assert_eq!(code, 78, "{missing}: {said}");
        assert!(said.contains(&format!("(missing: {missing}")), "{missing}: {said}");
    }
    assert_eq!(stage.simulator.calls().totals.calls, 1, "only the first was submitted");
}

#[tokio::test]
async fn an_audit_reader_may_read_the_stream_and_nothing_else() {
    let stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    let rights = documented("cxchain-audit", &prefix(&stage));
    let users = User::all([&rights, &but(&rights, READ, "^$")]).await;
    let _worker = stage.worker().await;
    let admin = stage.connect().await;
    let channel = amqp::channel(&admin).await;
    stage.submit(&channel, CHAIN, Some("run-1")).await;
    stage.result(&channel).await;

    let reader = amqp::connect(&users[0].url()).await;
    let first = read_stream(&reader, &stage.name("audit.log")).await.expect("the stream may be read");
    assert!(first.contains("run.accepted"), "{first}");
    for other in ["chains", "dead", "results.log"] {
        let said = read_stream(&reader, &stage.name(other)).await.expect_err("nothing else may be read");
        assert!(said.contains("ACCESS_REFUSED") && said.contains(&stage.name(other)), "{said}");
    }
    let nobody = amqp::connect(&users[1].url()).await;
    let said = read_stream(&nobody, &stage.name("audit.log")).await.expect_err("it may not be read");
    assert!(said.contains("ACCESS_REFUSED") && said.contains(&stage.name("audit.log")), "{said}");
}

/// The first message of a stream.
async fn read_stream(connection: &lapin::Connection, name: &str) -> Result<String, String> {
    let channel = connection.create_channel().await.expect("a channel");
    channel.basic_qos(1, BasicQosOptions::default()).await.expect("a prefetch");
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), super::text("first"));
    let consuming = channel.basic_consume(name.into(), "".into(), BasicConsumeOptions::default(), arguments).await;
    let mut messages = consuming.map_err(|error| error.to_string())?;
    let message = tokio::time::timeout(SOON, messages.next()).await.expect("a message").expect("a message");
    let message = message.map_err(|error| error.to_string())?;
    message.acker.ack(BasicAckOptions::default()).await.expect("an ack");
    Ok(String::from_utf8_lossy(&message.data).into_owned())
}
