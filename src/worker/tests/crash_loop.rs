//! A run that kills its task whenever it is taken up.

use super::*;
use crate::runner::tests::fakes::panicking;

fn deadly() -> Value {
    json!({"chain_id": "c", "steps": [{"action_id": "a", "idempotent": true, "retry": {"max_attempts": 10}}]})
}

/// The run was taken up four times without getting any further.
async fn worn_out() -> Office {
    let office = Office::open(World::new());
    office.world.actions.reply((0..5).map(|_| panicking()));
    office.deliver(message("m0", &deadly()));
    for name in ["m1", "m2", "m3", "m4"] {
        office.after(2_000).await;
        office.deliver(message(name, &deadly()).again());
    }
    office.after(2_000).await;
    assert_eq!((office.world.tape.count("requeue m"), office.world.tape.count("bury")), (5, 0));
    office
}

#[tokio::test(start_paused = true)]
async fn the_fifth_time_its_message_is_copied_to_dead_after_its_result_and_then_acknowledged() {
    let office = worn_out().await;
    office.deliver(message("m5", &deadly()).again());
    office.after(2_000).await;
    let tape = &office.world.tape;
    let end = ["publish r:result", "journal settled", "bury", "buried", "ack"];
    let all = [
        "publish r:result t.indeterminate",
        "journal settled",
        "bury m5 crash_loop",
        "buried m5",
        "ack m5",
        "acknowledged r",
    ];
    assert_eq!(tape.only(&end), all, "{}", tape.all());
    assert_eq!(tape.count("send"), 5);
}

#[tokio::test(start_paused = true)]
async fn it_is_not_acknowledged_before_the_copy_is_confirmed_and_gets_it_the_next_time() {
    let office = worn_out().await;
    office.world.outbox.confirm_after("bury", 1_000);
    office.deliver(message("m5", &deadly()).again());
    office.after(500).await;
    office.world.outbox.stopped.send_replace(true);
    office.after(2_000).await;
    assert_eq!(office.world.tape.only(&["bury", "buried", "ack", "left"]), ["bury m5 crash_loop", "left m5"]);
    office.world.outbox.stopped.send_replace(false);
    office.work_off(message("m6", &deadly()).again()).await;
    assert_eq!(office.world.tape.only(&["buried", "ack m"]), ["buried m6", "ack m6"]);
    assert_eq!((office.world.tape.count("send"), office.world.tape.count("publish r:result")), (5, 2));
}
