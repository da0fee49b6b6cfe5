//! The tenants' gate, and who was accepted and has not come to it yet: on its way through claim, journal and token. Without
//! these, all that wait would be accepted before the first of them stands in the line.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::chain::{ActionId, TenantName};
use crate::ports::{BoxFuture, Gate, GateClosed, Permit, RunAge};

pub(super) struct Threshold {
    gate: Arc<dyn Gate>,
    on_their_way: Mutex<BTreeMap<TenantName, HashSet<RunAge>>>,
}

/// A run that is expected at the gate. Dropped with the run, which may end without having come.
pub(super) struct Expected {
    threshold: Arc<Threshold>,
    tenant: TenantName,
    age: RunAge,
}

impl Threshold {
    pub(super) fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate, on_their_way: Mutex::default() }
    }

    /// The run is accepted.
    pub(super) fn expect(self: &Arc<Self>, tenant: &TenantName, age: RunAge) -> Expected {
        self.lock().entry(tenant.clone()).or_default().insert(age);
        Expected { threshold: self.clone(), tenant: tenant.clone(), age }
    }

    /// How long a run that is accepted now would wait at the gate.
    pub(super) fn line_for_one_more(&self, tenant: &TenantName) -> Duration {
        let others = self.lock().get(tenant).map_or(0, HashSet::len);
        self.gate.line_behind(tenant, others)
    }

    fn arrived(&self, tenant: &TenantName, age: RunAge) {
        if let Some(expected) = self.lock().get_mut(tenant) {
            expected.remove(&age);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TenantName, HashSet<RunAge>>> {
        // No change of the map can be left half done.
        self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.threshold.arrived(&self.tenant, self.age);
    }
}

impl Gate for Threshold {
    fn permit<'a>(
        &'a self,
        tenant: &'a TenantName,
        action: Option<&'a ActionId>,
        age: RunAge,
        lead: Duration,
    ) -> BoxFuture<'a, Result<Permit, GateClosed>> {
        self.arrived(tenant, age);
        self.gate.permit(tenant, action, age, lead)
    }

    fn permit_now(&self, tenant: &TenantName, action: Option<&ActionId>, age: RunAge) -> Option<Permit> {
        // Who has to wait has not come to the line yet.
        let permit = self.gate.permit_now(tenant, action, age)?;
        self.arrived(tenant, age);
        Some(permit)
    }

    fn line_behind(&self, tenant: &TenantName, others: usize) -> Duration {
        self.gate.line_behind(tenant, others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::tests::fakes::{FakeGate, Tape};
    use crate::runner::tests::tenant;

    #[tokio::test(start_paused = true)]
    async fn who_is_on_its_way_is_waited_behind_until_it_has_come_or_ended() {
        let gate = Arc::new(FakeGate::new(Tape::new()));
        let other = TenantName::parse("other").unwrap();
        for name in [tenant(), other.clone()] {
            gate.lines.lock().unwrap().insert(name, (Duration::from_secs(5), Duration::from_secs(1)));
        }
        let threshold = Arc::new(Threshold::new(gate.clone()));
        let line = || threshold.line_for_one_more(&tenant()).as_secs();
        let _runs = [1, 2, 3].map(|age| threshold.expect(&tenant(), RunAge(age)));
        let ended = threshold.expect(&tenant(), RunAge(4));
        assert_eq!((line(), threshold.line(&tenant()).as_secs()), (9, 5));
        let _permit = threshold.permit(&tenant(), None, RunAge(2), Duration::ZERO).await;
        assert_eq!(line(), 8);
        let _other = threshold.permit(&tenant(), None, RunAge(2), Duration::ZERO).await;
        assert_eq!(line(), 8, "it came before");
        drop(ended);
        assert_eq!(line(), 7);
        let _permit = threshold.permit_now(&tenant(), None, RunAge(3)).unwrap();
        assert_eq!(line(), 6);
        *gate.usual_wait.lock().unwrap() = Duration::from_secs(1);
        assert!(threshold.permit_now(&tenant(), None, RunAge(1)).is_none());
        assert_eq!(line(), 6, "who has to wait has not come to the line yet");
        assert_eq!(threshold.line_for_one_more(&other).as_secs(), 5);
    }
}
