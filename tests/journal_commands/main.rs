//! What a journal file tells: `cxchain runs`, `trace` and `journal`, over files that a worker has written or is writing.

#[path = "../support/mod.rs"]
mod support;

mod journal;
mod missing;
mod runs;
mod terminal;
mod trace;

use std::collections::BTreeSet;
use std::time::Duration;

use cxchain::simulator::SimulatorSettings;
use lapin::Channel;
use serde_json::{Value, json};
use support::{Broker, SOON, Stage, Worker, amqp, eventually};

/// A stage whose simulator has these faults. Jobs take two seconds, and are asked after twice a second.
async fn stage(faults: &[&str]) -> Stage {
    let settings = SimulatorSettings {
        faults: faults.iter().map(|fault| fault.parse().expect(fault)).collect(),
        job_queued: Duration::from_millis(200),
        job_running: Duration::from_secs(2),
        ..SimulatorSettings::default()
    };
    let mut stage = Stage::new(Broker::shared().await, settings).await;
    stage.set("worker.id", "w-1").set("tenants.default.jobs.poll", "500ms").set("journal.lease", "15s");
    stage
}

/// Submits a chain of these actions.
async fn submit(stage: &Stage, run_id: &str, actions: &[&str]) {
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    submit_over(stage, &channel, run_id, actions).await;
}

async fn submit_over(stage: &Stage, channel: &Channel, run_id: &str, actions: &[&str]) {
    let steps: Vec<Value> = actions.iter().map(|action| json!({"action_id": action})).collect();
    submit_steps(stage, channel, run_id, &json!(steps)).await;
}

async fn submit_steps(stage: &Stage, channel: &Channel, run_id: &str, steps: &Value) {
    let chain = json!({"chain_id": "order-export", "steps": steps});
    stage.submit(channel, chain.to_string().as_bytes(), Some(run_id)).await;
}

/// What a command says, which ends with 0 and complains of nothing.
async fn said(stage: &Stage, arguments: &[&str]) -> String {
    let (code, out, complaint) = stage.command(arguments).await;
    assert_eq!((code, complaint.as_str()), (0, ""), "{arguments:?}: {out}");
    assert!(!out.contains('\u{1b}'), "no colours where nobody sees them");
    out
}

async fn told(stage: &Stage, arguments: &[&str]) -> Value {
    let out = said(stage, &[arguments, &["--json"]].concat()).await;
    assert_eq!(out.lines().count(), 1, "{out}");
    let told = serde_json::from_str(&out).expect("JSON");
    is_explained(&told);
    told
}

/// Whoever reads what `--json` prints finds every field of it in docs/OPERATIONS.md.
fn is_explained(printed: &Value) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md");
    let page = std::fs::read_to_string(page).expect("it is there");
    let explained: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let mut fields = BTreeSet::new();
    collect_fields(printed, &mut fields);
    let missing: Vec<_> = fields.iter().filter(|field| !explained.contains(field.as_str())).collect();
    assert!(missing.is_empty(), "not in docs/OPERATIONS.md: {missing:?}");
}

fn collect_fields(value: &Value, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            fields.extend(map.keys().cloned());
            map.values().for_each(|value| collect_fields(value, fields));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_fields(item, fields)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// How a command ends that cannot do what it is asked to, and what it says of that.
async fn refused(stage: &Stage, arguments: &[&str]) -> (i32, String) {
    let (code, out, complaint) = stage.command(arguments).await;
    assert_eq!(out, "", "{arguments:?}");
    (code, complaint)
}

/// Waits until `trace` shows an entry of the run like this.
async fn until(stage: &Stage, run_id: &str, what: &str, found: impl Fn(&Value) -> bool) {
    eventually(what, SOON * 2, async || {
        let (code, out, _) = stage.command(&["trace", run_id, "--json"]).await;
        let trace: Value = serde_json::from_str(&out).ok().filter(|_| code == 0)?;
        trace["entries"].as_array()?.iter().any(&found).then_some(())
    })
    .await;
}

fn is(entry: &Value, word: &str) -> bool {
    entry["entry"] == word
}

async fn acknowledged(stage: &Stage, run_id: &str) {
    until(stage, run_id, "the run is over", |entry| is(entry, "acknowledged")).await;
}

async fn killed(mut worker: Worker) {
    worker.signal("KILL").await;
    assert_eq!(worker.ended(SOON).await, 137);
}

/// Without what is different each time: bars, offsets, spans and sizes.
fn masked(shown: &str) -> String {
    let lines = shown.lines().map(|line| {
        // The bar is between two borders, the offset before it.
        let text = line.rsplit_once('▏').map_or(line, |(_, text)| text);
        let words: Vec<&str> = text.split(' ').collect();
        let units = ["ms", "s", "min", "KiB", "B", "MiB"];
        let is_unit =
            |word: Option<&&str>| word.is_some_and(|word| units.contains(&word.trim_end_matches([',', ')', ';'])));
        let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
        let masked = words
            .iter()
            .enumerate()
            .map(|(n, word)| if is_number(word) && is_unit(words.get(n + 1)) { "N" } else { *word });
        masked.collect::<Vec<_>>().join(" ").replace("N min N s", "N s").replace("N ms", "N s")
    });
    lines.collect::<Vec<_>>().join("\n")
}
