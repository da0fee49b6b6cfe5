//! A journal that is in trouble: messages are held, nothing is sent, and the runs go on from their logs.

use super::*;
use crate::ports::JournalError;
use crate::runner::tests::fakes::good;

impl Office {
    fn journal_is_down(&self, down: bool) {
        self.world.journal.down.store(down, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_that_fails_costs_a_second_and_no_message_goes_back() {
    let office = Office::open(World::new());
    office.world.journal.fail_at(1, JournalError::Unavailable("disk full".into()));
    office.work_off(message("m1", &definition())).await;
    let settled = office.world.tape.timed(&["NOT", "send", "requeue", "left", "publish r:result", "ack m"]);
    insta::assert_snapshot!(settled, @r"
        0 NOT JOURNALED definition + run.accepted@1 + intent step_0 #1
     1000 send step_0 #1 with token 1
     1000 publish r:result t.completed
     1000 ack m1
    ");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_is_down_for_long_is_asked_ever_more_seldom_and_no_message_goes_back() {
    let office = Office::open(World::new());
    office.journal_is_down(true);
    office.deliver(message("m1", &definition()));
    office.deliver(message("m2", &definition()).named("s").again());
    office.after(50_000).await;
    insta::assert_snapshot!(office.world.tape.timed(&["NOT CLAIMED r"]), @r"
        0 NOT CLAIMED r
     1000 NOT CLAIMED r
     3000 NOT CLAIMED r
     7000 NOT CLAIMED r
    15000 NOT CLAIMED r
    30000 NOT CLAIMED r
    45000 NOT CLAIMED r
    ");
    assert_eq!(office.settled(), "");
    office.journal_is_down(false);
    office.after(20_000).await;
    assert_eq!((office.world.tape.count("send"), office.world.tape.count("ack m")), (2, 2));
    assert_eq!(office.world.tape.count("requeue"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_with_an_outcome_is_not_sent_again_after_it() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000), good(1_000)]);
    let two = json!({"chain_id": "c", "steps": [{"action_id": "a"}, {"action_id": "b"}]});
    office.deliver(message("m1", &two).named(None));
    office.after(1_500).await;
    office.journal_is_down(true);
    office.after(10_000).await;
    office.journal_is_down(false);
    office.after(60_000).await;
    let tape = &office.world.tape;
    assert_eq!((tape.count("send step_0"), tape.count("send step_1")), (1, 1), "{}", tape.all());
    assert_eq!((tape.count("requeue"), tape.count("ack m1")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_meanwhile_joins_and_is_settled_with_the_run() {
    let office = Office::open(World::new());
    office.journal_is_down(true);
    office.deliver(message("m1", &definition()).lost());
    office.after(5_000).await;
    office.deliver(message("m2", &definition()).again());
    office.after(1_000).await;
    office.journal_is_down(false);
    office.after(20_000).await;
    assert_eq!(office.world.tape.only(&["left", "ack m"]), ["left m1", "ack m2"]);
    assert_eq!(office.world.tape.count("send"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_leaves_what_waits_for_its_journal_to_the_broker_at_once() {
    let office = Office::open(World::new());
    office.world.actions.reply([good(1_000)]);
    office.deliver(message("m1", &definition()));
    office.after(500).await;
    office.journal_is_down(true);
    office.deliver(message("m2", &definition()).named("s"));
    office.after(5_000).await;
    let (world, drained) = office.close().await;
    assert_eq!(drained, Drained::Clean);
    let left = world.tape.timed(&SETTLED);
    assert!(
        left.contains("  5500 left m1\n") && left.contains("  5500 left m2\n") && left.lines().count() == 2,
        "{left}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_worker_took_over_goes_back_but_not_at_once() {
    let office = Office::open(World::new());
    office.world.journal.fail_at(1, JournalError::Fenced);
    office.work_off(message("m1", &definition())).await;
    assert_eq!(office.world.tape.timed(&["requeue", "send"]), "  1000 requeue m1\n");
    office.work_off(message("m2", &definition()).again()).await;
    assert_eq!(office.world.tape.only(&["publish r:result"]), ["publish r:result t.completed"]);
}
