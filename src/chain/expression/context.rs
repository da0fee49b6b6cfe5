//! What an expression can see while it is evaluated.

use serde_json::{Map, Value};

use super::super::ids::{ChainId, RunId, TenantName};
use super::super::outcome::StepStatus;

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
