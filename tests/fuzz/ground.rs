//! What inputs are fed under: catalogues as a configuration may make them, and the tenants of queues.

use std::sync::Arc;
use std::time::Duration;

use cxchain::chain::action::{PathTemplate, PayloadSchema, Redaction};
use cxchain::chain::check::{Catalogue, Offer};
use cxchain::chain::{ActionId, ActionRules, TenantName};
use serde_json::{Value, json};

/// The actions of the grammar and of the corpus, as far as rules are made for them.
const ACTIONS: [&str; 20] = [
    "a", "b", "c", "d", "ca", "cb", "cd", "ce", "caa", "cab", "cad", "cba", "cbb", "cda", "cdb", "cea", "fca", "fcb",
    "fcd", "fce",
];

/// All that does not come with an input.
pub(crate) struct Ground {
    /// What steps may have left.
    pub(crate) answers: Vec<Value>,
    /// Of workers. The first one knows nothing, and takes everything.
    pub(crate) catalogues: Vec<Catalogue>,
    /// Whose queue an input may come from.
    pub(crate) tenants: [TenantName; 2],
}

impl Ground {
    pub(crate) fn new() -> Self {
        let tenants = ["default", "other"].map(|name| TenantName::parse(name).expect("a name"));
        let both = |offer: Offer| Catalogue::offering(tenants.iter().map(|tenant| (tenant.clone(), offer.clone())));
        let catalogues = vec![
            Catalogue::any(),
            both(offer(0, false)),
            both(offer(1, false)),
            both(offer(2, false)),
            both(offer(3, true)),
            Catalogue::new([tenants[0].clone()]).require_run_id(true),
        ];
        Self { answers: super::feed::answers(), catalogues, tenants }
    }
}

/// Rules for every action, another one at each place for each `turn`.
fn offer(turn: usize, only: bool) -> Offer {
    let kinds = [plain(), job(), pathed(), strict()].map(Arc::new);
    let ids = ACTIONS.iter().map(|id| ActionId::parse(id).expect("a name"));
    let rules = ids.enumerate().map(|(at, id)| (id, Arc::clone(&kinds[(at + turn) % kinds.len()])));
    Offer { rules: rules.collect(), only, ..Offer::default() }
}

fn plain() -> ActionRules {
    ActionRules { redaction: redaction(&["/items/*/a", "/b/2"]), ..ActionRules::default() }
}

fn job() -> ActionRules {
    ActionRules { job: true, timeout: Some(Duration::from_secs(600)), ..ActionRules::default() }
}

fn pathed() -> ActionRules {
    ActionRules {
        required_params: vec!["x".into(), "y".into()],
        path: Some(PathTemplate::parse("/v1/{x}/of-{y}{x}").expect("a path")),
        redaction: redaction(&["/*", "/a~1b/~0"]),
        idempotent: true,
        ..ActionRules::default()
    }
}

fn strict() -> ActionRules {
    let schema = json!({
        "type": "object", "required": ["x"], "additionalProperties": false,
        "properties": {"x": {"type": ["string", "array", "integer", "null"], "maxLength": 40}, "y": {"not": {"const": 1.5}}},
    });
    ActionRules {
        schema: Some(PayloadSchema::compile(schema).expect("a schema")),
        redaction: redaction(&[""]),
        ..ActionRules::default()
    }
}

fn redaction(pointers: &[&str]) -> Redaction {
    Redaction::new(pointers.iter().copied()).expect("pointers")
}
