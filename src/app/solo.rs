//! One run in this process alone: without a broker and without a worker, through the same runner, gate and platform.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Adapters, StartError, Store, runner_settings};
use crate::chain::log::{Origin, Private, Record};
use crate::chain::{Chain, RunId, TenantName};
use crate::config::Config;
use crate::cxone::{Cxone, TokenStatus};
use crate::gate::LocalGate;
use crate::ports::{Claimed, Journal, JournalError, Outbox, RunAge, RunKey};
use crate::runner::{Ended, Run, Runner};

/// Drives runs one by one, and remembers them no longer than it lives. What they publish goes to the outbox that it was made with.
pub struct Solo {
    runner: Runner,
    journal: Arc<dyn Journal>,
    watch: Watch,
}

/// Tells what a tenant's runs wait for.
#[derive(Clone)]
pub struct Watch {
    actions: Arc<Cxone>,
    gate: Arc<LocalGate>,
}

/// What keeps a tenant's runs from their next exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// No token, in the words of the platform's adapter.
    Token(String),
    /// A pause after a 429, for so much longer.
    Pause(Duration),
}

impl Watch {
    /// What the runs of `tenant` wait for now, if it is anything but an answer or their turn. Asks nobody.
    #[must_use]
    pub fn obstacle(&self, tenant: &TenantName) -> Option<Obstacle> {
        if let Some(TokenStatus::Failed(error)) = self.actions.token(tenant) {
            return Some(Obstacle::Token(error.message));
        }
        self.gate.status(tenant)?.paused_for.map(Obstacle::Pause)
    }
}

impl Solo {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// [`StartError::Cxone`] and [`StartError::Limit`].
    pub fn new(config: &Config, outbox: Arc<dyn Outbox>) -> Result<Self, StartError> {
        let adapters = Adapters::new(config, &Store::memory(config))?;
        let watch = Watch { actions: adapters.actions.clone(), gate: adapters.gate.clone() };
        let ports = adapters.ports(outbox);
        let journal = ports.journal.clone();
        Ok(Self { runner: Runner::new(ports, runner_settings(config)), journal, watch })
    }

    /// What tells what a run waits for.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Runs `chain` to its end. At `stop` the exchange in flight is finished, and the run is cancelled: it ends in a result all
    /// the same.
    ///
    /// # Errors
    /// What kept the run from its result.
    pub async fn run(&self, chain: Chain, run_id: RunId, stop: CancellationToken) -> Result<(), JournalError> {
        let (chain, key) = (Arc::new(chain), RunKey { queue: "".into(), run_id });
        let (interrupt, interrupted) = watch::channel(false);
        let ended = {
            let mut driving = std::pin::pin!(self.drive(&chain, &key, interrupted.clone(), false));
            tokio::select! {
                ended = &mut driving => ended?,
                () = stop.cancelled() => {
                    let _ = interrupt.send(true);
                    driving.await?
                }
            }
        };
        match ended {
            Ended::Settled { .. } => Ok(()),
            Ended::HandedBack => match self.drive(&chain, &key, watch::channel(false).1, true).await? {
                Ended::Lost(why) => Err(why),
                Ended::Settled { .. } | Ended::HandedBack | Ended::Stopped => Ok(()),
            },
            Ended::Lost(why) => Err(why),
            Ended::Stopped => Err(JournalError::Unavailable("the run was stopped".into())),
        }
    }

    async fn drive(
        &self,
        chain: &Arc<Chain>,
        key: &RunKey,
        hand_back: watch::Receiver<bool>,
        cancel: bool,
    ) -> Result<Ended, JournalError> {
        let Claimed::Ours { mut lease, mut log } = self.journal.claim(key).await? else {
            return Err(JournalError::Fenced);
        };
        if cancel {
            self.journal.append(&mut lease, vec![Record::Private(Private::CancelRequested)]).await?;
            log.push(Record::Private(Private::CancelRequested));
        }
        let origin = Origin {
            queue: key.queue.to_string(),
            correlation_id: None,
            reply_to: None,
            traceparent: None,
            assigned: chain.run_id.is_none(),
            redelivered: false,
        };
        let (chain, run_id) = (chain.clone(), key.run_id.clone());
        let run = Run { chain, run_id, origin, lease, log, age: RunAge(0), hand_back };
        Ok(self.runner.drive(run).await)
    }
}
