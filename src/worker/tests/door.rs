//! What waits for its turn, and what does not have to.

use super::*;
use crate::runner::tests::fakes::{Token, good};

const FULL: Duration = Duration::from_secs(3600);

impl Office {
    /// A newcomer of this tenant would wait so long at the gate, and `each` longer for everybody before it.
    pub(super) fn line(&self, tenant: &str, line: Duration, each: Duration) {
        let tenant = TenantName::parse(tenant).unwrap();
        self.world.gate.lines.lock().unwrap().insert(tenant, (line, each));
    }

    fn begun(&self) -> Vec<String> {
        self.world.tape.only(&["send", "bury m", "requeue", "ack m"])
    }
}

fn of(tenant: &str) -> Value {
    json!({"chain_id": "c", "tenant": tenant, "steps": [{"action_id": "a"}]})
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_waits_for_its_turn_has_no_clock_and_no_event() {
    let office = Office::open(World::new());
    office.line("t", FULL, Duration::ZERO);
    office.deliver(message("m1", &definition()));
    office.after(400_000).await;
    assert_eq!(office.world.tape.lines(), [""; 0], "longer than its global timeout, and nothing of it");
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(1_000).await;
    assert_eq!(office.world.tape.count("publish r:result t.completed"), 1);
    assert_eq!(office.world.tape.count("ack m1"), 1);
}

#[tokio::test(start_paused = true)]
async fn of_many_as_many_begin_as_the_gate_serves_within_a_second_the_oldest_first() {
    let office = Office::open_with(World::new(), |settings| settings.most_in_hand = 100);
    let slow = || Token::Good { after: Duration::from_secs(10), life: FULL };
    office.world.actions.grant((0..20).map(|_| slow()));
    office.line("t", Duration::from_millis(500), Duration::from_millis(100));
    let names: Vec<&'static str> = (0..20).map(|n| &*Box::leak(format!("n{n:02}").into_boxed_str())).collect();
    for name in &names {
        office.deliver(message(name, &definition()).named(*name));
    }
    office.after(9_000).await;
    let accepted = office.world.tape.only(&["publish n"]);
    assert_eq!(accepted.len(), 5, "on their way to the gate, not there yet: {accepted:?}");
    for (line, name) in accepted.iter().zip(&names) {
        assert!(line.starts_with(&format!("publish {name}:1")), "{line}");
    }
    office.after(300_000).await;
    assert_eq!(office.world.tape.count("ack n"), 20);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_lets_nobody_in_holds_nobody_else_up() {
    let office = Office::open(World::new());
    office.line("busy", FULL, FULL);
    for name in ["m1", "m2", "m3"] {
        office.deliver(message(name, &of("busy")).named(name));
    }
    office.deliver(message("m4", &of("idle")).named("m4"));
    office.deliver(message("m5", &json!([])).named("m5"));
    office.after(10).await;
    let tape = &office.world.tape;
    assert_eq!(
        [tape.count("ack m"), tape.count("ack m4"), tape.count("ack m5"), tape.count("publish m4:result")],
        [2, 1, 1, 1]
    );
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_one_that_waits_joins_it_or_is_a_conflict_at_once() {
    let office = Office::open(World::new());
    office.line("t", FULL, FULL);
    office.deliver(message("m1", &definition()));
    office.deliver(message("m2", &definition()));
    office.deliver(message("m3", &of("other")));
    office.after(10).await;
    assert_eq!(office.begun(), ["bury m3 conflict", "ack m3"]);
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(1_000).await;
    assert_eq!((office.world.tape.count("send"), office.world.tape.count("ack m")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_or_is_over_does_not_wait_when_it_comes_again() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.work_off(message("m1", &definition()).lost()).await;
    office.line("t", FULL, FULL);
    office.work_off(message("m2", &definition()).again()).await;
    assert_eq!(office.world.tape.only(&["ack m"]), ["ack m2"], "settled before");
    office.deliver(message("m3", &definition()).named("new").again());
    office.after(60_000).await;
    assert_eq!(
        (office.world.tape.count("send"), office.world.tape.count("publish new")),
        (1, 0),
        "handed out before, not begun"
    );
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(1_000).await;
    assert_eq!(office.world.tape.count("ack m3"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_expires_while_it_waits_ends_as_expired_there_and_then() {
    let office = Office::open(World::new());
    office.line("t", FULL, FULL);
    let now = office.world.ports.clock.now();
    let expiring = |seconds: i64| {
        let at = now + Duration::from_secs(u64::try_from(seconds).unwrap());
        json!({"chain_id": "c", "expires_at": at.to_string(), "steps": [{"action_id": "a"}]})
    };
    office.deliver(message("m1", &expiring(30)).named("late"));
    office.deliver(message("m2", &expiring(90)).named("later"));
    office.after(29_990).await;
    assert_eq!(office.world.tape.count("publish"), 0);
    office.after(20).await;
    assert_eq!(office.world.tape.only(&["publish late:result", "ack m"]), ["publish late:result t.expired", "ack m1"]);
    assert_eq!(office.world.tape.count("send"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_back_what_waits_at_once_and_in_order() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(10_000)]);
    office.deliver(message("m1", &definition()).named("m1"));
    office.after(100).await;
    office.line("t", FULL, FULL);
    for name in ["m2", "m3", "m4"] {
        office.deliver(message(name, &definition()).named(name));
    }
    office.deliver(message("again", &definition()).named("m5").again());
    office.after(900).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    insta::assert_snapshot!(world.tape.timed(&["requeue", "ack"]), @r"
     1000 requeue m2
     1000 requeue m3
     1000 requeue m4
     1000 requeue again
    10000 ack m1
    10000 acknowledged m1
    ");
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_for_the_broker_goes_back_and_waits_again() {
    let office = Office::open(World::new());
    office.line("t", FULL, FULL);
    office.deliver(message("m1", &definition()));
    office.after(599_000).await;
    assert_eq!(office.settled(), "");
    office.after(1_500).await;
    assert_eq!(office.settled().trim(), "600000 requeue m1");
    office.deliver(message("m2", &definition()).again());
    office.after(599_000).await;
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(1_000).await;
    assert_eq!((office.world.tape.count("ack m2"), office.world.tape.count("send")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_whose_channel_is_lost_until_its_message_comes_again() {
    let office = Office::open(World::new());
    office.line("t", FULL, FULL);
    office.deliver(message("m1", &definition()).named(None).lost());
    office.deliver(message("m2", &definition()).named("other").lost());
    office.after(500).await;
    office.line("t", Duration::ZERO, Duration::ZERO);
    office.after(60_000).await;
    assert_eq!(office.world.tape.lines(), [""; 0], "another worker may have it by now");
    office.deliver(message("m3", &definition()).named(None).again());
    office.after(1_000).await;
    assert_eq!(office.world.tape.only(&["left", "requeue", "ack m", "send"]).len(), 3, "{}", office.world.tape.all());
    assert_eq!(office.world.tape.count("ack m3"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_makes_room_for_what_comes() {
    let office = Office::open_with(World::new(), |settings| settings.most_in_hand = 2);
    office.line("t", FULL, FULL);
    office.deliver(message("m1", &definition()).named("m1").lost());
    office.deliver(message("m2", &definition()).named("m2").lost());
    office.after(500).await;
    for name in ["m3", "m4"] {
        office.deliver(message(name, &definition()).named(name));
    }
    office.after(10).await;
    assert_eq!(office.settled(), "   500 left m1\n   500 left m2\n");
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_while_the_broker_takes_no_messages_and_a_drain_gives_it_back() {
    let office = Office::open(World::new());
    office.world.outbox.takes.send_replace(false);
    office.deliver(message("m1", &definition()));
    office.after(60_000).await;
    assert_eq!(office.world.tape.lines(), [""; 0]);
    let (world, drained) = office.close().await;
    assert_eq!((world.tape.lines(), drained), (vec!["requeue m1".to_owned()], Drained::Clean));
}
