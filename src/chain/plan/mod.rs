//! What a run of a chain can come to, told before it is run: its steps and what hands data to what, how long they take at most, how
//! many requests they make, and what becomes of a call whose outcome nobody learns. `cxchain check --explain` shows it.
//!
//! It follows from the definition and from the [`Terms`] of its tenant alone: nothing in here asks anybody.

mod calls;
mod rates;
mod stage;
mod terms;
#[cfg(test)]
mod tests;
mod time;
mod uses;

use serde::Serialize;

pub use calls::Calls;
pub use rates::Rates;
pub use stage::{Exchange, Lost, Stage, Substitute, Task, Then};
pub use terms::{Terms, Window};
pub use time::Time;
pub use uses::{Place, Use};

use super::definition::Chain;
use super::ids::{ChainId, TenantName};
use uses::Sight;

/// What a run of a chain can come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The definition's own name.
    pub chain_id: ChainId,
    /// Whose calls they are.
    pub tenant: TenantName,
    /// The steps in their order.
    pub steps: Vec<Stage>,
    /// How long they take.
    pub time: Time,
    /// How many requests a run makes.
    pub requests: Calls,
    /// What the tenant's limits make of that.
    pub rates: Rates,
}

impl Plan {
    /// The plan of `chain` for a tenant on these terms.
    #[must_use]
    pub fn of(chain: &Chain, terms: &Terms) -> Self {
        let steps = stage::all(&chain.steps, "", &Sight::outermost(&chain.steps), terms);
        let requests = Calls::of(&steps);
        Self {
            chain_id: chain.chain_id.clone(),
            tenant: chain.tenant.clone(),
            time: Time::of(&steps, Some(chain.global_timeout)),
            rates: Rates::of(&steps, requests, terms),
            requests,
            steps,
        }
    }

    /// Its steps, each followed by those that are nested in it.
    pub fn all_steps(&self) -> impl Iterator<Item = &Stage> {
        let mut waiting: Vec<&Stage> = self.steps.iter().rev().collect();
        std::iter::from_fn(move || {
            let next = waiting.pop()?;
            waiting.extend(next.nested().iter().rev());
            Some(next)
        })
    }
}
