//! What definitions cost: checking a chain of 25 steps with 50 expressions, and rendering payloads of growing size. Ends with an
//! error when a bound is missed: a check takes less than a millisecond, and a byte costs in a large payload what it does in a small
//! one.
//!
//! `cargo bench --bench definitions` holds the build that is shipped to that, and `make proof` does; `make test`, which builds without
//! optimisation, holds its own build to a bound of its own, so that no change makes a check many times as dear unnoticed.
//!
//! The best of many short rounds is taken, and those of sizes that are compared alternate: what else the machine does only ever makes
//! a round longer.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cxchain::chain::check::{Catalogue, Submission, check};
use cxchain::chain::expression::{Context, Seen, Template};
use cxchain::chain::{Chain, ChainId, RunId, StepStatus, TenantName};
use serde_json::{Map, Value, json};

const ROUNDS: usize = 400;
/// Without optimisation a check takes about 1.6 ms.
const CHECK: Duration = Duration::from_millis(if cfg!(debug_assertions) { 6 } else { 1 });
/// How much more a byte of ten times the payload may cost. What fits no cache costs up to twice; what grows with the square costs ten
/// times.
const GROWTH: f64 = 3.0;

fn main() -> ExitCode {
    let kept = [
        checking(),
        // The most expressions of a payload are 1,000.
        rendering("many expressions", many, [3_000, 30_000]),
        rendering("one large value", large, [60_000, 600_000]),
        rendering("a large text", text, [60_000, 600_000]),
        rendering("literal for the most part", literal, [60_000, 600_000]),
    ];
    if kept.iter().all(|kept| *kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 25 steps, each with two expressions and what else a step can have.
fn definition() -> Vec<u8> {
    let mut steps = vec![
        json!({"id": "s0", "action_id": "a0", "when": "chain.tenant == 'default'", "payload": {"run": "${{ chain.run_id }}"},
               "extract": {"id": "contact.id", "tier": {"path": "contact.tier", "as": "string"}}}),
    ];
    steps.extend((1..25).map(|i| {
        json!({
            "id": format!("s{i}"), "action_id": format!("a{i}"), "timeout_seconds": 20, "on_failure": "continue", "idempotent": true,
            "when": format!("steps.s{}.status == 'success' && length(steps.s0.output.items[?price > `10`].id) > `0`", i - 1),
            "payload": {
                "fields": ["name", "email", "tier"],
                "note": format!("for ${{{{ steps.s{}.extracted.tier || steps.s0.extracted.id }}}}, as agreed", i - 1),
            },
            "extract": {"id": "contact.id", "tier": {"path": "contact.tier", "as": "string"}},
        })
    }));
    json!({"chain_id": "bench", "max_depth": 25, "steps": steps}).to_string().into_bytes()
}

fn checked(body: &[u8]) -> Chain {
    let tenant = TenantName::parse("default").expect("a name");
    let submission = Submission { body, message_id: None, queue_tenant: &tenant };
    check(&submission, &Catalogue::any()).unwrap_or_else(|rejection| panic!("{rejection}"))
}

fn checking() -> bool {
    let body = definition();
    let text = String::from_utf8_lossy(&body);
    let expressions = text.matches("${{").count() + text.matches("\"when\"").count();
    assert_eq!(expressions, 50, "what is measured is what is said");
    let best = best(|| {
        black_box(checked(black_box(&body)));
    });
    let kept = best < CHECK;
    println!("checking 25 steps with 50 expressions ({} bytes): {best:?}, {}", body.len(), verdict(kept));
    kept
}

/// A payload of about `size` bytes once rendered, and the output that it is rendered from.
type Case = fn(usize) -> (Value, Value);

fn many(size: usize) -> (Value, Value) {
    let entry = json!({"id": "${{ steps.fetch.output.items[3].id }}", "text": "for ${{ steps.fetch.output.name }}, as agreed", "kind": "plain"});
    let items: Vec<Value> = (0..10).map(|id| json!({"id": format!("CUST-{id:04}")})).collect();
    (json!({"list": vec![entry; size / 64]}), json!({"items": items, "name": "Ada Lovelace"}))
}

fn large(size: usize) -> (Value, Value) {
    let items = vec![json!({"id": 12_345, "name": "Ada", "tags": ["a", "b"], "active": true}); size / 60];
    (json!({"all": "${{ steps.fetch.output }}"}), json!(items))
}

fn text(size: usize) -> (Value, Value) {
    let items = vec![json!({"id": 12_345, "name": "Ada", "tags": ["a", "b"]}); size / 60];
    (json!({"all": "as text: ${{ steps.fetch.output }}"}), json!(items))
}

fn literal(size: usize) -> (Value, Value) {
    let mut list = vec![json!({"id": 12_345, "name": "Ada", "tags": ["a", "b"], "active": true}); size / 60];
    list.push(json!("${{ steps.fetch.output }}"));
    (json!({"all": list}), json!("x"))
}

fn rendering(what: &str, case: Case, sizes: [usize; 2]) -> bool {
    let prepared = sizes.map(|size| {
        let (payload, output) = case(size);
        let body = json!({"chain_id": "bench", "steps": [
            {"id": "fetch", "action_id": "f"},
            {"id": "use", "action_id": "u", "payload": payload},
        ]});
        let chain = checked(body.to_string().as_bytes());
        (chain.steps[1].call().expect("a call").payload.clone(), output)
    });
    let length = |(template, output): &(Template, Value)| rendered(template, output).to_string().len();
    let lengths = [length(&prepared[0]), length(&prepared[1])];
    let mut times = [Duration::MAX; 2];
    for _ in 0..ROUNDS / 10 {
        for (time, (template, output)) in times.iter_mut().zip(&prepared) {
            *time = (*time).min(once(|| {
                black_box(rendered(template, output));
            }));
        }
    }
    let [small, big] = [0, 1].map(|at| nanoseconds(times[at]) / bytes(lengths[at]));
    let kept = big <= small * GROWTH;
    println!(
        "rendering {what}: {small:.2} ns a byte of {}, {big:.2} ns a byte of {}: {:.2} times, {}",
        lengths[0],
        lengths[1],
        big / small,
        verdict(kept)
    );
    kept
}

fn rendered(template: &Template, output: &Value) -> Value {
    let (chain_id, run_id) = (ChainId::parse("bench").expect("a name"), RunId::parse("run").expect("a name"));
    let tenant = TenantName::parse("default").expect("a name");
    let extracted = Map::new();
    let fetch = Seen {
        id: "fetch",
        status: StepStatus::Success,
        output: Some(output),
        extracted: &extracted,
        http_status: None,
    };
    let context = Context { chain_id: &chain_id, run_id: &run_id, tenant: &tenant, steps: vec![fetch] };
    template.render(&context).unwrap_or_else(|error| panic!("{error}"))
}

fn best(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS).map(|_| once(&mut work)).min().unwrap_or(Duration::MAX)
}

fn once(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

fn bytes(length: usize) -> f64 {
    f64::from(u32::try_from(length).expect("a mebibyte at most"))
}

fn verdict(kept: bool) -> &'static str {
    if kept { "as promised" } else { "MISSED" }
}
