//! What a plan needs to know of a tenant, made from the configuration.

use crate::chain::TenantName;
use crate::chain::plan::{Terms, Window};
use crate::config::Config;
use crate::gate::Limit;

/// The terms of `tenant` for all workers together; `None` where it is not in the configuration.
#[must_use]
pub fn terms(config: &Config, tenant: &TenantName) -> Option<Terms> {
    let tenant = config.tenants.get(tenant)?;
    let window = |limit: &crate::config::Limit| {
        let paced = Limit::new(limit.limit, limit.per, limit.burst).ok()?;
        Some(Window { limit: limit.limit, per: limit.per, interval: paced.interval(config.gate.slack) })
    };
    Some(Terms {
        max_attempts: tenant.retry.max_attempts,
        poll: tenant.jobs.poll,
        windows: tenant.limits.iter().filter_map(window).collect(),
    })
}
