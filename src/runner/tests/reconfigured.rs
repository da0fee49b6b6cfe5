//! A run that is taken up under another configuration than the one that it began under: what was done, sent and shown by then stays
//! as it was.

use super::catalogue::{redacting, with};
use super::fakes::*;
use super::*;
use crate::chain::hash::sha256_hex;
use crate::chain::{JobEnd, JobProgress, Mode};

fn job_of(seconds: u64) -> Value {
    json!({"mode": "job", "timeout_seconds": seconds})
}

/// A call that may have been made, and may not be made again now: nobody knows, and nothing of another shape goes out under its name.
#[tokio::test(start_paused = true)]
async fn what_was_lost_and_may_not_be_sent_any_more_is_unknown() {
    let world = World::new();
    let mut chain = one(json!({"idempotent": true, "payload": {"id": null}}));
    world.actions.reply([good_with(10_000, json!({}))]);
    world.crash_after(&chain, 5_000).await;
    chain.steps[0].call_mut().required_params = vec!["id".into()];
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Indeterminate);
    let step = &world.result()["aggregated_responses"][0];
    assert_eq!((&step["status"], &step["error_classification"]), (&json!("unknown"), &json!("VALIDATION")));
    assert_eq!(world.tape.count("send"), 1);
    // What is told of it is what went out, not what would today.
    let [told, over] =
        ["step.retried", "step.finished"].map(|event| world.events_named(event)[0]["payload_hash"].clone());
    assert_eq!((told, over), (sha256_hex(br#"{"id":null}"#).into(), sha256_hex(br#"{"id":null}"#).into()));
}

/// What an action's configuration masked when its answer came stays masked when the action is gone from it.
#[tokio::test(start_paused = true)]
async fn what_was_masked_when_it_came_stays_masked() {
    let steps = json!([
        {"action_id": "fetch", "extract": {"phone": "phone", "name": "name"}},
        {"action_id": "other", "on_failure": "fallback", "fallback": {"output": {"phone": "${{ steps.step_0.output.phone }}"}}},
    ]);
    for (rules, name) in [(vec![], "Ada"), (vec![("fetch", redacting(&["/name"]))], "***")] {
        let world = World::new();
        world.actions.reply([good_with(0, json!({"phone": "4711", "name": "Ada"})), lost(9_000)]);
        world.crash_after(&with([("fetch", redacting(&["/phone"]))], steps.clone()), 5_000).await;
        let today = with(rules, steps.clone());
        assert_eq!(status(&world.drive_after_crash(&today).await), FinalStatus::Completed);
        let result = world.result();
        let step = &result["aggregated_responses"][0];
        assert_eq!(step["response_data"], json!({"phone": "***", "name": name}));
        assert_eq!(step["extracted"], json!({"phone": "***", "name": name}));
        assert!(!result.to_string().contains("4711"), "{result}");
    }
}

/// Neither that its action is no job any more, nor that its time is shorter, ends a job that the platform has.
#[tokio::test(start_paused = true)]
async fn a_known_job_has_the_time_that_it_was_submitted_with() {
    let world = World::new();
    let mut chain = one(job_of(300));
    world.actions.reply([submitted(100)]);
    world.crash_after(&chain, 40_000).await;
    let call = chain.steps[0].call_mut();
    (call.mode, call.timeout) = (Mode::Sync, Duration::from_secs(30));
    world.actions.poll([pending(0, JobProgress::Running), over(0, JobEnd::Completed)]);
    assert_eq!(status(&world.drive_after_crash(&chain).await), FinalStatus::Completed);
    assert_eq!(world.tape.count("send"), 1, "{}", world.tape.all());

    let world = World::new();
    let chain = one(job_of(60));
    world.actions.reply([submitted(100)]);
    world.crash_after(&chain, 40_000).await;
    let mut longer = chain.clone();
    longer.steps[0].call_mut().timeout = Duration::from_secs(300);
    assert_eq!(status(&world.drive_after_crash(&longer).await), FinalStatus::Indeterminate);
    let step = &world.events_named("step.finished")[0];
    let spent = step["latency_ms"].as_u64().unwrap();
    assert!((59_000..=60_000).contains(&spent), "{spent} ms");
}

#[tokio::test(start_paused = true)]
async fn what_was_hidden_when_a_job_was_submitted_is_hidden_from_texts_about_it() {
    let step = json!([{"action_id": "export", "mode": "job", "payload": {"phone": "+49 4711", "n": 1}}]);
    let gone = with([], step.clone());
    let mut refused = gone.clone();
    refused.steps[0].call_mut().required_params = vec!["other".into()];
    for today in [gone, refused] {
        let world = World::new();
        world.actions.reply([submitted(100)]);
        world.crash_after(&with([("export", redacting(&["/phone"]))], step.clone()), 4_000).await;
        world.actions.poll([over(0, JobEnd::Completed)]);
        assert_eq!(status(&world.drive_after_crash(&today).await), FinalStatus::Completed);
        let asked = world.actions.asked.lock().unwrap();
        let last = asked.last().unwrap();
        let hidden = (&["+49 4711".to_owned()][..], &redacting(&["/phone"]).redaction);
        assert_eq!((&last.hidden.0[..], &last.redaction), hidden);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_tenant_is_none_any_more_is_asked_after_at_a_quiet_pace() {
    let mut world = World::new();
    world.settings.poll.clear();
    world.actions.reply([submitted(0)]);
    world.drive(&one(job_of(60))).await;
    let polls = world.tape.count("poll ");
    assert!((15..=25).contains(&polls), "{polls} polls in a minute");
}
