//! What a plan needs to know of a tenant, made from the configuration.

use crate::chain::TenantName;
use crate::chain::plan::{Terms, Window};
use crate::config::{self, Config};
use crate::gate::Limit;

/// The terms of `tenant` for all workers together; `None` where it is not in the configuration.
#[must_use]
pub fn terms(config: &Config, tenant: &TenantName) -> Option<Terms> {
    let tenant = config.tenants.get(tenant)?;
    let windows = |limits: &[config::Limit]| limits.iter().filter_map(|limit| window(limit, config)).collect();
    Some(Terms {
        max_attempts: tenant.retry.max_attempts,
        poll: tenant.jobs.poll,
        windows: windows(&tenant.limits),
        actions: tenant.actions.iter().map(|(id, action)| (id.clone(), windows(&action.limits))).collect(),
    })
}

fn window(limit: &config::Limit, config: &Config) -> Option<Window> {
    let paced = Limit::new(limit.limit, limit.per, limit.burst).ok()?;
    Some(Window { limit: limit.limit, per: limit.per, interval: paced.interval(config.gate.slack) })
}
