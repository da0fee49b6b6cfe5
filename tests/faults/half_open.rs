//! Connections that are half open: nothing comes through any more, and nobody is told. Only the heartbeat finds out.

use std::time::Duration;

use super::cable::Cable;
use super::waits::{WaitsFor, ready};
use crate::support::load::{self, CONSUMING, Load, logs_again, taking, times, until};
use crate::support::wire::{CONSUME, PUBLISH};
use crate::support::{Broker, SOON};

const HEARTBEAT: &str = "2s";
/// Five heartbeats.
const DEAD: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq)]
enum Dead {
    Both,
    One(usize),
}

impl Dead {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["publish", "consume"],
            Self::One(PUBLISH) => &["publish"],
            Self::One(_) => &["consume"],
        }
    }
}

/// At the same time, each on a cable of its own.
#[tokio::test]
async fn connections_that_go_dead_both_or_one_of_them_cost_no_result_and_repeat_no_call() {
    tokio::join!(goes(Dead::Both), goes(Dead::One(PUBLISH)), goes(Dead::One(CONSUME)));
}

async fn goes(dead: Dead) {
    let broker = Broker::shared().await;
    let cable = Cable::to(broker).await;
    let mut stage = load::stage(broker, taking(Duration::from_secs(1), Duration::from_secs(2)), 20).await;
    stage.set("broker.url", cable.url()).set("broker.heartbeat", HEARTBEAT);
    let load = Load::submit(&stage, 60, 3).await;
    let worker = stage.worker().await;
    until(&stage, |seen| seen.totals.answered >= 30).await;
    let before = times(&worker, CONSUMING);

    match dead {
        Dead::Both => cable.goes_dead().await,
        Dead::One(line) => cable.goes_dead_for(line).await,
    }
    for name in dead.names() {
        WaitsFor::Connection(name).said(&worker).await;
        if dead == Dead::Both {
            WaitsFor::Connection(name).holds(&worker).await;
        }
    }
    tokio::time::sleep(DEAD).await;
    cable.comes_back().await;
    if dead != Dead::One(PUBLISH) {
        logs_again(&worker, CONSUMING, before, SOON).await;
    }
    ready(&worker).await;
    for name in ["publish", "consume"] {
        let lost = usize::from(dead.names().contains(&name));
        assert_eq!(WaitsFor::Connection(name).times(&worker), lost, "losses of the {name} connection");
    }
    load.ends_well(&stage, worker).await;
}
