//! Sixty ways in which an expression or a reference is wrong: each is said at its place, and nothing is called.

use cxchain::simulator::SimulatorSettings;
use lapin::BasicProperties;
use serde_json::{Value, json};

use super::broken::CANARY;
use super::support::{Broker, SOON, Stage, amqp};
use super::{good, left_over, pointers, problems};

/// A field of the second step, its value, where the problem is, and how its words begin.
type Case = (&'static str, Value, &'static str, &'static str);

const SYNTAX: &str = "is not valid JMESPath from here on";
const NO_STEP: &str = "refers to an unknown step";
const NO_FIELD: &str = "refers to an unknown field of a step";
const LATER: &str = "refers to a step that does not come earlier";
const ITSELF: &str = "refers to the step that it stands in";
const NOT_EXTRACTED: &str = "refers to a name that the step does not extract";
const OPEN: &str = "begins an expression with ${{ that does not end";
const OPEN_QUOTE: &str = "has an expression with a quote that is not closed";
const DEEP: &str = "has an expression that nests too deeply";
const PAYLOAD: &str = "/steps/1/payload/x";
const WHEN: &str = "/steps/1/when";
const PATH: &str = "/steps/1/extract/x";

/// An expression in the payload.
fn payload(expression: &str, words: &'static str) -> Case {
    ("payload", json!({"x": format!("${{{{ {expression} }}}}"), "secret": CANARY}), PAYLOAD, words)
}

fn when(text: &str, words: &'static str) -> Case {
    ("when", json!(text), WHEN, words)
}

fn path(text: &str, words: &'static str) -> Case {
    ("extract", json!({"x": text}), PATH, words)
}

fn sixty() -> Vec<Case> {
    let mut all = syntax();
    all.extend(places());
    all.extend(references());
    all.extend(functions());
    all.extend(extracts());
    assert_eq!(all.len(), 60);
    all
}

fn syntax() -> Vec<Case> {
    vec![
        payload("", "has an empty expression"),
        payload("steps.", SYNTAX),
        payload("steps..fetch", SYNTAX),
        payload("steps.fetch.output[", "has a `[` that is not closed"),
        payload("steps.fetch.output[a]", "has a name in square brackets"),
        payload("steps.fetch.status == 'canary-5e1f'", "compares a step's status with what it never is"),
        payload("steps.fetch.output[1:2:3:4]", SYNTAX),
        payload("[steps.fetch.output steps.fetch.status]", SYNTAX),
        payload("[steps.fetch.output, ]", SYNTAX),
        payload("{a: steps.fetch.output, }", SYNTAX),
        payload("{a steps.fetch.output}", SYNTAX),
        payload("steps.fetch.status = 'success'", "uses `=`, which is no operator of JMESPath"),
        payload("steps.fetch.status == ", SYNTAX),
        payload("steps.fetch.output)", SYNTAX),
        payload("(steps.fetch.output", "has a `(` that is not closed"),
        payload("steps.fetch.output ~ 1", "uses `~`, which is no operator of JMESPath"),
        payload("steps.fetch.0", SYNTAX),
        payload("steps-fetch", "has a name that is not plain"),
        payload("`{not json}`", SYNTAX),
        payload("\"length\"(steps.fetch.output)", SYNTAX),
        payload("steps.fetch.output[::0]", "has a slice that never advances"),
        payload("steps.fetch.output[99999999999]", SYNTAX),
        payload("{a: steps.fetch.output", OPEN),
        payload("'canary-5e1f", OPEN_QUOTE),
        payload(&"a.".repeat(600), "has an expression that is too long"),
        payload(&format!("{}a{}", "[".repeat(40), "]".repeat(40)), DEEP),
        payload(&format!("{}a", "!".repeat(40)), DEEP),
    ]
}

fn places() -> Vec<Case> {
    vec![
        ("payload", json!({"x": "Dear ${{ steps.fetch.output.name"}), PAYLOAD, OPEN),
        ("payload", json!({"x": "${{ steps.fetch.output }} and ${{ x"}), PAYLOAD, OPEN),
        ("payload", json!({"x": ["a", {"y/z": "${{ steps.nobody }}"}]}), "/steps/1/payload/x/1/y~1z", NO_STEP),
        (
            "payload",
            json!({"a ${{ chain.run_id }}": 1}),
            "/steps/1/payload/a ${{ chain.run_id }}",
            "is a key with an expression in it",
        ),
        ("payload", json!({"x": vec!["${{ chain.run_id }}"; 1_001]}), "/steps/1/payload", "has 1001 expressions"),
        when("", "has an empty expression"),
        when("canary-5e1f: ${{ steps.fetch.status }}", "is a text with an expression in it, and not a condition"),
        when("${{ steps.fetch.status", OPEN),
        when("steps.fetch.status == 'success", OPEN_QUOTE),
        when("!steps.fetch.output.done", "is looked up in a negation, since ! binds more tightly than a dot"),
        ("when", json!(true), WHEN, "is a boolean"),
    ]
}

fn references() -> Vec<Case> {
    vec![
        payload("output.id", "refers to an unknown field of the context"),
        payload("step.fetch.output", "refers to an unknown field of the context; did you mean steps?"),
        payload("chain.runid", "refers to an unknown field of chain; did you mean run_id?"),
        payload("steps.fecth.output", "refers to an unknown step; did you mean fetch?"),
        payload("steps.step_0.output", NO_STEP),
        payload("steps.use.output", ITSELF),
        payload("steps.last.output", LATER),
        payload("steps.fetch.outptu", "refers to an unknown field of a step; did you mean output?"),
        payload("steps.fetch.contact", NO_FIELD),
        payload(
            "steps.fetch.extracted.contcat",
            "refers to a name that the step does not extract; did you mean contact?",
        ),
        payload("steps | fetch | extracted | id", NOT_EXTRACTED),
        payload("steps.*.outputs", NO_FIELD),
        when("steps.last.status == 'success'", LATER),
        when("values(steps)[?state == 'success']", NO_FIELD),
    ]
}

fn functions() -> Vec<Case> {
    vec![
        payload("lenght(steps.fetch.output)", "calls an unknown function; did you mean length?"),
        payload("length()", "calls length with the wrong number of arguments"),
        payload("sort_by(steps.fetch.output, name)", "calls sort_by without an expression reference"),
    ]
}

fn extracts() -> Vec<Case> {
    vec![
        path("${{ steps.fetch.output }}", "is a path, which stands without ${{ }}"),
        path("contact..id", SYNTAX),
        ("extract", json!({"x": {"path": "id", "as": "int"}}), "/steps/1/extract/x/as", "is not an allowed value"),
        ("extract", json!({"x": {"as": "integer"}}), "/steps/1/extract/x/path", "is missing"),
        ("extract", json!({"0x": "id"}), "/steps/1/extract/0x", "is not a valid name"),
    ]
}

fn body((field, value, _, _): &Case) -> Vec<u8> {
    let mut body = json!({"chain_id": "wrong-expression", "metadata": {"owner": CANARY}, "steps": [
        {"id": "fetch", "action_id": "da-broken-1", "extract": {"contact": "id"}},
        {"id": "use", "action_id": "da-broken-2"},
        {"id": "last", "action_id": "da-broken-3"},
    ]});
    body["steps"][1][*field] = value.clone();
    body.to_string().into_bytes()
}

#[tokio::test]
async fn sixty_wrong_expressions_are_refused_before_any_call() {
    let mut stage = Stage::new(Broker::shared().await, SimulatorSettings::default()).await;
    stage.set("telemetry.log", "trace");
    let connection = stage.connect().await;
    let channel = amqp::channel(&connection).await;
    let cases = sixty();
    for (index, case) in cases.iter().enumerate() {
        let properties = BasicProperties::default().with_message_id(format!("wrong-{index}").into());
        stage.submit_with(&channel, &body(case), properties).await;
    }
    stage.submit(&channel, &good(), Some("good")).await;

    let mut worker = stage.worker().await;
    let results = stage.results(&channel, cases.len() + 1, SOON * 2).await;
    worker.signal("TERM").await;
    assert_eq!(worker.ended(SOON).await, 0, "{}", worker.log());
    assert_eq!(left_over(&stage, &channel).await, 0, "everything was acknowledged");
    assert_eq!(stage.simulator.calls().actions.keys().collect::<Vec<_>>(), ["da-good"], "nothing else was called");

    let dead = stage.dead(&channel, cases.len()).await;
    for (index, case) in cases.iter().enumerate() {
        let (_, _, pointer, words) = case;
        let id = format!("wrong-{index}");
        let of =
            |message: &&super::Caught| message.properties.message_id().as_ref().is_some_and(|name| name.as_str() == id);
        let said = problems(dead.iter().find(of).expect("a dead letter"));
        assert_eq!(pointers(&said), [*pointer], "{case:?}: {said:?}");
        let problem = said[0]["problem"].as_str().expect("words");
        assert!(problem.starts_with(words), "{case:?}: {said:?}");
        assert!(said[0]["allowed"].is_string(), "what would be right is said, too: {said:?}");
        assert!(!format!("{said:?}").contains(CANARY), "{said:?}");
        let result = results.iter().find(|result| result.body["run_id"] == json!(id)).expect("a result");
        assert_eq!(result.body["final_status"], "rejected", "{case:?}");
        assert!(
            result.body["reason"]["message"].as_str().expect("words").contains(pointer),
            "{case:?}: {}",
            result.body
        );
    }
    assert!(!worker.log().contains(CANARY), "{}", worker.log());
}
