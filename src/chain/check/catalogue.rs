//! What this worker knows, as far as a definition is checked against it: its tenants, and their actions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::action::{ActionRules, NoJob};
use super::super::ids::{ActionId, TenantName};
use super::spelling;

/// The tenants that calls can go to, and what can be called there. A clone is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// `None`: any.
    tenants: Option<Arc<BTreeMap<TenantName, Offer>>>,
    run_id_required: bool,
    trusting: bool,
}

/// What can be called at one tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offer {
    /// The actions of which something is known.
    pub rules: BTreeMap<ActionId, Arc<ActionRules>>,
    /// Whether there are no others.
    pub only: bool,
    /// Why the others cannot be carried out as jobs; `None`: they can.
    pub no_job: Option<NoJob>,
}

/// What is known of an action.
pub(super) enum Known<'c> {
    /// What was configured.
    Rules(&'c Arc<ActionRules>),
    /// That it is an operation like any other; why it cannot be carried out as a job, if so.
    Plain(Option<NoJob>),
    /// That it is none; the one that was probably meant.
    NoAction(Option<&'c str>),
}

impl Catalogue {
    /// A worker that is configured for `tenants` and no others, each with any action.
    #[must_use]
    pub fn new(tenants: impl IntoIterator<Item = TenantName>) -> Self {
        Self::offering(tenants.into_iter().map(|tenant| (tenant, Offer::default())))
    }

    /// A worker that is configured for these tenants and no others.
    #[must_use]
    pub fn offering(tenants: impl IntoIterator<Item = (TenantName, Offer)>) -> Self {
        Catalogue { tenants: Some(Arc::new(tenants.into_iter().collect())), run_id_required: false, trusting: false }
    }

    /// Takes every tenant and every action for known: for a check without a worker's configuration.
    #[must_use]
    pub fn any() -> Self {
        Catalogue { tenants: None, run_id_required: false, trusting: false }
    }

    /// Whether a message has to name its run, in its body or as its `message_id` (`worker.require_run_id`).
    #[must_use]
    pub fn require_run_id(self, required: bool) -> Self {
        Catalogue { run_id_required: required, ..self }
    }

    /// The same for a definition that was accepted before. What a step leaves open is taken from here as ever, but nothing is a
    /// problem that is one only by what is configured now: neither an unknown tenant or action, nor a payload, nor what depends
    /// on an action's mode. What was accepted stays readable, whatever becomes of the configuration.
    #[must_use]
    pub fn trusting(self) -> Self {
        Catalogue { run_id_required: false, trusting: true, ..self }
    }

    /// Whether a message without a run id is a problem.
    #[must_use]
    pub fn requires_run_id(&self) -> bool {
        self.run_id_required
    }

    /// Whether calls can go to `tenant`.
    #[must_use]
    pub fn knows(&self, tenant: &TenantName) -> bool {
        self.trusting || self.tenants.as_ref().is_none_or(|tenants| tenants.contains_key(tenant))
    }

    /// Whether the definition was accepted before.
    pub(super) fn is_trusting(&self) -> bool {
        self.trusting
    }

    /// What is known of `action` at `tenant`.
    pub(super) fn look_up(&self, tenant: &TenantName, action: &ActionId) -> Known<'_> {
        let Some(offer) = self.tenants.as_ref().and_then(|tenants| tenants.get(tenant)) else {
            return Known::Plain(None);
        };
        match offer.rules.get(action) {
            Some(rules) => Known::Rules(rules),
            None if offer.only && !self.trusting => {
                let names: Vec<&str> = offer.rules.keys().map(ActionId::as_str).collect();
                Known::NoAction(spelling::nearest(action.as_str(), &names))
            }
            None => Known::Plain(offer.no_job),
        }
    }
}
