//! A worker's whole life at trace level, with everything in it that could make it talk.

use cxchain::simulator::{Simulator, SimulatorSettings};
use lapin::options::QueueBindOptions;
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use serde_json::{Value, json};

use super::assert_clean;
use super::door::Door;
use super::support::{Broker, Caught, SOON, Stage, Worker, amqp, eventually};

const PASSWORD: &str = "canary-password";
const SECRET: &str = "canary-client-secret";

#[tokio::test]
async fn a_talkative_worker_keeps_what_it_was_told_in_confidence() {
    live("pretty").await;
}

#[tokio::test]
async fn and_so_it_does_as_json() {
    live("json").await;
}

async fn live(format: &str) {
    let broker = Broker::shared().await;
    let door = Door::open(broker.url(), PASSWORD).await;
    let mut stage = Stage::new(broker, simulator_settings()).await;
    let denied = Simulator::start(SimulatorSettings {
        faults: vec![r#"@token=status:400,body:{"error":"invalid_client","error_description":"canary-echo"}"#
            .parse()
            .expect("a fault")],
        ..SimulatorSettings::default()
    });
    let denied = denied.expect("the simulator listens");
    configure(&mut stage, &door, format, &denied.url());
    let key = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(key.path(), "canary-api-key\n").expect("it is written");
    let header = format!("{{headers_file = {{X-Api-Key = {:?}}}}}", key.path());
    stage.set("tenants.default.actions.da-refuses", &header).set("tenants.default.actions.da-busy", &header);
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let mut env = stage.env();
    env.extend([("RUST_LOG", "trace,lapin=trace"), ("RUST_BACKTRACE", "1")].map(|(k, v)| (k.into(), v.into())));
    let mut worker = Worker::spawn(&env);
    worker.consuming(1, SOON).await;

    runs_that_talk(&stage, &channel).await;
    let results = stage.results(&channel, 11, SOON * 2).await;
    where_they_belong(&results);
    let dead = rejections_that_talk(&stage, &channel, &worker).await;
    let health = worker.health().await;
    let told = health.get("/readyz").await.1;
    // What could be told: tokens that were refused and had, errors of both sides.
    let tokens = &told["checks"]["token"]["tenants"];
    assert_eq!(
        (&tokens["denied"]["state"], &tokens["default"]["state"]),
        (&json!("failed"), &json!("valid")),
        "{told:#}"
    );
    assert_clean("its health", &format!("{told:#}"));
    door.slam();
    worker.consuming(2, SOON).await;
    stage.simulator.revoke_tokens();
    submit(&stage, &channel, "after", "da-good", "default").await;
    // A run whose acknowledgement was lost with the connection has its result published again, and that may come first.
    let mut after = stage.result(&channel).await;
    while after["run_id"] != "after" {
        after = stage.result(&channel).await;
    }
    assert_eq!(after["final_status"], "completed", "it got in again, with the same password: {after}");
    let told = health.get("/readyz").await.1;
    assert!(told["checks"]["publishing"]["connection"]["last_error"].is_object(), "{told:#}");
    assert_clean("its health after the door was slammed", &format!("{told:#} {}", health.get("/healthz").await.1));
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());

    let log = worker.log();
    assert!(log.lines().count() > 30, "it did talk: {log}");
    assert_clean("the log", &log);
    for event in stage.events(&channel).await {
        assert_clean("an event", &format!("{} {:?} {}", event.routing_key, event.properties, event.body));
    }
    for copy in dead {
        assert_clean("a dead letter's properties", &readable(&copy));
    }
}

fn simulator_settings() -> SimulatorSettings {
    let faults = [
        r#"da-says=status:200,body:{"said":"canary-response"}"#,
        r#"da-refuses=status:400,body:{"message":"canary-refusal"}"#,
        r#"da-fails=status:500,body:{"message":"canary-failure"}"#,
        r#"da-busy=status:503,retry-after:0,body:{"message":"canary-busy"},times:1"#,
        "da-breaks=broken-json",
        "da-cuts=truncate",
        "da-leads=redirect",
        "da-logs-out=unauthorized,times:1",
    ];
    let faults = faults.iter().map(|fault| fault.parse().expect(fault)).collect();
    SimulatorSettings { client_secret: SECRET.to_owned(), faults, ..SimulatorSettings::default() }
}

fn configure(stage: &mut Stage, door: &Door, format: &str, denied: &str) {
    let own = stage.simulator.url();
    stage
        .set("broker.url", door.url())
        .set("telemetry.log", "trace")
        .set("telemetry.format", format)
        .set("tenants.default.auth.client_secret", SECRET)
        .set("tenants.default.retry.base", "1ms")
        .set("tenants.denied.base_url", denied)
        .set("tenants.denied.auth.client_id", "simulator-client")
        .set("tenants.denied.auth.client_secret", "canary-wrong-secret")
        .set("tenants.given.base_url", &own)
        .set("tenants.given.auth.grant", "static")
        .set("tenants.given.auth.token", "canary-given-token")
        .set("tenants.keyed.base_url", denied)
        .set("tenants.keyed.auth.grant", "access_key")
        .set("tenants.keyed.auth.client_auth", "basic")
        .set("tenants.keyed.auth.client_id", "simulator-client")
        .set("tenants.keyed.auth.client_secret", "canary-basic-secret")
        .set("tenants.keyed.auth.access_key_id", "key")
        .set("tenants.keyed.auth.access_key_secret", "canary-key-secret")
        .set("tenants.gone.base_url", "http://127.0.0.1:1")
        .set("tenants.gone.auth.client_secret", "canary-other-secret")
        .set("tenants.gone.retry.max_attempts", "2");
}

fn chain(run_id: &str, action: &str, tenant: &str) -> Value {
    json!({
        "chain_id": "talkative",
        "run_id": run_id,
        "tenant": tenant,
        "global_timeout_seconds": 60,
        "metadata": {"owner": "canary-metadata"},
        "steps": [{"action_id": action, "timeout_seconds": 5, "payload": {"secret": "canary-payload"}}],
    })
}

/// The reply goes to a queue that is not there, so the broker sends it back with all that is in it.
async fn submit(stage: &Stage, channel: &Channel, run_id: &str, action: &str, tenant: &str) {
    let properties = BasicProperties::default().with_reply_to(stage.name("nobody").as_str().into());
    stage.submit_with(channel, chain(run_id, action, tenant).to_string().as_bytes(), properties).await;
}

async fn runs_that_talk(stage: &Stage, channel: &Channel) {
    let actions = ["da-says", "da-refuses", "da-fails", "da-busy", "da-breaks", "da-cuts", "da-leads", "da-logs-out"];
    for action in actions {
        submit(stage, channel, action, action, "default").await;
    }
    for tenant in ["denied", "given", "keyed"] {
        submit(stage, channel, tenant, "da-good", tenant).await;
    }
    // Its token cannot be had; what comes of it takes as long as the step may.
    submit(stage, channel, "gone", "da-good", "gone").await;
}

/// The same values in results, which is what results are for.
fn where_they_belong(results: &[Caught]) {
    let all: String = results.iter().map(|result| result.body.to_string()).collect();
    for canary in ["canary-response", "canary-refusal", "canary-failure", "canary-metadata", "canary-payload"] {
        assert!(all.contains(canary), "{canary} is not in any result");
    }
    for canary in [PASSWORD, SECRET, super::TOKEN] {
        assert!(!all.contains(canary), "{canary} is in a result");
    }
}

/// Broken messages and a conflict, and the first of them while the dead exchange gives everything back.
async fn rejections_that_talk(stage: &Stage, channel: &Channel, worker: &Worker) -> Vec<Caught> {
    let dead = stage.name("dead");
    let name = || dead.as_str().into();
    channel.queue_unbind(name(), name(), "#".into(), FieldTable::default()).await.expect("the binding is there");
    let mut broken = chain("broken", "canary/action", "canary__tenant");
    broken["made_up_field"] = json!("canary-value");
    broken["steps"][0]["payload"]["twice"] = json!(99);
    let body = broken.to_string().replace(r#""twice":99"#, r#""twice":"canary-1","twice":99999999999999999999999"#);
    stage.submit(channel, body.as_bytes(), Some("canary message id")).await;
    let waits = "not published yet";
    eventually("the worker says that it waits", SOON, async || worker.log().contains(waits).then_some(())).await;
    let options = QueueBindOptions::default();
    channel.queue_bind(name(), name(), "#".into(), options, FieldTable::default()).await.expect("both are there");

    stage.submit(channel, br#"{"chain_id": "canary-unclosed"#, None).await;
    stage.submit(channel, &[b"\xff canary ".repeat(200_000).as_slice()].concat(), None).await;
    stage.submit(channel, chain("da-says", "da-other", "default").to_string().as_bytes(), None).await;
    let copies = stage.dead(channel, 4).await;
    let bodies: Vec<bool> = copies.iter().map(|copy| String::from_utf8_lossy(&copy.raw).contains("canary")).collect();
    assert_eq!(bodies, [true; 4], "the copy has its body");
    // `gone` among them, which took longer than all else.
    for result in stage.results(channel, 4, SOON).await {
        if result.body["final_status"] == "rejected" {
            assert_clean("a rejection", &result.body.to_string());
        }
    }
    copies
}

/// The headers that the worker wrote.
fn readable(copy: &Caught) -> String {
    let headers = copy.properties.headers().clone().unwrap_or_default();
    let texts = headers.inner().iter().map(|(name, value)| match value {
        lapin::types::AMQPValue::LongString(text) => format!("{name}: {text}"),
        other => format!("{name}: {other:?}"),
    });
    texts.collect::<Vec<_>>().join("\n")
}
