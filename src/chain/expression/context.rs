//! What an expression can see while it is evaluated.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

use super::super::ids::{ChainId, RunId, TenantName};
use super::super::outcome::StepStatus;
use super::item::Item;

/// What an expression can see: `{"chain": {chain_id, run_id, tenant}, "steps": {<id>: {status, output, extracted, http_status}}}`.
#[derive(Clone)]
pub struct Context<'a> {
    /// The innermost chain that the expression stands in.
    pub chain_id: &'a ChainId,
    /// The run.
    pub run_id: &'a RunId,
    /// The tenant that the calls go to.
    pub tenant: &'a TenantName,
    /// The steps in sight that have an outcome; each id once.
    pub steps: Vec<Seen<'a>>,
}

/// What an expression can see of a step that is over.
#[derive(Clone)]
pub struct Seen<'a> {
    /// Its id within its own chain.
    pub id: &'a str,
    /// What is known of it.
    pub status: StepStatus,
    /// What it left: `null` where there is nothing, or nothing was kept.
    pub output: Option<&'a Value>,
    /// What its `extract` found.
    pub extracted: &'a Map<String, Value>,
    /// Of its last exchange.
    pub http_status: Option<u16>,
}

impl Context<'_> {
    /// The root that expressions are evaluated over. Borrows everything: what the steps left is not copied.
    pub(super) fn to_item(&self) -> Item<'_> {
        let chain = fields([
            ("chain_id", Item::Text(self.chain_id.as_str())),
            ("run_id", Item::Text(self.run_id.as_str())),
            ("tenant", Item::Text(self.tenant.as_str())),
        ]);
        let steps = fields(self.steps.iter().map(|step| (step.id, step.to_item())));
        fields([("chain", chain), ("steps", steps)])
    }
}

impl Seen<'_> {
    fn to_item(&self) -> Item<'_> {
        fields([
            ("status", Item::Text(self.status.as_str())),
            ("output", self.output.map_or(Item::Null, Item::from)),
            ("extracted", Item::Object(self.extracted)),
            ("http_status", self.http_status.map_or(Item::Null, |status| Item::Number(Number::from(status)))),
        ])
    }
}

fn fields<'e>(members: impl IntoIterator<Item = (&'e str, Item<'e>)>) -> Item<'e> {
    Item::Fields(Rc::new(members.into_iter().collect::<BTreeMap<_, _>>()))
}
