use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::judge;
use super::*;

const MS: u64 = 1_000_000;
const CENTURY: u64 = 100 * 366 * 24 * 3_600 * 1_000 * MS;

/// A limit with a window from a millisecond to a month, often of a round length, with every kind of burst.
fn limit() -> impl Strategy<Value = Limit> {
    let per = prop_oneof![
        3 => (0u32..=5, 1u64..=10).prop_map(|(tens, n)| Duration::from_millis(n * 10u64.pow(tens))),
        1 => (1_000_000u64..10_000_000_000).prop_map(Duration::from_nanos),
        1 => Just(Duration::from_secs(30 * 24 * 3_600)),
    ];
    let limit = prop_oneof![1 => Just(1u32), 4 => 1u32..=12, 2 => 1u32..=300];
    (limit, per, 0u8..=4, any::<u32>()).prop_map(|(limit, per, kind, any)| {
        let burst = match kind {
            0 => 1,
            1 => limit,
            2 => 2.min(limit),
            _ => any % limit + 1,
        };
        Limit::new(limit, per, burst).unwrap()
    })
}

fn slack() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::from_millis(20)), (0..200 * MS).prop_map(Duration::from_nanos)]
}

/// How long until the next request is wanted, in thousandths of the longest interval: mostly at once.
fn gaps() -> impl Strategy<Value = Vec<u64>> {
    vec(prop_oneof![8 => Just(0u64), 2 => 0..3_000u64, 1 => 0..400_000u64], 1..400)
}

/// When a permit is used, in thousandths of the slack after its grant. The worst case is in it: late ones, then prompt ones.
fn uses() -> impl Strategy<Value = Vec<u64>> {
    let any = vec(prop_oneof![Just(0u64), Just(1_000u64), 0..=1_000u64], 600);
    let worst = (0usize..600).prop_map(|turn| (0..600).map(|n| if n <= turn { 1_000 } else { 0 }).collect());
    prop_oneof![any, worst]
}

/// Grants for demand that comes in `gaps`, each as early as the windows allow, for a century at most. Also holds that asking too
/// early changes nothing.
fn grants(windows: &mut Windows, gaps: &[u64], interval: Nanos) -> Vec<Nanos> {
    let (mut now, mut granted) = (0, Vec::new());
    for gap in gaps {
        let ready = windows.ready_at();
        if ready > 0 {
            assert_eq!(windows.take(ready - 1), Err(ready));
            assert_eq!(windows.ready_at(), ready);
        }
        now = ready.max(now + interval / 1_000 * gap);
        if now > CENTURY {
            break;
        }
        assert_eq!(windows.take(now), Ok(()));
        granted.push(now);
    }
    granted
}

/// The lasting pace by the rule in words, reckoned apart from the code under test: (per + slack) / (limit - burst + 1), of what
/// each worker may have.
fn slowest(limits: &[Limit], slack: Duration, workers: u32) -> Nanos {
    let interval = |l: &Limit| {
        let (limit, burst) = ((l.limit() / workers).max(1), (l.burst() / workers).max(1));
        (l.per() + slack).as_nanos() / u128::from(limit - burst + 1)
    };
    Nanos::try_from(limits.iter().map(interval).max().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_closed_window_ever_holds_more_than_its_limit(
        limits in vec(limit(), 1..=3), slack in slack(), gaps in gaps(), uses in uses(),
    ) {
        let mut windows = Windows::new(&limits, slack, 1);
        let granted = grants(&mut windows, &gaps, slowest(&limits, slack, 1));
        let used: Vec<_> = granted.iter().zip(&uses).map(|(at, late)| at + nanos(slack) * late / 1_000).collect();
        for limit in &limits {
            judge::holds(limit, &used);
        }
    }

    #[test]
    fn workers_that_know_nothing_of_each_other_hold_the_limit_together(
        limits in vec(limit(), 1..=2), slack in slack(), each in vec((gaps(), uses()), 2..=5),
    ) {
        let workers = u32::try_from(each.len()).unwrap();
        prop_assume!(limits.iter().all(|limit| limit.limit() >= workers));
        let interval = slowest(&limits, slack, workers);
        let used: Vec<_> = each.iter().flat_map(|(gaps, uses)| {
            let granted = grants(&mut Windows::new(&limits, slack, workers), gaps, interval);
            granted.into_iter().zip(uses).map(|(at, late)| at + nanos(slack) * late / 1_000).collect::<Vec<_>>()
        }).collect();
        for limit in &limits {
            judge::holds(limit, &used);
        }
    }

    #[test]
    fn lasting_demand_is_served_at_the_pace_of_the_slowest_window(
        limits in vec(limit(), 1..=3), slack in slack(), workers in 1u32..=4,
    ) {
        let mut windows = Windows::new(&limits, slack, workers);
        let granted = grants(&mut windows, &[0; 600], 0);
        let (took, interval) = (granted[granted.len() - 1] as f64, slowest(&limits, slack, workers) as f64);
        let theory = took / interval;
        prop_assert!(granted.len() as f64 >= theory * 0.95, "{} grants, {theory} in theory", granted.len());
    }

    #[test]
    fn a_rested_gate_lets_the_smallest_burst_through_at_once(
        limits in vec(limit(), 1..=3), slack in slack(), workers in 1u32..=4, rest in any::<bool>(),
    ) {
        let mut windows = Windows::new(&limits, slack, workers);
        let mut now = 0;
        if rest {
            grants(&mut windows, &[0; 50], 0);
            now = windows.ready_at() + slowest(&limits, slack, workers) * 400;
        }
        let burst = limits.iter().map(|limit| (limit.burst() / workers).max(1)).min().unwrap();
        for _ in 0..burst {
            prop_assert_eq!(windows.take(now), Ok(()));
        }
        let ready = windows.ready_at();
        prop_assert!(ready > now);
        prop_assert_eq!(windows.take(now), Err(ready));
    }
}

#[test]
fn without_limits_everything_is_ready() {
    let mut windows = Windows::new(&[], Duration::ZERO, 1);
    assert_eq!(windows.take(5), Ok(()));
    assert_eq!(windows.take(5), Ok(()));
    assert_eq!(windows.take(4), Err(5), "time does not run backwards");
}

#[test]
fn the_shortest_window_waits_for_the_longest_without_losing_a_cell() {
    let limit = |limit, ms, burst| Limit::new(limit, Duration::from_millis(ms), burst).unwrap();
    let mut windows = Windows::new(&[limit(10, 1_000, 5), limit(4, 60_000, 3)], Duration::ZERO, 1);
    for _ in 0..3 {
        assert_eq!(windows.take(0), Ok(()));
    }
    assert_eq!(windows.take(0), Err(30_000 * MS + 1));
    assert_eq!(windows.take(1_000 * MS), Err(30_000 * MS + 1));
    assert_eq!(windows.take(30_000 * MS + 1), Ok(()));
    assert_eq!(windows.ready_at(), 2 * (30_000 * MS + 1));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let limit = Limit::new(u32::MAX, Limit::PER_MAX, u32::MAX).unwrap();
    let mut windows = Windows::new(&[limit], Duration::MAX, 1);
    for now in [0, 0, CENTURY, CENTURY] {
        assert_eq!(windows.take(now), Ok(()));
    }
    assert_eq!(Duration::from_nanos(windows.slack()), SLACK_MAX);
}
