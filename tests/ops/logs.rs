//! The log: a line about a run has its names, and a failure is told once.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use serde_json::{Value, json};

use crate::simulator;
use crate::support::{Broker, SOON, Stage, Worker, amqp};

const FAULTS: [&str; 4] = [
    "da-refuses=status:400,body:{\"message\":\"canary-response\"}",
    "da-missing=status:404,body:canary-response",
    "da-busy=status:503,times:1",
    "da-hangs=hang",
];
/// The run that asks for a reply.
const REPLIES: &str = "completes";

/// A chain for every way in which a run ends, by its run's name.
fn chains() -> BTreeMap<&'static str, Value> {
    let chain = |steps: Value| json!({"chain_id": "logged", "steps": steps, "metadata": {"m": "canary-metadata"}});
    let step = |action: &str| json!({"action_id": action, "payload": {"p": "canary-payload"}});
    let tolerated = json!({"action_id": "da-refuses", "on_failure": "continue"});
    let stops = json!({"id": "limbo", "action_id": "da-hangs", "timeout_seconds": 5, "on_unknown": "stop", "on_failure": "continue"});
    let mut late = chain(json!([step("da-good")]));
    late["expires_at"] = json!("2020-01-01T00:00:00Z");
    [
        (REPLIES, chain(json!([step("da-busy"), step("da-good")]))),
        ("tolerates", chain(json!([tolerated, step("da-good")]))),
        ("fails", chain(json!([step("da-good"), {"id": "wall", "action_id": "da-refuses"}, step("da-other")]))),
        ("fails-twice", chain(json!([tolerated, {"id": "wall", "action_id": "da-missing"}]))),
        ("in-limbo", chain(json!([stops, step("da-good")]))),
        ("late", late),
    ]
    .into()
}

/// Runs them all, the first asking for a reply in a queue that is not there. The worker's log.
async fn log(level: &str, format: &str) -> String {
    let mut stage = Stage::new(Broker::shared().await, simulator(&FAULTS)).await;
    stage.set("telemetry.log", level).set("telemetry.format", format).set("tenants.default.retry.base", "1ms");
    let mut worker = Worker::spawn(&stage.env());
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let chains = chains();
    for (run, chain) in &chains {
        let nobody = if *run == REPLIES { stage.name("nobody") } else { String::new() };
        let properties = BasicProperties::default().with_message_id((*run).into()).with_reply_to(nobody.into());
        stage.submit_with(&channel, chain.to_string().as_bytes(), properties).await;
    }
    stage.distinct_results(&channel, chains.len(), SOON).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    let log = worker.log();
    assert!(!log.contains("canary"), "{log}");
    log
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

/// The run that a line is about.
fn run(line: &Value) -> Option<&str> {
    let outermost = &line["spans"][0];
    (outermost["name"] == "run").then(|| outermost["run_id"].as_str().expect("a run has an id"))
}

#[tokio::test]
async fn a_run_that_does_not_complete_is_one_line_of_warning_with_how_why_and_where() {
    let log = log("warn", "json").await;
    let mut told = BTreeMap::new();
    for line in lines(&log) {
        let what = json!([line["status"], line["reason"], line["step_id"], line["message"]]);
        let run = run(&line).unwrap_or_else(|| panic!("no run: {line}")).to_owned();
        assert!(told.insert(run, what).is_none(), "twice: {line}\n{log}");
    }
    let nothing = Value::Null;
    let wanted = [
        (
            REPLIES,
            json!([
                nothing,
                nothing,
                nothing,
                "the reply could not be delivered: no queue is bound that takes the message (NO_ROUTE)"
            ]),
        ),
        (
            "fails",
            json!([
                "terminated_early",
                "step_failed",
                "wall",
                "run finished: step wall (da-refuses) failed: VALIDATION, HTTP 400"
            ]),
        ),
        (
            "fails-twice",
            json!([
                "terminated_early",
                "step_failed",
                "wall",
                "run finished: step wall (da-missing) failed: NOT_FOUND, HTTP 404"
            ]),
        ),
        (
            "in-limbo",
            json!([
                "indeterminate",
                "outcome_unknown",
                "limbo",
                "run finished: step limbo (da-hangs) has an unknown outcome: TIMEOUT"
            ]),
        ),
        ("late", json!(["expired", "expired", nothing, "run finished: expires_at was past before the first call"])),
    ];
    assert_eq!(told, wanted.map(|(run, what)| (run.to_owned(), what)).into());
}

#[tokio::test]
async fn every_line_about_a_run_or_a_step_carries_its_names() {
    let log = log("debug", "json").await;
    let lines = lines(&log);
    let mut about: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for line in &lines {
        let target = line["target"].as_str().expect("a target");
        let of_runs = target.starts_with("cxchain::runner") || target == "cxchain::worker::run";
        assert!(!of_runs || run(line).is_some(), "no run: {line}");
        if let Some(run) = run(line) {
            let span = &line["spans"][0];
            assert_eq!((&span["chain_id"], &span["tenant"]), (&json!("logged"), &json!("default")), "{line}");
            assert!(span["queue"].as_str().is_some_and(|queue| queue.ends_with(".chains")), "{line}");
            about.entry(run).or_default().push(line);
        }
    }
    assert_eq!(about.keys().copied().collect::<Vec<_>>(), chains().into_keys().collect::<Vec<_>>());
    for (run, lines) in &about {
        let finished =
            lines.iter().filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with("run finished")));
        assert_eq!(finished.count(), 1, "{run}: {lines:#?}");
    }
    let steps = |run: &str, message: &str| -> Vec<Value> {
        let told =
            about[run].iter().filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)));
        told.map(|line| line["spans"][1].clone()).collect()
    };
    let step = |id: &str, action: &str, attempt: u32| json!({"name": "step", "step_id": id, "action_id": action, "attempt": attempt});
    assert_eq!(steps("completes", "step to be tried again"), [step("step_0", "da-busy", 1)]);
    assert_eq!(steps("completes", "step finished"), [step("step_0", "da-busy", 2), step("step_1", "da-good", 1)]);
    assert_eq!(steps("tolerates", "the step did not succeed"), [step("step_0", "da-refuses", 1)]);
    let level = |run: &str, message: &str| {
        let line =
            about[run].iter().find(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)));
        line.map(|line| line["level"].as_str().expect("a level").to_owned())
    };
    assert_eq!(level("tolerates", "the step did not succeed").as_deref(), Some("INFO"));
    assert_eq!(level("tolerates", "run finished").as_deref(), Some("INFO"));
    assert_eq!(level("fails", "run finished").as_deref(), Some("WARN"));
}

#[tokio::test]
async fn people_read_the_same_on_one_line() {
    let log = log("info", "pretty").await;
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("run{run_id=\"fails\"")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in [
        " WARN ",
        "chain_id=\"logged\"",
        "tenant=\"default\"",
        "status=\"terminated_early\"",
        "reason=\"step_failed\"",
        "step_id=\"wall\"",
    ] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!log.contains('\u{1b}'), "no colours where nobody sees them");
}
