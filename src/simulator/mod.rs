//! The platforms that cxchain calls, each small enough for a test and strict enough to be believed: the independent witness that
//! nothing ran twice and that the quota held.
//!
//! `cxchain simulate` runs it; the demo and the tests start it in their own process. It knows nothing of the worker: only
//! names ([`crate::chain`]) and the time of day. It counts a call when its headers arrive, judges it then (token, quota,
//! fault, in this order), and calls it answered only when the last byte of the answer was handed to the network.

mod admin;
mod answer;
mod api;
mod calls;
mod carry_out;
mod cxone;
mod discovery;
mod exchange;
mod execute;
mod fault;
mod fault_help;
mod feed;
mod genesys;
mod grammar;
#[cfg(test)]
mod grammar_tests;
mod identity;
mod job;
mod job_calls;
mod job_fault;
mod job_grammar;
mod jobs;
mod large;
mod ledger;
mod oauth;
mod open_call;
mod operation;
mod plan;
mod quota;
mod route;
mod server;
mod settings;
mod state;
mod tokens;
mod wire;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use api::{Api, ApiError};
pub use calls::{Calls, JobCalls, KeyCalls, PollCalls, QuotaCalls, StepCalls, Tally, TokenCalls, WindowCalls};
pub use fault::{Behaviour, Fault, FaultRule, Per, RetryAfter, Target};
pub use fault_help::FAULT_HELP;
pub use feed::{CallFeed, CallSeen, Ending, Seen};
pub use grammar::FaultError;
pub use job_fault::{JobEnd, JobFault, JobId, Span, StateCase};
pub use settings::{Limit, LimitError, SimulatorSettings};

use state::Shared;

/// A simulator that runs. Dropped, it stops.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: DropGuard,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens, and serves from tasks of its own. To be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub fn start(settings: SimulatorSettings) -> io::Result<Self> {
        let listener = server::listen(settings.listen)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings));
        let stop = CancellationToken::new();
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { shared, address, stop: stop.drop_guard(), server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        format!("http://{}", SocketAddr::new(ip, self.address.port()))
    }

    /// Where it issues tokens.
    #[must_use]
    pub fn token_url(&self) -> String {
        let path = match self.shared.settings.api {
            Api::DataActions | Api::Genesys => "/oauth/token",
            Api::Cxone => "/auth/token",
        };
        self.url() + path
    }

    /// What it has seen so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.shared.calls()
    }

    /// Waits until what it has seen fulfils `condition`, and returns it. That a client has gone away is seen a moment later.
    /// `condition` is asked under the simulator's lock, so it must not call the simulator.
    pub async fn wait_until(&self, condition: impl Fn(&Calls) -> bool) -> Calls {
        self.shared.wait_until(condition).await
    }

    /// Calls as they end, from now on.
    #[must_use]
    pub fn feed(&self) -> CallFeed {
        self.shared.teller.feed()
    }

    /// From now on `target` meets this fault and no other.
    pub fn set_fault(&self, target: impl Into<Target>, fault: Fault) {
        let target = target.into();
        self.shared.change(|state| state.faults.set(FaultRule { target, fault }));
    }

    /// The rule's target meets its fault too, after those that it meets already.
    pub fn add_fault(&self, rule: FaultRule) {
        self.shared.change(|state| state.faults.add(rule));
    }

    /// From now on all is well.
    pub fn clear_faults(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// No token that was issued is good any more.
    pub fn revoke_tokens(&self) {
        self.shared.change(|state| state.tokens.revoke_all());
    }

    /// Forgets all that it has seen, quota included; faults stay and count from the beginning, tokens stay good, jobs go on.
    /// Calls that are open are not counted any more.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Stops listening, breaks open calls off, and returns all that was seen.
    pub async fn stop(self) -> Calls {
        drop(self.stop);
        // It ends by itself, and if it panicked the calls still tell.
        let _ = self.server.await;
        self.shared.calls()
    }
}
