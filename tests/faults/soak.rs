//! One fault after the other, as chance has it, under a load that never ends.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::support::load::{self, LONG, Load, taking};
use crate::support::proof::{as_long_as, dice, seeds};
use crate::support::wire::Wire;
use crate::support::{Broker, Stage, Worker};

/// Chains that come with each fault.
const CHAINS: usize = 20;
const STEPS: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The network cuts one connection, or all.
    CutOne,
    CutAll,
    /// The network loses what the worker, or the broker, says on a connection, and then that.
    WorkerUnheard,
    BrokerUnheard,
    /// The broker closes what is open.
    ConnectionsClosed,
    ChannelsCrash,
    /// The broker takes no messages.
    ShortOfDisk,
    ShortOfMemory,
    /// The broker answers no more: for less, and for more than two heartbeats.
    Hiccup,
    Freeze,
    /// The broker ends, and comes back.
    Killed,
    Stopped,
}

const FAULTS: [Fault; 12] = [
    Fault::CutOne,
    Fault::CutAll,
    Fault::WorkerUnheard,
    Fault::BrokerUnheard,
    Fault::ConnectionsClosed,
    Fault::ChannelsCrash,
    Fault::ShortOfDisk,
    Fault::ShortOfMemory,
    Fault::Hiccup,
    Fault::Freeze,
    Fault::Killed,
    Fault::Stopped,
];

impl Fault {
    async fn strikes(self, broker: &Broker, wire: &Wire, dice: &mut StdRng) {
        let while_it_lasts = Duration::from_millis(dice.random_range(500..3000));
        match self {
            Self::CutOne => wire.cut(wire.newest(dice.random_range(0..2))),
            Self::CutAll => wire.cut_all(),
            Self::WorkerUnheard | Self::BrokerUnheard => {
                let line = wire.newest(dice.random_range(0..2));
                if matches!(self, Self::WorkerUnheard) {
                    wire.lose_what_the_worker_says(line);
                } else {
                    wire.lose_what_the_broker_says(line);
                }
                tokio::time::sleep(while_it_lasts).await;
                wire.cut(line);
            }
            Self::ConnectionsClosed => drop(broker.ctl(&["close_all_connections", "a test"]).await),
            Self::ChannelsCrash => {
                broker.ctl(&["eval", "[exit(Channel, kill) || Channel <- rabbit_channel:list()]."]).await;
            }
            Self::ShortOfDisk => {
                broker.ctl(&["set_disk_free_limit", "100000GB"]).await;
                tokio::time::sleep(while_it_lasts).await;
                broker.ctl(&["set_disk_free_limit", "50MB"]).await;
            }
            Self::ShortOfMemory => {
                broker.ctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
                tokio::time::sleep(while_it_lasts).await;
                broker.ctl(&["set_vm_memory_high_watermark", "0.5"]).await;
            }
            Self::Hiccup | Self::Freeze => {
                broker.pause().await;
                let more = Duration::from_secs(if matches!(self, Self::Freeze) { 6 } else { 0 });
                tokio::time::sleep(while_it_lasts + more).await;
                broker.resume().await;
            }
            Self::Killed => {
                broker.kill().await;
                tokio::time::sleep(while_it_lasts).await;
                broker.restart().await;
            }
            Self::Stopped => {
                broker.stop().await;
                tokio::time::sleep(while_it_lasts).await;
                broker.restart().await;
            }
        }
    }
}

#[tokio::test]
async fn whatever_breaks_in_whatever_order_costs_no_result_and_repeats_no_call() {
    for seed in seeds(as_long_as(1, 3)) {
        soak(seed, as_long_as(4, 40)).await;
    }
}

async fn soak(seed: u64, faults: usize) {
    let mut dice = dice(seed);
    let broker = Broker::start().await;
    let wire = Wire::to(&broker).await;
    let mut stage = load::stage(&broker, taking(Duration::from_millis(200), Duration::from_secs(2)), 30).await;
    stage.set("broker.url", wire.url()).set("broker.heartbeat", "2s");
    let mut load = Load::submit(&stage, CHAINS, STEPS).await;
    let worker = stage.worker().await;
    let mut story = format!("CXCHAIN_PROOF_SEED={seed}:");
    for _ in 0..faults {
        let fault = *FAULTS.choose(&mut dice).expect("there are some");
        let _ = write!(story, " {fault:?}");
        eprintln!("{story}");
        fault.strikes(&broker, &wire, &mut dice).await;
        load.more(&stage, CHAINS).await;
        works_again(&stage, &load, &worker, &story).await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..1500))).await;
    }
    load.ends_well(&stage, worker).await;
}

/// What was in the queue before the fault, and came after it, is begun.
async fn works_again(stage: &Stage, load: &Load, worker: &Worker, story: &str) {
    let begun =
        tokio::time::timeout(LONG, stage.simulator.wait_until(|seen| seen.runs.len() + CHAINS / 2 >= load.len()));
    assert!(begun.await.is_ok(), "the worker does not begin what waits after {story}\n{}", worker.log());
    let runs: BTreeSet<String> = stage.simulator.calls().runs.into_keys().collect();
    assert!(runs.len() <= load.len(), "more runs than chains after {story}");
}
