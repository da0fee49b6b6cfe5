use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::ports::Outcome;

const MS: Duration = Duration::from_millis(1);

fn acme() -> TenantName {
    TenantName::parse("acme").unwrap()
}

fn limit(limit: u32, per: Duration, burst: u32) -> Limit {
    Limit::new(limit, per, burst).unwrap()
}

fn gate(limits: &[Limit], max_concurrent: usize) -> Arc<LocalGate> {
    let settings =
        GateSettings { limits: limits.to_vec(), max_concurrent, slack: 20 * MS, workers: 1, actions: BTreeMap::new() };
    Arc::new(LocalGate::new(BTreeMap::from([(acme(), settings)])))
}

async fn permit(gate: &LocalGate, age: u64) -> Permit {
    gate.permit(&acme(), None, RunAge(age), Duration::ZERO).await.unwrap()
}

/// Waits for a permit in a task of its own; `come` has run as far as it gets when this returns.
async fn come<T: Send + 'static>(come: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    let task = tokio::spawn(come);
    tokio::task::yield_now().await;
    task
}

fn status(gate: &LocalGate) -> (usize, usize, Option<Duration>) {
    let status = gate.status(&acme()).unwrap();
    (status.waiting, status.in_flight, status.paused_for)
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_let_through_oldest_run_first() {
    let gate = gate(&[limit(1, 100 * MS, 1)], 50);
    let (called, mut order) = tokio::sync::mpsc::unbounded_channel();
    permit(&gate, 0).await.finish(Outcome::Answered);
    for age in [5, 2, 9, 2, 7] {
        let (gate, called) = (Arc::clone(&gate), called.clone());
        come(async move {
            permit(&gate, age).await.finish(Outcome::Answered);
            called.send(age).unwrap();
        })
        .await;
    }
    drop(called);
    let mut ages = Vec::new();
    while let Some(age) = order.recv().await {
        ages.push(age);
    }
    assert_eq!(ages, [2, 2, 5, 7, 9]);
}

#[tokio::test(start_paused = true)]
async fn never_more_than_max_concurrent_are_out() {
    let gate = gate(&[], 3);
    let out = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for age in 0..40 {
        let (gate, out, most) = (Arc::clone(&gate), Arc::clone(&out), Arc::clone(&most));
        tasks.spawn(async move {
            let permit = permit(&gate, age).await;
            most.fetch_max(out.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(MS * u32::try_from(age % 7).unwrap()).await;
            out.fetch_sub(1, Ordering::SeqCst);
            if age % 3 == 0 { drop(permit) } else { permit.finish(Outcome::Answered) }
        });
    }
    tasks.join_all().await;
    assert_eq!(most.load(Ordering::SeqCst), 3, "all places were in use, and no more");
    assert_eq!(status(&gate), (0, 0, None));
}

#[tokio::test(start_paused = true)]
async fn a_429_holds_everybody_and_the_tenant_comes_back_on_a_ramp() {
    let gate = gate(&[], 4);
    let start = Instant::now();
    permit(&gate, 0).await.finish(Outcome::Throttled(60_000 * MS));
    permit_is_refused(&gate);
    assert_eq!(status(&gate), (0, 0, Some(60_000 * MS)));
    let first = permit(&gate, 1).await;
    assert!(start.elapsed() >= 60_000 * MS && start.elapsed() <= 60_002 * MS, "{:?}", start.elapsed());

    let mut more = (2..=8).map(|age| {
        let gate = Arc::clone(&gate);
        async move { permit(&gate, age).await }
    });
    let second = come(more.next().unwrap()).await;
    let third = come(more.next().unwrap()).await;
    let fourth = come(more.next().unwrap()).await;
    assert_eq!(status(&gate), (3, 1, None), "one at a time at first");
    first.finish(Outcome::Answered);
    assert_eq!(status(&gate), (1, 2, None), "then two");
    second.await.unwrap().finish(Outcome::Trouble);
    assert_eq!(status(&gate), (0, 2, None), "no answer, no more of them");
    third.await.unwrap().finish(Outcome::Answered);
    let fourth = fourth.await.unwrap();
    let _tasks = [come(more.next().unwrap()).await, come(more.next().unwrap()).await, come(more.next().unwrap()).await];
    let _last = come(more.next().unwrap()).await;
    assert_eq!(status(&gate), (1, 4, None), "then four, which is all");
    drop(fourth);
}

fn permit_is_refused(gate: &LocalGate) {
    assert!(gate.permit_now(&acme(), None, RunAge(0)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shorter_429_does_not_shorten_a_longer_one() {
    let gate = gate(&[], 4);
    let start = Instant::now();
    let (first, second) = (permit(&gate, 0).await, permit(&gate, 1).await);
    first.finish(Outcome::Throttled(500 * MS));
    sleep(100 * MS).await;
    second.finish(Outcome::Throttled(50 * MS));
    drop(permit(&gate, 2).await);
    assert!(start.elapsed() >= 500 * MS, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_429_for_longer_than_timers_reach_is_kept() {
    let gate = gate(&[], 4);
    permit(&gate, 0).await.finish(Outcome::Throttled(Duration::MAX));
    let year = Duration::from_secs(365 * 24 * 3_600);
    assert!(timeout(year, permit(&gate, 1)).await.is_err());
    assert!(gate.status(&acme()).unwrap().paused_for > Some(year));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_gives_its_place_up() {
    let gate = gate(&[limit(1, 100 * MS, 1)], 50);
    let start = Instant::now();
    drop(permit(&gate, 0).await);
    assert!(timeout(50 * MS, permit(&gate, 1)).await.is_err());
    assert_eq!(status(&gate), (0, 0, None));
    drop(permit(&gate, 2).await);
    assert!(start.elapsed() < 125 * MS, "the one that left took no cell: {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_not_received_goes_to_the_next_at_once() {
    let gate = gate(&[limit(1, 60_000 * MS, 1)], 1);
    let holder = gate.permit_now(&acme(), None, RunAge(0)).unwrap();
    sleep(60_000 * MS).await;
    let (name, start) = (acme(), Instant::now());
    let mut leaves = gate.permit(&name, None, RunAge(1), Duration::ZERO);
    assert!(timeout(MS, &mut leaves).await.is_err());
    let stays = come({
        let gate = Arc::clone(&gate);
        async move { permit(&gate, 2).await }
    })
    .await;
    sleep(30 * MS).await;
    drop(holder);
    assert_eq!(status(&gate), (1, 1, None), "the first has been called");
    drop(leaves);
    assert_eq!(status(&gate), (0, 1, None), "and its grant passed on");
    assert!(stays.await.unwrap().is_fresh());
    assert!(start.elapsed() < 100 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_permit_goes_stale_after_its_slack() {
    let gate = gate(&[limit(1, 100 * MS, 1)], 50);
    sleep(1_000 * MS).await;
    let permit = permit(&gate, 0).await;
    sleep(20 * MS).await;
    assert!(permit.is_fresh());
    sleep(MS).await;
    assert!(!permit.is_fresh());
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_an_older_run_by_not_waiting() {
    let gate = gate(&[limit(1, 100 * MS, 1)], 1);
    let first = permit(&gate, 5).await;
    let _older = come({
        let gate = Arc::clone(&gate);
        async move { permit(&gate, 5).await }
    })
    .await;
    sleep(200 * MS).await;
    permit_is_refused(&gate);
    drop(first);
    permit_is_refused(&gate);
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_sends_everybody_home() {
    let gate = gate(&[], 1);
    let first = permit(&gate, 0).await;
    let waiter = come({
        let gate = Arc::clone(&gate);
        async move { gate.permit(&acme(), None, RunAge(1), Duration::ZERO).await.err() }
    })
    .await;
    assert_eq!(status(&gate), (1, 1, None));
    gate.close();
    assert_eq!(waiter.await.unwrap(), Some(GateClosed));
    assert_eq!(gate.permit(&acme(), None, RunAge(2), Duration::ZERO).await.err(), Some(GateClosed));
    permit_is_refused(&gate);
    first.finish(Outcome::Answered);
    assert_eq!(status(&gate), (0, 0, None));
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_gone_leaves_nothing_behind() {
    let gate = gate(&[limit(1, 100 * MS, 1)], 1);
    let permit = permit(&gate, 0).await;
    let tenant: Weak<Tenant> = Arc::downgrade(&gate.tenants[&acme()]);
    drop(gate);
    permit.finish(Outcome::Answered);
    tokio::task::yield_now().await;
    assert_eq!(tenant.strong_count(), 0);
}

/// tokio's timers count in milliseconds, so at this pace each of them fires late.
#[tokio::test(start_paused = true)]
async fn coarse_timers_cost_less_than_a_twentieth_of_the_pace() {
    for n in [100, 1_000, 5_000] {
        let gate = gate(&[limit(n, 1_000 * MS, 1)], 50);
        let start = Instant::now();
        for _ in 0..10 * n {
            let permit = permit(&gate, 0).await;
            assert!(permit.is_fresh());
            permit.finish(Outcome::Answered);
        }
        let theory = f64::from(10 * n - 1) * 1.02 / f64::from(n);
        let took = start.elapsed().as_secs_f64();
        assert!(took >= theory - 0.010 && took <= theory / 0.95, "{n} a second: {took} s, {theory} in theory");
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "nobody has a token")]
async fn asking_for_a_tenant_that_is_not_configured_is_a_fault_of_the_program() {
    let gate = gate(&[], 1);
    let other = TenantName::parse("other").unwrap();
    assert_eq!(gate.status(&other), None);
    assert_eq!(gate.line(&other), Duration::ZERO, "whoever waits for a job of it waits for nobody");
    let _ = gate.permit_now(&other, None, RunAge(0));
}

/// How many of the permits that `per` allows are used in 10 s by who takes so long between permit and request.
async fn used(gate: &LocalGate, lead: Duration, takes: impl Fn(u32) -> Duration) -> (u32, u32) {
    let start = Instant::now();
    let (mut used, mut lost, mut last) = (0, 0, None);
    while start.elapsed() < Duration::from_secs(10) {
        let permit = gate.permit(&acme(), None, RunAge(0), lead).await.unwrap();
        sleep(takes(used + lost)).await;
        tokio::time::sleep_until(permit.due()).await;
        if permit.is_fresh() {
            let at = Instant::now();
            assert!(last.is_none_or(|last| at - last >= 100 * MS), "no more than the limit");
            last = Some(at);
            used += 1;
        } else {
            lost += 1;
        }
        permit.finish(Outcome::Answered);
    }
    (used, lost)
}

#[tokio::test(start_paused = true)]
async fn who_asks_as_long_ahead_as_the_way_to_the_request_is_loses_no_permit() {
    let (slow, uneven) = (|_| 45 * MS, |n| if n % 2 == 0 { 45 * MS } else { 36 * MS });
    let limits = [limit(1, 100 * MS, 1)];
    assert_eq!(used(&gate(&limits, 50), Duration::ZERO, slow).await.0, 0, "each is too old");
    let (some, lost) = used(&gate(&limits, 50), 45 * MS, slow).await;
    assert!(some >= 82 && lost == 0, "{some} of 83, {lost} lost");
    let (some, lost) = used(&gate(&limits, 50), 45 * MS, uneven).await;
    assert!(some >= 82 && lost == 0, "{some} of 83, {lost} lost");
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_out_when_the_tenant_is_paused_is_good_no_more() {
    let gate = gate(&[], 50);
    let (first, ahead) = (permit(&gate, 0).await, gate.permit(&acme(), None, RunAge(1), 500 * MS).await.unwrap());
    sleep(100 * MS).await;
    first.finish(Outcome::Throttled(Duration::from_secs(1)));
    tokio::time::sleep_until(ahead.due()).await;
    assert!(!ahead.is_fresh(), "the tenant said not to come");
}

#[tokio::test(start_paused = true)]
async fn an_actions_limits_hold_besides_the_tenants_and_only_for_it() {
    let id = |name: &str| ActionId::parse(name).unwrap();
    let slow = vec![limit(1, 30_000 * MS, 1)];
    let settings = GateSettings {
        limits: vec![limit(10, 1_000 * MS, 10)],
        max_concurrent: 50,
        slack: 20 * MS,
        workers: 1,
        actions: BTreeMap::from([(id("slow"), slow), (id("free"), vec![])]),
    };
    let gate = Arc::new(LocalGate::new(BTreeMap::from([(acme(), settings)])));
    assert!(gate.permit_now(&acme(), Some(&id("slow")), RunAge(0)).is_none(), "it stands in the line");
    let start = Instant::now();
    for round in 0..3 {
        let permit = gate.permit(&acme(), Some(&id("slow")), RunAge(0), Duration::ZERO).await.unwrap();
        permit.finish(Outcome::Answered);
        assert_eq!(start.elapsed().as_secs(), round * 30);
        for action in [None, Some(id("free")), Some(id("other"))] {
            gate.permit_now(&acme(), action.as_ref(), RunAge(9)).unwrap().finish(Outcome::Answered);
        }
    }
    assert_eq!(gate.status(&acme()).unwrap().waiting, 0);
}
