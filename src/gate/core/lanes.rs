//! Actions with windows of their own: who waits for them holds nobody else up, and both quotas hold.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::clock::nanos;
use super::super::judge;
use super::super::limit::Limit;
use super::*;

const MS: u64 = 1_000_000;
const SLACK: Duration = Duration::from_millis(20);

fn limit(limit: u32, ms: u64, burst: u32) -> Limit {
    Limit::new(limit, Duration::from_millis(ms), burst).unwrap()
}

/// A tenant with these limits, and actions with these.
fn core(limits: &[Limit], lanes: &[&[Limit]]) -> Core<u32> {
    let lanes = lanes.iter().map(|limits| Windows::new(limits, SLACK, 1)).collect();
    Core::new(Windows::new(limits, SLACK, 1), lanes, 50)
}

fn called(core: &mut Core<u32>, now: Nanos) -> Vec<(u32, Grant)> {
    std::iter::from_fn(|| match core.turn(now) {
        Turn::Grant(waiter, grant) => Some((waiter, grant)),
        Turn::At(_) | Turn::Idle => None,
    })
    .collect()
}

fn names(core: &mut Core<u32>, now: Nanos) -> Vec<u32> {
    called(core, now).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn who_waits_for_its_action_holds_nobody_up_and_no_cell() {
    let mut core = core(&[limit(3, 1_000, 3)], &[&[limit(1, 30_000, 1)]]);
    for (lane, age) in [(Some(0), 1), (Some(0), 2), (None, 3), (Some(0), 4), (None, 5), (None, 6)] {
        core.join(lane, RunAge(u64::from(age)), 0, age);
    }
    assert_eq!(names(&mut core, 0), [1, 3, 5], "three cells, one of which an action's");
    let tenant = 1_020 * MS + 1;
    assert_eq!(core.turn(0), Turn::At(tenant), "for the one that waits for the tenant alone");
    assert_eq!(names(&mut core, tenant), [6]);
    let action = 30_020 * MS + 1;
    assert_eq!(core.turn(tenant), Turn::At(action));
    assert_eq!(names(&mut core, action), [2], "the oldest of the action's");
    assert_eq!(core.turn(action), Turn::At(2 * action));
}

#[test]
fn the_oldest_run_goes_first_as_soon_as_its_action_allows_it() {
    let mut core = core(&[limit(1, 1_000, 1)], &[&[limit(1, 1_500, 1)]]);
    core.join(Some(0), RunAge(0), 0, 0);
    assert_eq!(names(&mut core, 0), [0]);
    let (tenant, action) = (1_020 * MS + 1, 1_520 * MS + 1);
    for (lane, age) in [(None, 3), (Some(0), 1), (None, 2)] {
        core.join(lane, RunAge(u64::from(age)), 0, age);
    }
    assert_eq!(names(&mut core, tenant), [2], "the oldest that may");
    assert_eq!(core.turn(tenant), Turn::At(action), "then its turn has come, though the tenant's has not");
    assert_eq!(core.turn(action), Turn::At(2 * tenant));
    assert_eq!(names(&mut core, 2 * tenant), [1]);
}

#[test]
fn a_newcomer_passes_those_that_wait_for_their_action_and_is_not_told_to_wait_for_them() {
    let mut core = core(&[limit(10, 1_000, 5)], &[&[limit(1, 30_000, 1)]]);
    for age in 0..4 {
        core.join(Some(0), RunAge(u64::from(age)), 0, age);
    }
    assert_eq!(core.wait_behind(0, 0), Duration::from_nanos(170 * MS + 1), "one of them could be called before");
    assert_eq!(core.at_once(RunAge(9), 0), None, "an older one may go");
    assert_eq!(names(&mut core, 0), [0]);
    assert!(core.at_once(RunAge(9), 0).is_some(), "all that are older wait for their action");
    assert_eq!((core.waiting(), core.wait_behind(0, 0)), (3, Duration::ZERO));
}

#[test]
fn a_pause_and_full_places_hold_actions_as_all_others() {
    let mut core = Core::new(Windows::new(&[], SLACK, 1), vec![Windows::new(&[limit(5, 1_000, 5)], SLACK, 1)], 2);
    for age in 0..4 {
        core.join(Some(0), RunAge(u64::from(age)), 0, age);
    }
    let out = called(&mut core, 0);
    assert_eq!((out.len(), core.turn(0)), (2, Turn::Idle));
    core.finish(out[0].1, Some(Outcome::Throttled(Duration::from_secs(60))), 0);
    core.finish(out[1].1, Some(Outcome::Answered), 0);
    assert_eq!(core.turn(0), Turn::At(60_000 * MS));
    assert_eq!(names(&mut core, 60_000 * MS), [2]);
}

#[test]
fn a_long_lead_is_what_an_actions_grant_comes_ahead_of_its_instant() {
    let mut core = core(&[], &[&[limit(1, 1_000, 1)]]);
    core.join(Some(0), RunAge(0), 0, 0);
    assert_eq!(names(&mut core, 0), [0]);
    let interval = 1_020 * MS + 1;
    core.join(Some(0), RunAge(1), 40 * MS, 1);
    assert_eq!(core.turn(0), Turn::At(interval - 30 * MS));
    assert_eq!(called(&mut core, interval - 30 * MS)[0].1.at, interval);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Both quotas hold whatever happens, and nobody who waits for the tenant alone is passed by a younger one of its lane.
    #[test]
    fn the_quotas_of_tenant_and_actions_hold_together(
        tenant in (1u32..=10, 1u64..=10, any::<u32>()).prop_map(|(n, tenths, burst)| limit(n, tenths * 100, burst % n + 1)),
        actions in vec((1u32..=5, 1u64..=30, any::<u32>()).prop_map(|(n, tenths, burst)| limit(n, tenths * 100, burst % n + 1)), 2),
        steps in vec((0u8..10, 0u64..100, prop_oneof![0..5 * MS, 0..40 * MS, 0..2_000 * MS], any::<u64>()), 1..400),
    ) {
        let mut core = core(&[tenant], &[&actions[..1], &actions[1..]]);
        let mut now = 0;
        let mut out: Vec<Grant> = Vec::new();
        let mut uses: Vec<(Lane, Nanos)> = Vec::new();
        for (what, age, time, chance) in steps {
            match what {
                0..=4 => {
                    let lane = [None, Some(0), Some(1)][usize::from(what % 3)];
                    core.join(lane, RunAge(age), time % (60 * MS), u32::from(what % 3));
                }
                5..=7 => now += time,
                8 => if let Some(grant) = core.at_once(RunAge(0), now) {
                    core.give_back(grant);
                },
                _ => if !out.is_empty() {
                    core.finish(out.swap_remove(0), Some(Outcome::Answered), now);
                },
            }
            for (lane, grant) in called(&mut core, now) {
                // Used when it is due, or as late as it may be.
                let from = grant.at.max(now);
                prop_assert!(grant.at + nanos(SLACK) >= now);
                let left = grant.at + nanos(SLACK) - from;
                uses.push(([None, Some(0), Some(1)][lane as usize], from + chance % (left + 1)));
                out.push(grant);
            }
        }
        judge::holds(&tenant, &uses.iter().map(|(_, at)| *at).collect::<Vec<_>>());
        for (lane, limit) in actions.iter().enumerate() {
            let of_lane: Vec<Nanos> = uses.iter().filter(|(of, _)| *of == Some(lane)).map(|(_, at)| *at).collect();
            judge::holds(limit, &of_lane);
        }
    }

    /// A lane is as fast as its slowest window, and the tenant's line as fast as if nobody stood in the lane.
    #[test]
    fn an_action_and_all_others_each_go_at_their_own_pace(n in 2u32..=50, slow in 2u64..=20) {
        let fast = limit(n, 1_000, 1);
        let mut core = core(&[fast], &[&[limit(1, slow * 1_000, 1)]]);
        for age in 0..500 {
            core.join(Some(0), RunAge(age), 0, 0);
            core.join(None, RunAge(age), 0, 1);
        }
        let (mut now, mut granted) = (0, [0u32; 2]);
        while now < 60_000 * MS {
            for (lane, grant) in called(&mut core, now) {
                granted[lane as usize] += 1;
                core.finish(grant, Some(Outcome::Answered), now);
            }
            let Turn::At(instant) = core.turn(now) else { break };
            now = instant;
        }
        let expected = |interval: u64| u32::try_from(now.min(60_000 * MS) / interval).unwrap();
        let of_lane = expected((slow * 1_000 + 20) * MS + 1);
        prop_assert!(granted[0] >= of_lane && granted[0] <= of_lane + 2, "{granted:?}");
        prop_assert!(granted[1] == 500 || granted[0] + granted[1] >= expected(1_020 * MS / u64::from(n) + 1), "{granted:?}");
    }
}
