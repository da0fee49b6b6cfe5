//! Runs whose message does not come again.

use super::*;
use crate::ports::Destination;
use crate::runner::tests::fakes::{good, never, panicking};

/// A chain of two steps with a minute's time.
fn brief() -> Value {
    json!({"chain_id": "c", "global_timeout_seconds": 60, "steps": [{"action_id": "a"}, {"action_id": "b"}]})
}

/// Its run is left in the middle of its second step, and its message goes back, never to be seen again.
async fn purged(world: World, message: Message) -> Office {
    let office = Office::open(world);
    office.world.actions.reply([good(100), panicking()]);
    office.deliver(message);
    office.after(2_000).await;
    assert_eq!(office.world.tape.count("requeue m1"), 1, "{}", office.world.tape.all());
    office
}

impl Office {
    fn results(&self) -> Vec<(String, Bytes)> {
        let sent = self.world.outbox.sent.lock().unwrap();
        let results = sent.iter().filter(|message| matches!(message.to, Destination::Results { .. }));
        results.map(|message| (message.message_id.clone(), message.body.clone())).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_past_its_deadline_ends_with_a_result_without_its_message_and_without_a_call() {
    let office = purged(World::new(), message("m1", &brief())).await;
    office.after(100_000).await;
    insta::assert_snapshot!(office.world.tape.timed(&["send", "publish r:result", "ack"]), @r"
        0 send step_0 #1 with token 1
      100 send step_1 #1 with token 1
    75000 publish r:result t.timed_out
    75000 acknowledged r
    ");
    let result: Value = serde_json::from_slice(&office.results()[0].1).unwrap();
    let statuses: Vec<&str> =
        result["audit_log"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["success", "unknown"]);
    assert_eq!(result["reason"]["code"], "global_timeout");
    // Should the message come after all: the same again.
    office.work_off(message("m2", &brief()).again()).await;
    let results = office.results();
    assert_eq!((results.len(), &results[0]), (2, &results[1]));
    assert_eq!((office.world.tape.count("ack m2"), office.world.tape.count("send")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_has_ended_and_is_not_published_is_published_as_it_is() {
    let office = Office::open(World::new());
    office.world.outbox.confirm_after("r:result", 100);
    office.deliver(message("m1", &brief()).lost());
    office.after(50).await;
    office.world.outbox.stopped.send_replace(true);
    office.after(1_000).await;
    assert_eq!(office.settled(), "    50 left m1\n");
    office.world.outbox.stopped.send_replace(false);
    office.after(100_000).await;
    let results = office.results();
    assert_eq!((results.len(), &results[0]), (2, &results[1]), "the same bytes under the same id");
    assert_eq!(office.world.tape.count("acknowledged r"), 1);
    assert_eq!(office.world.tape.only(&["publish r:result"]), ["publish r:result t.completed"; 2]);
}

#[tokio::test(start_paused = true)]
async fn one_whose_message_is_in_hand_is_left_to_it() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(100), never()]);
    office.deliver(message("m1", &brief()));
    office.world.outbox.confirm_after("r:2", 100_000);
    office.after(200_000).await;
    assert_eq!(office.world.tape.only(&["publish r:result", "ack m"]), ["publish r:result t.indeterminate", "ack m1"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_while_its_run_is_ended_is_settled_with_it() {
    for name in [Some("r"), None] {
        let office = purged(World::new(), message("m1", &brief()).named(name)).await;
        let accepted = office.world.outbox.sent.lock().unwrap()[0].message_id.clone();
        let run = accepted.strip_suffix(":1").unwrap();
        office.world.outbox.confirm_after(&format!("{run}:result"), 10_000);
        office.after(75_000).await;
        let results = || office.world.tape.count(&format!("publish {run}:result"));
        assert_eq!((results(), office.world.tape.count("acknowledged")), (1, 0), "its result is on its way");
        let other = json!({"chain_id": "other", "steps": [{"action_id": "a"}]});
        office.deliver(message("m2", &brief()).named(name).again());
        if name.is_some() {
            office.deliver(message("m3", &other));
        }
        office.after(20_000).await;
        assert_eq!((results(), office.world.tape.count("ack m2")), (1, 1));
        assert_eq!(office.world.tape.only(&["bury m"]), vec!["bury m3 conflict"; usize::from(name.is_some())]);
        assert_eq!(office.world.tape.count("send"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_without_an_id_finds_its_run_also_after_that_ended_without_it() {
    let office = purged(World::new(), message("m1", &brief()).named(None)).await;
    office.after(100_000).await;
    assert_eq!(office.results().len(), 1);
    office.work_off(message("m2", &brief()).named(None).again()).await;
    let results = office.results();
    assert_eq!((results.len(), &results[0]), (2, &results[1]));
    assert_eq!((office.world.tape.count("ack m2"), office.world.tape.count("send")), (1, 2));
    assert_eq!(office.world.tape.count("acknowledged"), 1, "now it is");
}

#[tokio::test(start_paused = true)]
async fn one_of_a_tenant_that_is_configured_no_more_has_its_result_too() {
    let mut definition = brief();
    definition["tenant"] = json!("gone");
    let office = purged(World::new(), message("m1", &definition)).await;
    let world = office.close().await.0;
    let office = Office::open_with(world, |settings| {
        settings.catalogue = Catalogue::new([tenant()]).require_run_id(true);
        settings.queue_tenants = BTreeMap::from([("q".to_owned(), TenantName::parse("another").unwrap())]);
    });
    office.after(100_000).await;
    assert_eq!(office.world.tape.only(&["publish r:result"]), ["publish r:result gone.timed_out"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_lost_with_the_process_is_left_to_whoever_has_its_message() {
    let world = World::new();
    world.journal.survives.store(false, Ordering::Relaxed);
    let office = purged(world, message("m1", &brief())).await;
    office.after(200_000).await;
    assert_eq!(office.results(), []);
}

#[tokio::test(start_paused = true)]
async fn none_is_ended_while_its_result_cannot_leave() {
    let office = purged(World::new(), message("m1", &brief())).await;
    office.world.outbox.takes.send_replace(false);
    office.after(200_000).await;
    assert_eq!(office.results(), []);
    office.world.outbox.takes.send_replace(true);
    office.after(1_000).await;
    assert_eq!(office.results().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_without_an_id_that_comes_while_its_run_is_claimed_finds_it() {
    let office = purged(World::new(), message("m1", &brief()).named(None)).await;
    *office.world.journal.claims_take.lock().unwrap() = Duration::from_secs(2);
    office.after(74_000).await;
    office.deliver(message("m2", &brief()).named(None).again());
    office.after(20_000).await;
    assert_eq!((office.results().len(), office.world.tape.count("ack m2")), (1, 1), "{}", office.world.tape.all());
    assert_eq!(office.world.tape.count("send"), 2);
}
