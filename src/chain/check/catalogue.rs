//! What this worker knows, as far as a definition is checked against it.

use std::collections::BTreeSet;

use super::super::ids::TenantName;

/// The tenants that calls can go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// `None`: any.
    tenants: Option<BTreeSet<TenantName>>,
}

impl Catalogue {
    /// A worker that is configured for `tenants` and no others.
    #[must_use]
    pub fn new(tenants: impl IntoIterator<Item = TenantName>) -> Self {
        Catalogue { tenants: Some(tenants.into_iter().collect()) }
    }

    /// Takes every tenant for known: for a check without a worker's configuration.
    #[must_use]
    pub fn any() -> Self {
        Catalogue { tenants: None }
    }

    /// Whether calls can go to `tenant`.
    #[must_use]
    pub fn knows(&self, tenant: &TenantName) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }
}
