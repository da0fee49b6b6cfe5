//! `topology check` and `topology print` change nothing.

use serde_json::{Value, json};

use super::{DURABLE, Place, declare_queue, table, text};

const ALL: [&str; 11] = [
    "exchange results",
    "exchange audit",
    "exchange dead",
    "exchange control",
    "queue dead",
    "queue chains",
    "queue chains.2",
    "queue cxchain.journal.chains",
    "queue cxchain.journal.chains.2",
    "queue audit.log",
    "queue results.log",
];

#[tokio::test]
async fn check_says_of_each_object_that_it_is_missing_and_makes_none() {
    let place = Place::new().await;
    let (code, out, _) = place.run(&["topology", "check"]).await;
    assert_eq!(code, 78);
    for object in ALL {
        let (kind, short) = object.split_once(' ').expect("a kind and a name");
        assert!(out.contains(&format!("{kind} {} is missing", place.name(short))), "{object}: {out}");
    }
    assert!(out.contains("cxchain topology apply"), "it says what to do: {out}");
    assert_eq!(place.there().await, [""; 0]);
}

#[tokio::test]
async fn check_passes_what_is_as_wanted() {
    let place = Place::new().await;
    place.apply().await;
    assert_eq!(place.there().await.len(), 9);
    let (code, out, said) = place.run(&["topology", "check"]).await;
    assert_eq!((code, said.as_str()), (0, ""));
    for object in ALL {
        let (kind, short) = object.split_once(' ').expect("a kind and a name");
        assert!(out.contains(&format!("✔ {kind} {}\n", place.name(short))), "{object}: {out}");
    }
}

#[tokio::test]
async fn check_as_json_tells_the_three_states() {
    let place = Place::new().await;
    place.apply().await;
    let connection = place.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    for short in ["dead", "chains.2"] {
        channel.queue_delete(place.name(short).as_str().into(), Default::default()).await.expect("it was there");
    }
    let classic = table(&[("x-queue-type", text("classic"))]);
    declare_queue(&connection, &place.name("dead"), DURABLE, classic).await.expect("declared");

    let (code, out, _) = place.run(&["topology", "check", "--json"]).await;
    assert_eq!(code, 78);
    let list: Value = serde_json::from_str(&out).expect("one JSON value");
    let of = |object: &str| {
        let (kind, short) = object.split_once(' ').expect("a kind and a name");
        let name = format!("{kind} {}", place.name(short));
        let entry = list.as_array().and_then(|list| list.iter().find(|entry| entry["object"] == json!(name)));
        entry.unwrap_or_else(|| panic!("{name} is not in {list}"))["is"].clone()
    };
    assert_eq!(of("queue chains"), json!({"state": "as_wanted"}));
    assert_eq!(of("queue chains.2"), json!({"state": "missing"}));
    let differs = of("queue dead");
    assert_eq!((&differs["state"], &differs["argument"]), (&json!("differs"), &json!("x-queue-type")));
    assert_eq!((&differs["found"], &differs["wanted"]), (&json!("'classic'"), &json!("'quorum'")));
}

/// It needs no broker.
#[tokio::test]
async fn print_shows_what_is_wanted() {
    let mut place = Place::new().await;
    place.set("BROKER__URL", "amqp://guest:guest@127.0.0.1:1/%2f");
    let (code, out, said) = place.run(&["topology", "print"]).await;
    assert_eq!((code, said.as_str()), (0, ""));
    for object in ALL {
        let (kind, short) = object.split_once(' ').expect("a kind and a name");
        let name = place.name(short);
        let line = |line: &&str| line.split_whitespace().take(2).eq([kind, &name]);
        assert!(out.lines().any(|text| line(&text)), "{object}: {out}");
    }
    assert_eq!(out.lines().filter(|line| line.starts_with("binding")).count(), 3, "{out}");
    assert!(out.contains("x-delivery-limit=100"), "{out}");

    let (code, out, said) = place.run(&["topology", "print", "--json"]).await;
    assert_eq!((code, said.as_str()), (0, ""));
    let printed: Value = serde_json::from_str(&out).expect("one JSON value");
    let names = |list: &str| {
        let list = printed[list].as_array().expect("a list").iter();
        list.map(|entry| entry["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("exchanges"), ["results", "audit", "dead", "control"].map(|short| place.name(short)));
    assert_eq!(names("queues").len(), 7);
    assert_eq!(
        printed["locks"],
        json!(["cxchain.lock.chains", "cxchain.lock.chains.2"].map(|short| place.name(short)))
    );
    let work =
        printed["queues"].as_array().and_then(|queues| queues.iter().find(|q| q["name"] == place.name("chains")));
    assert_eq!(work.expect("the work queue")["arguments"]["x-delivery-limit"], 100);
}
