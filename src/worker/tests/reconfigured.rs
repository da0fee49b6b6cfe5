//! Messages whose runs began under another configuration.

use std::sync::Arc;

use super::*;
use crate::chain::action::{PathTemplate, PayloadSchema};
use crate::chain::check::Offer;
use crate::chain::{ActionId, ActionRules, ErrorClass, JobProgress, Retryable};
use crate::runner::tests::fakes::{failed, good, panicking, pending, submitted};

fn catalogue(rules: impl IntoIterator<Item = (&'static str, ActionRules)>) -> Catalogue {
    let rules = rules.into_iter().map(|(id, rules)| (ActionId::parse(id).unwrap(), Arc::new(rules))).collect();
    Catalogue::offering([(tenant(), Offer { rules, only: true, no_job: None })])
}

fn job() -> ActionRules {
    ActionRules { job: true, timeout: Some(Duration::from_secs(600)), ..ActionRules::default() }
}

/// Everything that a later configuration can hold against a definition that was accepted.
fn strict() -> Catalogue {
    let path = PathTemplate::parse("/c/{contactId}").ok();
    let schema = PayloadSchema::compile(json!({"required": ["x"], "additionalProperties": false})).ok();
    let b = ActionRules { required_params: vec!["contactId".into()], path, schema, ..ActionRules::default() };
    catalogue([("b", b)])
}

/// Two steps, the first of which fails without harm; the second is a job by its action alone.
fn two() -> Value {
    json!({"chain_id": "c", "steps": [
        {"action_id": "a", "on_failure": "continue"},
        {"action_id": "b", "timeout_seconds": 600, "version_id": "v1"},
    ]})
}

/// A run of [`two`] that has begun, was given up in the middle of its first step, and finds `later` configured when its message
/// comes again.
async fn begun_before(name: Option<&'static str>, later: Catalogue) -> Office {
    let office = Office::open_with(World::new(), |settings| {
        settings.catalogue = catalogue([("a", ActionRules::default()), ("b", job())]);
    });
    office.world.actions.reply([panicking()]);
    office.deliver(message("m1", &two()).named(name));
    office.after(2_000).await;
    assert_eq!(office.world.tape.count("requeue m1"), 1);
    let world = office.close().await.0;
    Office::open_with(world, |settings| settings.catalogue = later)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_begun_goes_on_whatever_is_configured_now() {
    for (later, calls) in [
        (catalogue([]), 2),
        (strict(), 1),
        (Catalogue::new([]), 2),
        (catalogue([("a", ActionRules::default()), ("b", ActionRules::default())]).require_run_id(true), 2),
    ] {
        for name in [Some("r"), None] {
            let office = begun_before(name, later.clone()).await;
            office.world.actions.reply([failed(0, 400, ErrorClass::Validation, Retryable::No)]);
            office.work_off(message("m2", &two()).named(name).again()).await;
            let tape = office.world.tape.all();
            assert_eq!(office.world.tape.only(&["bury", "ack m"]), ["ack m2"], "{later:?} {name:?}\n{tape}");
            assert_eq!(tape.matches(":result t.").count(), 1, "{tape}");
            // The first step's exchange was lost with the worker.
            assert_eq!(office.world.tape.count("send"), calls, "{tape}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_is_held_to_what_is_configured_now() {
    for name in [Some("r"), None] {
        let office = Office::open_with(World::new(), |settings| settings.catalogue = strict());
        office.work_off(message("m1", &two()).named(name).again()).await;
        assert_eq!(office.world.tape.only(&["bury", "ack m"]), ["bury m1 invalid", "ack m1"], "{name:?}");
        assert_eq!(office.world.tape.count("send"), 0);
        // It is not taken for one that somebody has: it comes again, and is told the same.
        office.work_off(message("m2", &two()).named(name).again()).await;
        assert_eq!(office.world.tape.count("bury m2 invalid"), 1, "{name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_definition_under_the_id_of_a_run_that_has_begun_is_a_conflict_as_ever() {
    let office = begun_before(Some("r"), catalogue([])).await;
    let other = json!({"chain_id": "other", "steps": [{"action_id": "a"}]});
    office.work_off(message("m2", &other).again()).await;
    assert_eq!(office.world.tape.only(&["bury", "ack m"]), ["bury m2 conflict", "ack m2"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_submitted_is_polled_on_when_its_action_is_none_any_more() {
    for later in [catalogue([("b", ActionRules::default())]), strict(), catalogue([])] {
        let definition = json!({"chain_id": "c", "steps": [{"action_id": "b"}]});
        let office = Office::open_with(World::new(), |settings| settings.catalogue = catalogue([("b", job())]));
        office.world.actions.reply([submitted(0)]);
        office.world.actions.poll([pending(0, JobProgress::Running)]);
        office.deliver(message("m1", &definition));
        office.after(5_000).await;
        let world = office.close().await.0;
        assert_eq!(world.tape.count("requeue m1"), 1, "{}", world.tape.all());
        world.actions.poll([crate::runner::tests::fakes::over(0, crate::chain::JobEnd::Completed)]);
        world.actions.reply([good(0)]);
        let office = Office::open_with(world, |settings| settings.catalogue = later.clone());
        office.work_off(message("m2", &definition).again()).await;
        let tape = office.world.tape.all();
        assert_eq!((office.world.tape.count("send"), office.world.tape.count("ack m2")), (1, 1), "{later:?}\n{tape}");
        assert_eq!(office.world.tape.only(&["publish r:result"]), ["publish r:result t.completed"], "{tape}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_run_that_is_alive_here_joins_it() {
    let office = begun_before(Some("r"), catalogue([])).await;
    office.world.actions.reply([good(5_000), good(5_000)]);
    office.deliver(message("m2", &two()).again());
    office.after(1_000).await;
    office.deliver(message("m3", &two()).again());
    office.after(30_000).await;
    assert_eq!(office.world.tape.only(&["bury", "ack m"]), ["ack m2", "ack m3"], "{}", office.world.tape.all());
}
