//! What is done with an input: all that a worker would do with it, short of a call.

use cxchain::chain::action::Redaction;
use cxchain::chain::check::{Catalogue, Submission, check};
use cxchain::chain::expression::{Context, Seen};
use cxchain::chain::{Chain, ChainId, Fallback, Operation, RunId, Step, StepStatus, TenantName, Work};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use super::corpus::Input;
use super::ground::Ground;

/// What steps may have left, hostile for the most part.
pub(crate) fn answers() -> Vec<Value> {
    let deep =
        (0..120).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) });
    vec![
        json!({"a": 1, "b": [1, 2, {"c": null}], "c": "x", "id": "7", "items": [{"a": 1}, {"a": 2}], "name": "Ada"}),
        json!(null),
        json!([[], {}, "", 0, false, null, -0.0, 1e308, u64::MAX, i64::MIN, "1", "true", "\u{0}\u{1b}\"\\😀"]),
        deep,
        json!("\"\\".repeat(1 << 21)),
        json!(vec![json!({"a": 1, "b": "x"}); 50_000]),
        json!(vec![0; 1 << 20]),
        Value::Object((0..100_000).map(|name| (format!("{name:06}"), json!([name]))).collect()),
    ]
}

/// Checks the input, for a worker that knows nothing and for one that is configured; if it is a chain, evaluates all there is in it.
/// Whether it was one.
pub(crate) fn feed(input: &Input, ground: &Ground, dice: &mut StdRng) -> bool {
    let body = match input {
        Input::Definition(body) => body.clone(),
        Input::Expression(text) => around(text),
    };
    let configured = &ground.catalogues[dice.random_range(1..ground.catalogues.len())];
    let plain = checked(&body, &ground.catalogues[0], &ground.tenants[0], ground);
    let queue_tenant = &ground.tenants[dice.random_range(0..ground.tenants.len())];
    let chain = checked(&body, configured, queue_tenant, ground).or(plain);
    if let Some(chain) = &chain {
        evaluate(chain, &ground.answers, dice);
    }
    chain.is_some()
}

fn checked(body: &[u8], catalogue: &Catalogue, queue_tenant: &TenantName, ground: &Ground) -> Option<Chain> {
    match check(&Submission { body, message_id: None, queue_tenant }, catalogue) {
        Ok(chain) => {
            goes_on_anywhere(body, &chain, ground);
            Some(chain)
        }
        Err(rejection) => {
            // Everything that is said is bounded.
            assert!(rejection.problems.to_header().len() <= 8 * 1024);
            assert!(rejection.problems.to_string().len() <= 256 * 1024);
            None
        }
    }
}

/// What was accepted once is read again under any later configuration: a run that has begun depends on it.
fn goes_on_anywhere(body: &[u8], accepted: &Chain, ground: &Ground) {
    for catalogue in &ground.catalogues {
        for queue_tenant in &ground.tenants {
            let again = check(&Submission { body, message_id: None, queue_tenant }, &catalogue.clone().trusting());
            let again = again.unwrap_or_else(|rejection| panic!("it was accepted before: {rejection}"));
            assert_eq!(again.canonical, accepted.canonical);
        }
    }
}

/// A chain in which the expression stands wherever one may.
fn around(text: &str) -> Vec<u8> {
    json!({"chain_id": "c", "steps": [
        {"id": "a", "action_id": "a", "extract": {"id": "id", "b": "@"}},
        {"id": "b", "action_id": "b", "payload": {"x": [format!("${{{{{text}}}}}"), format!("- ${{{{ {text} }}}}")]}},
        {"id": "c", "action_id": "c", "when": text},
        {"id": "d", "action_id": "d", "extract": {"x": text, "y": {"path": text, "as": "integer"}}},
    ]})
    .to_string()
    .into_bytes()
}

fn evaluate(chain: &Chain, answers: &[Value], dice: &mut StdRng) {
    let run_id = RunId::parse("r").expect("a name");
    let extracted: Map<String, Value> = json!({"id": 7, "b": [1]}).as_object().cloned().unwrap_or_default();
    let known = Known { run_id: &run_id, tenant: &chain.tenant, extracted: &extracted, nothing: Map::new(), answers };
    known.steps(&chain.chain_id, &chain.steps, dice);
}

struct Known<'k> {
    run_id: &'k RunId,
    tenant: &'k TenantName,
    extracted: &'k Map<String, Value>,
    nothing: Map<String, Value>,
    answers: &'k [Value],
}

impl Known<'_> {
    /// A small one for the most part: the more are fed.
    fn answer(&self, dice: &mut StdRng) -> &Value {
        let among = if dice.random_ratio(1, 8) { self.answers.len() } else { 4 };
        &self.answers[dice.random_range(0..among)]
    }

    /// What the action's rules make of a payload and of an answer.
    fn called(&self, call: &Operation, payload: &Value, dice: &mut StdRng) {
        let (Some(rules), Value::Object(payload)) = (&call.rules, payload) else { return };
        if let Err(why) = rules.check_payload(payload) {
            assert!(why.chars().count() <= 300, "{why}");
        }
        if let Some(Ok(path)) = rules.path.as_ref().map(|path| path.fill(payload)) {
            // Two slashes of the template, whatever the values are; and nothing that ends a path, or climbs in it.
            assert!(path.starts_with("/v1/") && path.matches('/').count() == 3, "{path}");
            assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte)), "{path}");
            assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path}");
        }
        let answer = self.answer(dice);
        let masked = rules.redaction.mask(answer);
        assert_eq!(rules.redaction.mask(&masked), masked);
        let hidden = rules.redaction.texts(answer);
        assert!(Redaction::scrub("7 Ada", &hidden).len() <= 5 * Redaction::MASK.len());
    }

    fn steps(&self, chain_id: &ChainId, steps: &[Step], dice: &mut StdRng) {
        let seen: Vec<Seen<'_>> = steps
            .iter()
            .map(|step| Seen {
                id: step.id.as_str(),
                status: StepStatus::ALL[dice.random_range(0..StepStatus::ALL.len())],
                output: dice.random_ratio(7, 8).then(|| self.answer(dice)),
                extracted: if dice.random_ratio(7, 8) { self.extracted } else { &self.nothing },
                http_status: [None, Some(200), Some(404), Some(599)][dice.random_range(0..4)],
            })
            .collect();
        let context = Context { chain_id, run_id: self.run_id, tenant: self.tenant, steps: seen };
        for step in steps {
            // Whether there is a value is not the point; that there is an end to it is.
            let _ = step.when.as_ref().map(|when| when.is_met(&context));
            let calls = [
                step.call(),
                match &step.fallback {
                    Some(Fallback::Call(call)) => Some(call),
                    Some(Fallback::Output(_)) | None => None,
                },
            ];
            for call in calls.into_iter().flatten() {
                if let Ok(payload) = call.payload.render(&context) {
                    sound(&payload);
                    self.called(call, &payload, dice);
                }
            }
            if let Some(Fallback::Output(output)) = &step.fallback
                && let Ok(output) = output.render(&context)
            {
                sound(&output);
            }
            if let Ok(values) = step.extract.apply(self.answer(dice)) {
                sound(&Value::Object(values));
            }
            if let Work::Chain(nested) = &step.work {
                self.steps(&nested.chain_id, &nested.steps, dice);
            }
        }
    }
}

/// What is rendered can be sent, journaled and read again.
fn sound(value: &Value) {
    let text = value.to_string();
    assert!(text.len() <= 2 * 1024 * 1024, "{} bytes", text.len());
    let read: Value = serde_json::from_str(&text).expect("what is rendered can be read again");
    assert_eq!(read, *value);
}
