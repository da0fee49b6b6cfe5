use super::*;

const NOW: &str = "2026-01-02T03:04:05.678Z";

fn error(what: &str) -> Option<LastError> {
    Some(LastError { at: NOW.into(), what: what.into() })
}

fn connection(state: &'static str) -> Connection {
    Connection { state, since: NOW.into(), blocked: None, last_error: None }
}

fn queue(name: &str, state: &'static str) -> Queue {
    Queue { name: name.into(), state, since: NOW.into(), last_error: None }
}

fn publishing() -> Publishing {
    Publishing { connection: connection("connected"), lanes: 32, waiting: 0, retrying: 0, last_setback: None }
}

fn journal() -> Journal {
    Journal { kind: "memory", writes: true, since: NOW.into(), last_error: None }
}

fn open() -> Gate {
    Gate { paused_for_seconds: None, waiting: 0, in_flight: 3 }
}

fn tenants<T>(list: impl IntoIterator<Item = (&'static str, T)>) -> BTreeMap<String, T> {
    list.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}

fn well() -> Checks {
    Checks {
        work: Check::work(Work { draining: false, runs: 3 }),
        consuming: Check::consuming(connection("connected"), vec![queue("a", "consuming"), queue("b", "consuming")]),
        publishing: Check::publishing(publishing()),
        journal: Check::journal(journal()),
        token: Check::token(tenants([("north", Token::Valid), ("south", Token::NotAsked)])),
        gate: Check::gate(tenants([("north", open()), ("south", open())])),
    }
}

/// Status and what is waited for.
fn told(change: impl FnOnce(&mut Checks)) -> (Status, Vec<String>) {
    let mut checks = well();
    change(&mut checks);
    let health = Health::of("w".into(), checks);
    assert_eq!(health.ready, health.status != Status::Unready);
    (health.status, health.waits_for)
}

#[test]
fn a_worker_that_works_waits_for_nothing() {
    assert_eq!(told(|_| ()), (Status::Ready, vec![]));
}

#[test]
fn what_keeps_it_from_all_work_makes_it_unready() {
    let lost = Connection { last_error: error("cannot be reached"), ..connection("connecting") };
    let gone = Queue { last_error: error("NOT_FOUND"), ..queue("a", "queue_gone") };
    let blocked = Connection { blocked: Some("low on disk".into()), ..connection("blocked") };
    for (told, wanted) in [
        (
            told(|checks| checks.work = Check::work(Work { draining: true, runs: 2 })),
            "the end of 2 runs: the worker drains and takes nothing new",
        ),
        (
            told(|checks| checks.consuming = Check::consuming(connection("connected"), vec![gone])),
            "queue a: queue_gone: NOT_FOUND",
        ),
        (
            told(|checks| {
                checks.publishing = Check::publishing(Publishing { connection: lost.clone(), ..publishing() });
            }),
            "RabbitMQ: connecting (cannot be reached)",
        ),
        (
            told(|checks| checks.publishing = Check::publishing(Publishing { connection: blocked, ..publishing() })),
            "RabbitMQ takes no messages (connection.blocked: low on disk)",
        ),
        (
            told(|checks| {
                checks.journal = Check::journal(Journal { writes: false, last_error: error("disk full"), ..journal() });
            }),
            "the journal, which does not write: disk full",
        ),
    ] {
        assert_eq!(told, (Status::Unready, vec![wanted.to_owned()]));
    }
    let both = told(|checks| checks.consuming = Check::consuming(lost, vec![queue("a", "connection_lost")]));
    let wanted = ["RabbitMQ: connecting (cannot be reached)", "queue a: connection_lost"];
    assert_eq!(both, (Status::Unready, wanted.map(str::to_owned).to_vec()));
}

#[test]
fn what_keeps_it_from_some_work_is_told_and_it_stays_ready() {
    let failed = Token::Failed { class: "AUTHENTICATION", message: "refused the credentials".into() };
    for (told, wanted) in [
        (
            told(|checks| {
                let queues = vec![queue("a", "cancelled"), queue("b", "consuming")];
                checks.consuming = Check::consuming(connection("connected"), queues);
            }),
            "queue a: cancelled",
        ),
        (
            told(|checks| {
                let stuck = Publishing { retrying: 2, last_setback: Some("no queue is bound".into()), ..publishing() };
                checks.publishing = Check::publishing(stuck);
            }),
            "2 messages to be taken: no queue is bound",
        ),
        (
            told(|checks| checks.token = Check::token(tenants([("north", failed), ("south", Token::Over)]))),
            "tenant north: a token: AUTHENTICATION, refused the credentials",
        ),
        (
            told(|checks| {
                let paused = Gate { paused_for_seconds: Some(2.25), ..open() };
                checks.gate = Check::gate(tenants([("north", paused), ("south", open())]));
            }),
            "tenant north: the end of a pause after a 429, in 2.2 s",
        ),
    ] {
        assert_eq!(told, (Status::Degraded, vec![wanted.to_owned()]));
    }
}

#[test]
fn the_worst_comes_first() {
    let (status, waits) = told(|checks| {
        let paused = Gate { paused_for_seconds: Some(1.0), ..open() };
        checks.gate = Check::gate(tenants([("north", paused)]));
        checks.consuming =
            Check::consuming(connection("connected"), vec![queue("a", "cancelled"), queue("b", "consuming")]);
        checks.journal = Check::journal(Journal { writes: false, ..journal() });
    });
    assert_eq!(status, Status::Unready);
    assert_eq!(waits[0], "the journal, which does not write");
    assert_eq!(waits.len(), 3);
}

#[test]
fn every_check_has_one_entry_with_its_verdict() {
    let health = serde_json::to_value(Health::of("w".into(), well())).unwrap();
    let checks = health["checks"].as_object().unwrap();
    assert_eq!(checks.keys().collect::<Vec<_>>(), ["consuming", "gate", "journal", "publishing", "token", "work"]);
    assert!(checks.values().all(|check| check["status"] == "ready"), "{health}");
    assert_eq!(health["checks"]["token"]["tenants"]["south"], serde_json::json!({"state": "not_asked"}));
}
