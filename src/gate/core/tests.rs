use proptest::collection::vec;
use proptest::prelude::*;

use super::super::clock::nanos;
use super::super::judge;
use super::super::limit::Limit;
use super::*;

const MS: u64 = 1_000_000;
const SLACK: Duration = Duration::from_millis(20);

fn core(limits: &[Limit], max_concurrent: usize) -> Core<u32> {
    Core::new(Windows::new(limits, SLACK, 1), Vec::new(), max_concurrent)
}

fn limit(limit: u32, ms: u64, burst: u32) -> Limit {
    Limit::new(limit, Duration::from_millis(ms), burst).unwrap()
}

/// Everybody who is let through at `now`.
fn called(core: &mut Core<u32>, now: Nanos) -> Vec<(u32, Grant)> {
    std::iter::from_fn(|| match core.turn(now) {
        Turn::Grant(waiter, grant) => Some((waiter, grant)),
        Turn::At(_) | Turn::Idle => None,
    })
    .collect()
}

fn names(called: &[(u32, Grant)]) -> Vec<u32> {
    called.iter().map(|(name, _)| *name).collect()
}

#[test]
fn the_oldest_run_goes_first_when_a_cell_comes() {
    let mut core = core(&[limit(1, 1_000, 1)], 50);
    let ready = 1_020 * MS + 1;
    assert!(core.at_once(RunAge(0), 0).is_some());
    for age in [9, 3, 6] {
        core.join(None, RunAge(u64::from(age)), 0, age);
    }
    assert_eq!(core.turn(0), Turn::At(ready));
    assert_eq!(names(&called(&mut core, ready)), [3]);
    assert_eq!(core.at_once(RunAge(7), 2 * ready), None, "an older run waits");
    assert!(core.at_once(RunAge(5), 2 * ready).is_some(), "the oldest of all does not wait behind younger ones");
    assert_eq!(core.turn(2 * ready), Turn::At(3 * ready));
}

#[test]
fn a_timer_that_fires_late_costs_no_pace() {
    let mut core = core(&[limit(1, 1_000, 1)], 50);
    let interval = 1_020 * MS + 1;
    assert!(core.at_once(RunAge(0), 0).is_some());
    core.join(None, RunAge(1), 0, 1);
    let (_, grant) = called(&mut core, interval + 3 * MS)[0];
    assert_eq!(grant.at, interval, "counted for when it was ready; 17 ms of its slack are left");
    core.join(None, RunAge(2), 0, 2);
    assert_eq!(core.turn(interval + 3 * MS), Turn::At(2 * interval));
    let (_, grant) = called(&mut core, 2 * interval + 11 * MS)[0];
    assert_eq!(grant.at, 2 * interval + 11 * MS, "more than half the slack late: counted for now");
}

#[test]
fn a_lead_beyond_half_the_slack_is_what_a_grant_comes_ahead_of_its_instant() {
    let mut core = core(&[limit(1, 1_000, 1)], 50);
    let interval = 1_020 * MS + 1;
    core.join(None, RunAge(0), 10 * MS, 0);
    assert_eq!(called(&mut core, 0)[0].1.at, 0);
    core.join(None, RunAge(1), 40 * MS, 1);
    assert_eq!(core.turn(0), Turn::At(interval - 30 * MS));
    let (_, grant) = called(&mut core, interval - 30 * MS)[0];
    assert_eq!(grant.at, interval);
    core.give_back(grant);
    assert_eq!(core.at_once(RunAge(2), interval - 20 * MS), None, "whoever would use it at once has to wait for it");
    core.join(None, RunAge(2), 0, 2);
    assert_eq!(core.turn(interval - 20 * MS), Turn::At(interval));
    assert_eq!(called(&mut core, interval)[0].1.at, interval, "and then has it");
    core.join(None, RunAge(3), 40 * MS, 3);
    assert_eq!(
        called(&mut core, 5 * interval)[0].1.at,
        5 * interval + 30 * MS,
        "also where a cell has been ready for long"
    );
}

#[test]
fn no_more_are_let_through_at_once_than_are_allowed() {
    let mut core = core(&[], 2);
    for age in 1..=4 {
        core.join(None, RunAge(u64::from(age)), 0, age);
    }
    let first = called(&mut core, 0);
    assert_eq!(names(&first), [1, 2]);
    assert_eq!(core.turn(0), Turn::Idle);
    core.finish(first[0].1, Some(Outcome::Trouble), 0);
    assert_eq!(names(&called(&mut core, 0)), [3]);
    core.finish(first[1].1, None, 0);
    assert_eq!(names(&called(&mut core, 0)), [4]);
}

#[test]
fn a_429_holds_everybody_and_then_lets_them_come_back_by_and_by() {
    let mut core = core(&[], 4);
    for age in 1..=20 {
        core.join(None, RunAge(u64::from(age)), 0, age);
    }
    let before = called(&mut core, 0);
    core.finish(before[0].1, Some(Outcome::Throttled(Duration::from_millis(10))), 0);
    assert_eq!(core.paused_for(4 * MS), Some(Duration::from_millis(6)));
    assert_eq!(core.turn(0), Turn::Idle, "three are still on their way");
    for (_, grant) in &before[1..] {
        core.finish(*grant, Some(Outcome::Answered), 0);
    }
    assert_eq!(core.at_once(RunAge(0), 0), None);
    assert_eq!(core.turn(0), Turn::At(10 * MS));
    let mut widths = Vec::new();
    let mut out = called(&mut core, 10 * MS);
    while !out.is_empty() && widths.len() < 4 {
        widths.push(core.in_flight());
        core.finish(out.remove(0).1, Some(Outcome::Answered), 10 * MS);
        out.extend(called(&mut core, 10 * MS));
    }
    assert_eq!(widths, [1, 2, 4, 4]);
}

#[test]
fn a_grant_that_reached_nobody_goes_to_the_next_while_it_is_fresh() {
    let mut core = core(&[limit(1, 60_000, 1)], 1);
    let lost = core.at_once(RunAge(1), 50 * MS).unwrap();
    core.give_back(lost);
    core.join(None, RunAge(2), 0, 2);
    let again = called(&mut core, 70 * MS);
    assert_eq!(again, [(2, lost)], "with the age that it has");
    core.give_back(again[0].1);
    core.join(None, RunAge(3), 0, 3);
    assert_eq!(core.turn(70 * MS + 1), Turn::At(50 * MS + 60_020 * MS + 1), "stale: the next cell");
}

#[test]
fn a_newcomer_waits_for_the_pause_and_then_at_the_pace_of_the_slowest_window() {
    let mut core = core(&[limit(10, 1_000, 2), limit(2, 1_000, 1)], 50);
    let interval = Duration::from_nanos(510 * MS + 1);
    assert_eq!((core.wait_behind(0, 0), core.wait_behind(3, 0)), (Duration::ZERO, interval * 3));
    let grant = core.at_once(RunAge(0), 0).unwrap();
    core.join(None, RunAge(1), 0, 1);
    assert_eq!(core.wait_behind(0, 0), interval * 2, "the first of the line waits for a cell, too");
    assert_eq!(core.wait_behind(2, 0), interval * 4);
    core.finish(grant, Some(Outcome::Throttled(Duration::from_secs(60))), 0);
    assert_eq!(
        core.wait_behind(0, 0),
        Duration::from_secs(60) + Duration::from_secs(7) / 8,
        "and on the ramp, one at a time"
    );
    assert_eq!(core.wait_behind(0, 70_000 * MS), Duration::from_secs(7) / 8);
}

#[test]
fn where_all_places_are_taken_a_newcomer_waits_for_as_many_as_are_before_it() {
    let mut core = core(&[], 4);
    assert_eq!(core.wait_behind(3, 0), Duration::ZERO);
    assert_eq!(
        core.wait_behind(5, 0),
        Duration::from_millis(500),
        "two places more, of which four become free in a second"
    );
    for age in 1..=4 {
        core.join(None, RunAge(u64::from(age)), 0, age);
    }
    let out = called(&mut core, 0);
    assert_eq!(core.wait_behind(0, 0), Duration::from_millis(250));
    core.finish(out[0].1, Some(Outcome::Answered), 9_000 * MS);
    assert_eq!(core.wait_behind(0, 9_000 * MS), Duration::ZERO);
    assert_eq!(core.wait_behind(1, 9_000 * MS), Duration::from_millis(500), "two seconds is usual now");
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Join(u64),
    Pass(u64),
    Lose,
    Finish,
    Throttle(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u64..100).prop_map(Step::Join),
        4 => prop_oneof![0..5 * MS, 0..40 * MS, 0..2_000 * MS].prop_map(Step::Pass),
        1 => Just(Step::Lose),
        4 => Just(Step::Finish),
        1 => (0u64..100 * MS).prop_map(Step::Throttle),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_happens_the_limits_hold_and_pauses_are_kept(
        limits in vec((1u32..=10, 1u64..=10, any::<u32>()).prop_map(|(n, tenths, burst)| limit(n, tenths * 100, burst % n + 1)), 1..=2),
        max_concurrent in 1usize..=8,
        steps in vec((step(), any::<u64>()), 1..400),
    ) {
        let mut core = core(&limits, max_concurrent);
        let (mut now, mut paused_until) = (0, 0);
        let mut out: Vec<Grant> = Vec::new();
        let mut uses = Vec::new();
        for (step, chance) in steps {
            match step {
                Step::Join(age) => {
                    core.join(None, RunAge(age), 0, 0);
                }
                Step::Pass(time) => now += time,
                Step::Lose => if let Some(grant) = core.at_once(RunAge(0), now) {
                    prop_assert!(now >= paused_until);
                    core.give_back(grant);
                },
                Step::Finish => if !out.is_empty() {
                    core.finish(out.swap_remove(0), Some(Outcome::Answered), now);
                },
                Step::Throttle(time) => if !out.is_empty() {
                    core.finish(out.swap_remove(0), Some(Outcome::Throttled(Duration::from_nanos(time))), now);
                    paused_until = paused_until.max(now + time);
                },
            }
            for (_, grant) in called(&mut core, now) {
                prop_assert!(now >= paused_until);
                prop_assert!(grant.at <= now && now - grant.at <= nanos(SLACK));
                let left = grant.at + nanos(SLACK) - now;
                uses.push(now + if chance % 2 == 0 { left } else { chance % (left + 1) });
                out.push(grant);
            }
            prop_assert!(out.len() <= max_concurrent);
        }
        for limit in &limits {
            judge::holds(limit, &uses);
        }
    }

    #[test]
    fn timers_up_to_half_the_slack_late_cost_no_pace(
        n in 1u32..=1_000, burst in 1u32..=5, lateness in vec(0..=10 * MS, 200),
    ) {
        let limit = limit(n, 1_000, burst.min(n));
        let mut core = core(&[limit], usize::MAX);
        for age in 0..10_000 {
            core.join(None, RunAge(u64::from(age)), 0, age);
        }
        let (mut now, mut granted) = (0, 0);
        for late in lateness {
            granted += called(&mut core, now).len();
            let Turn::At(instant) = core.turn(now) else { break };
            now = instant + late;
        }
        granted += called(&mut core, now).len();
        let interval = 1_020e6 / f64::from(limit.limit() - limit.burst() + 1);
        prop_assert!(granted as f64 >= (now as f64 / interval).floor().min(10_000.0), "{granted} in {now} ns");
    }
}
