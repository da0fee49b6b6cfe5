//! What this worker knows, as far as a definition is checked against it.

use std::collections::BTreeSet;

use super::super::ids::TenantName;

/// The tenants that calls can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// `None`: any.
    tenants: Option<BTreeSet<TenantName>>,
    run_id_required: bool,
}

impl Catalogue {
    /// A worker that is configured for `tenants` and no others.
    #[must_use]
    pub fn new(tenants: impl IntoIterator<Item = TenantName>) -> Self {
        Catalogue { tenants: Some(tenants.into_iter().collect()), run_id_required: false }
    }

    /// Takes every tenant for known: for a check without a worker's configuration.
    #[must_use]
    pub fn any() -> Self {
        Catalogue { tenants: None, run_id_required: false }
    }

    /// Whether a message has to name its run, in its body or as its `message_id` (`worker.require_run_id`).
    #[must_use]
    pub fn require_run_id(self, required: bool) -> Self {
        Catalogue { run_id_required: required, ..self }
    }

    /// Whether a message without a run id is a problem.
    #[must_use]
    pub fn requires_run_id(&self) -> bool {
        self.run_id_required
    }

    /// Whether calls can go to `tenant`.
    #[must_use]
    pub fn knows(&self, tenant: &TenantName) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}
