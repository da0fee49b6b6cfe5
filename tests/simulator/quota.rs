use std::time::Duration;

use cxchain::simulator::{Limit, Simulator, SimulatorSettings};
use tokio::task::JoinSet;

use super::{Peer, quick};

fn limited(limits: &[&str], refused_calls_count: bool) -> Simulator {
    let limits: Vec<Limit> = limits.iter().map(|limit| limit.parse().unwrap()).collect();
    Simulator::start(SimulatorSettings { limits, refused_calls_count, ..quick() }).unwrap()
}

/// The most of `times` in any half-open window of `per`, the slow and obvious way.
fn most_in_a_window(times: &[u64], per: Duration) -> usize {
    let per = u64::try_from(per.as_micros()).unwrap();
    times.iter().map(|end| times.iter().filter(|&t| t <= end && t + per > *end).count()).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_never_gets_more_through_than_the_windows_hold() {
    let simulator = limited(&["20/500ms", "50/2s"], false);
    let peer = Peer::of(&simulator).await;
    let mut tasks = JoinSet::new();
    for task in 0..24 {
        let peer = peer.clone();
        tasks.spawn(async move {
            let (mut passed, mut refused) = (0, 0);
            for attempt in 0..60 {
                match peer.status(&format!("flood.s{task}.{attempt}")).await {
                    200 => passed += 1,
                    429 => refused += 1,
                    other => panic!("{other}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (passed, refused)
        });
    }
    let (passed, refused) =
        tasks.join_all().await.into_iter().fold((0, 0), |(passed, refused), (p, r)| (passed + p, refused + r));
    let calls = simulator.calls();
    assert_eq!((calls.quota.accepted, calls.quota.throttled), (passed, refused));
    assert_eq!((calls.totals.statuses[&200], calls.totals.statuses[&429], calls.totals.ran), (passed, refused, passed));
    assert_eq!(calls.quota.windows.iter().map(|w| w.max).collect::<Vec<_>>(), [20, 50]);
    // A microsecond less, since the times were rounded to microseconds.
    let microsecond = Duration::from_micros(1);
    assert_eq!(most_in_a_window(&calls.accepted_at_us, Duration::from_millis(500) - microsecond), 20);
    assert_eq!(most_in_a_window(&calls.accepted_at_us, Duration::from_secs(2) - microsecond), 50);
    assert_eq!(calls.accepted_at_us.len() as u64, passed);
}

#[tokio::test]
async fn retry_after_is_when_there_is_room_again() {
    let simulator = limited(&["1/1500ms"], false);
    let peer = Peer::of(&simulator).await;
    assert_eq!(peer.status("r.s.1").await, 200);
    let refused = peer.call("r.s.2").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "2"));
    assert!(refused.json::<serde_json::Value>().await.unwrap()["message"].is_string());
    tokio::time::sleep(Duration::from_millis(1600)).await;
    assert_eq!(peer.status("r.s.3").await, 200);
    let step = simulator.calls().step("r", "s");
    assert_eq!((step.calls, step.accepted, step.ran, step.accepted_at_us.len()), (3, 2, 2, 2));
    assert!(step.accepted_at_us[1] - step.accepted_at_us[0] >= 1_500_000);
}

#[tokio::test]
async fn refused_calls_can_be_made_to_count() {
    let simulator = limited(&["1/1s"], true);
    let peer = Peer::of(&simulator).await;
    for attempt in 0..3 {
        assert_eq!(peer.status(&format!("r.s.{attempt}")).await, if attempt == 0 { 200 } else { 429 });
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
}
