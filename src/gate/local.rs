//! The gate of a worker that shares its quota with nobody, or with a fixed number of workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::core::Core;
use super::limit::Limit;
use super::tenant::Tenant;
use super::windows::Windows;
use crate::chain::{ActionId, TenantName};
use crate::ports::{BoxFuture, Gate, GateClosed, Permit, RunAge};

/// What a tenant allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateSettings {
    /// All of them hold at once. None: only `max_concurrent` does.
    pub limits: Vec<Limit>,
    /// The most permits out at once, in this worker; 0 is taken as 1.
    pub max_concurrent: usize,
    /// How long a permit may be used from the instant that it is counted for; the limits are kept that much slower. At most a
    /// minute (more is taken as a minute). At least half of it is left when a permit arrives, so it has to be several
    /// milliseconds: with none, every permit is stale on arrival.
    pub slack: Duration,
    /// How many workers share the limits without knowing of each other, each taking a share: `limit / workers`, with a burst of
    /// `burst / workers`, both at least 1. Together they hold every limit that is at least `workers`. 0 is taken as 1.
    pub workers: u32,
    /// What actions allow besides: their limits hold together with the tenant's, and are shared as those.
    pub actions: BTreeMap<ActionId, Vec<Limit>>,
}

impl GateSettings {
    /// The time between two permits of this worker under lasting demand: the slowest window's. Zero without limits.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(Windows::new(&self.limits, self.slack, self.workers).interval())
    }
}

/// How a tenant's gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateStatus {
    /// Requests in the line.
    pub waiting: usize,
    /// Permits out.
    pub in_flight: usize,
    /// How much longer the tenant is left alone after a 429.
    pub paused_for: Option<Duration>,
}

/// One gate a tenant, in this process alone. Dropping it stops its tasks; permits that are out stay good.
pub struct LocalGate {
    tenants: BTreeMap<TenantName, Arc<Tenant>>,
    /// One timer a tenant. Aborted when dropped.
    _timers: JoinSet<()>,
}

impl LocalGate {
    /// Gates that are open, each with its full burst.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled: each tenant has a timer task.
    #[must_use]
    pub fn new(tenants: BTreeMap<TenantName, GateSettings>) -> Self {
        let mut timers = JoinSet::new();
        let tenants = tenants
            .into_iter()
            .map(|(name, settings)| {
                let GateSettings { limits, max_concurrent, slack, workers, actions } = settings;
                let windows = |limits: &[Limit]| Windows::new(limits, slack, workers);
                let limited = actions.into_iter().filter(|(_, limits)| !limits.is_empty());
                let (ids, lanes): (Vec<_>, Vec<_>) = limited.map(|(id, limits)| (id, windows(&limits))).unzip();
                let core = Core::new(windows(&limits), lanes, max_concurrent);
                let lanes = ids.into_iter().enumerate().map(|(lane, id)| (id, lane)).collect();
                let tenant = Arc::new(Tenant::new(core, lanes));
                timers.spawn(Arc::clone(&tenant).keep_time());
                (name, tenant)
            })
            .collect();
        Self { tenants, _timers: timers }
    }

    /// The worker stops: who waits, and who comes later, gets [`GateClosed`]. Permits that are out stay good.
    pub fn close(&self) {
        self.tenants.values().for_each(|tenant| tenant.close());
    }

    /// How `tenant`'s gate stands; `None` if there is no such tenant.
    #[must_use]
    pub fn status(&self, tenant: &TenantName) -> Option<GateStatus> {
        self.tenants.get(tenant).map(|tenant| tenant.status())
    }

    fn tenant(&self, name: &TenantName) -> &Arc<Tenant> {
        self.tenants
            .get(name)
            .expect("nobody has a token for a tenant that is not configured, and whoever has none asks for no permit")
    }
}

/// # Panics
/// A permit for a tenant that the gate was not made with. Without a token nobody asks for one, and such a tenant gives none, so that is
/// a fault in this program.
impl Gate for LocalGate {
    fn permit<'a>(
        &'a self,
        tenant: &'a TenantName,
        action: Option<&'a ActionId>,
        age: RunAge,
        lead: Duration,
    ) -> BoxFuture<'a, Result<Permit, GateClosed>> {
        Box::pin(self.tenant(tenant).permit(action, age, lead))
    }

    fn permit_now(&self, tenant: &TenantName, action: Option<&ActionId>, age: RunAge) -> Option<Permit> {
        self.tenant(tenant).permit_now(action, age)
    }

    fn line_behind(&self, tenant: &TenantName, others: usize) -> Duration {
        // Whoever waits for a job of a tenant that is not configured any more waits for nobody.
        self.tenants.get(tenant).map_or(Duration::ZERO, |tenant| tenant.wait_behind(others))
    }
}

#[cfg(test)]
mod tests;
