//! Fifty ways in which a message is no chain.

use serde_json::{Value, json};

/// Stands in every value that a message carries, and so must be in nothing that is said about it.
pub(crate) const CANARY: &str = "canary-5e1f";

/// A message, and what has to be said of it.
pub(crate) struct Broken {
    pub(crate) what: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) message_id: Option<String>,
    pub(crate) reason: &'static str,
    /// Every place that is complained about, in the order of the body.
    pub(crate) pointers: Vec<String>,
}

/// The definition that each one is made from. Its actions would be seen at the simulator.
pub(crate) fn sound() -> Value {
    json!({
        "chain_id": "broken-chain",
        "metadata": {"owner": CANARY},
        "steps": [
            {"action_id": "da-broken-1", "payload": {"secret": CANARY}, "on_failure": "continue"},
            {"action_id": "da-broken-2", "payload": {"list": [CANARY, 1]}},
        ],
    })
}

/// `sound` with another value at this pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = sound();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).expect("a place")[key] = value;
    body
}

fn without(pointer: &str) -> Value {
    let mut body = sound();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(key);
    body
}

/// `sound` as text, with one part of it replaced.
fn text(from: &str, to: &str) -> String {
    let text = sound().to_string();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1)
}

fn of_text(what: &'static str, body: impl Into<Vec<u8>>, pointers: &[&str]) -> Broken {
    let pointers = pointers.iter().map(ToString::to_string).collect();
    Broken { what, body: body.into(), message_id: None, reason: "invalid", pointers }
}

fn of_value(what: &'static str, pointer: &str, value: Value) -> Broken {
    of_text(what, with(pointer, value).to_string(), &[pointer])
}

fn of_id(what: &'static str, id: impl Into<String>) -> Broken {
    let body = with("/chain_id", json!(what.replace(' ', "-")));
    Broken { message_id: Some(id.into()), ..of_text(what, body.to_string(), &[""]) }
}

/// All of them; no two have the same body.
pub(crate) fn fifty() -> Vec<Broken> {
    let mut all = unreadable();
    all.extend(names());
    all.extend(bounds());
    all.extend(rules());
    all.extend(message_ids());
    assert_eq!(all.len(), 50);
    all
}

fn unreadable() -> Vec<Broken> {
    let mut not_utf8 = text(CANARY, "canary-5e1f-#").into_bytes();
    let at = not_utf8.iter().position(|byte| *byte == b'#').expect("a place");
    not_utf8[at] = 0xE9;
    let large = with("/steps/0/payload/secret", json!(CANARY.repeat((2 << 20) / CANARY.len())));
    vec![
        of_text("bad UTF-8 in a string", not_utf8, &["/metadata/owner"]),
        of_text("bad UTF-8 at once", b"\xff\xfe canary-5e1f".as_slice(), &[""]),
        of_text("200,000 open braces", "{".repeat(200_000), &[""]),
        of_text("200,000 open objects", r#"{"a":"#.repeat(200_000), &[&"/a".repeat(64)]),
        Broken { reason: "too_large", ..of_text("2 MiB", large.to_string(), &[""]) },
        Broken { reason: "too_large", ..of_text("2 MiB of nothing", " ".repeat(2 << 20), &[""]) },
        of_text("nothing", "", &[""]),
        of_text("an array", format!("[\"{CANARY}\"]"), &[""]),
        of_text("cut short", &sound().to_string().as_bytes()[..50], &["/metadata/owner"]),
        of_text("more after the end", format!("{} {{\"x\":\"{CANARY}\"}}", sound()), &[""]),
        of_text("one half of a surrogate pair", text(CANARY, "canary-5e1f\\ud800"), &["/metadata/owner"]),
        of_text("a control character", text(CANARY, "canary-5e1f\u{1}"), &["/metadata/owner"]),
        of_text("65 levels", text("1]", &format!("{}{}]", "[".repeat(60), "]".repeat(60))), &[&deep_pointer()]),
        of_text("an integer beyond 64 bits", text("1]", "99999999999999999999]"), &["/steps/1/payload/list/1"]),
        of_text(
            "a key of the definition twice",
            text(r#""chain_id":"#, r#""chain_id":"twice","chain_id":"#),
            &["/chain_id"],
        ),
        of_text(
            "a key of a payload twice",
            text(r#""secret":"#, r#""secret":"canary-5e1f","secret":"#),
            &["/steps/0/payload/secret"],
        ),
    ]
}

/// Of the first value that lies in 65 arrays and objects.
fn deep_pointer() -> String {
    format!("/steps/1/payload/list/1{}", "/0".repeat(59))
}

fn names() -> Vec<Broken> {
    vec![
        of_value("a chain id that climbs", "/chain_id", json!("../../canary-5e1f")),
        of_value("a chain id of 129 characters", "/chain_id", json!("a".repeat(129))),
        of_value("an empty run id", "/run_id", json!("")),
        of_value("a run id with %2f", "/run_id", json!("canary-5e1f%2f..%2fadmin")),
        of_value("a run id with CRLF", "/run_id", json!("canary-5e1f\r\nX-Admin: 1")),
        of_value("a run id that is a URL", "/run_id", json!("http://169.254.169.254/canary-5e1f")),
        of_value("a tenant with two underscores", "/tenant", json!("canary-5e1f__x")),
        of_value("a tenant of 64 characters", "/tenant", json!("a".repeat(64))),
        of_value("a tenant that is not served", "/tenant", json!("canary-5e1f")),
        of_value("a step id with a minus", "/steps/0/id", json!("canary-5e1f")),
        of_value("a step id of 65 characters", "/steps/0/id", json!("a".repeat(65))),
        of_value("an action that climbs", "/steps/0/action_id", json!("../../canary-5e1f")),
        of_value("an action with %2f", "/steps/0/action_id", json!("da%2f..%2fcanary-5e1f")),
        of_value("an action with CRLF", "/steps/0/action_id", json!("da\r\nHost: canary-5e1f")),
        of_value("an action that is a URL", "/steps/0/action_id", json!("//canary-5e1f.example/x")),
    ]
}

fn bounds() -> Vec<Broken> {
    let steps = |count: usize| (0..count).map(|i| json!({"action_id": format!("da-broken-{i}")})).collect::<Value>();
    vec![
        of_value("another version", "/version", json!(2)),
        of_value("max_depth 26", "/max_depth", json!(26)),
        of_value("global_timeout_seconds 59", "/global_timeout_seconds", json!(59)),
        of_value("global_timeout_seconds 901.0", "/global_timeout_seconds", json!(901.0)),
        of_value("expires_at without an offset", "/expires_at", json!("2027-01-31T09:30:00 canary-5e1f")),
        of_value("no step", "/steps", json!([])),
        of_value("eleven steps and no max_depth", "/steps", steps(11)),
        of_value("timeout_seconds 4", "/steps/0/timeout_seconds", json!(4)),
        of_value("timeout_seconds null", "/steps/1/timeout_seconds", json!(null)),
        of_text(
            "max_attempts 11",
            with("/steps/0/retry", json!({"max_attempts": 11})).to_string(),
            &["/steps/0/retry/max_attempts"],
        ),
    ]
}

fn rules() -> Vec<Broken> {
    let five = json!({
        "chain_id": "broken canary-5e1f",
        "global_timeout_seconds": 5,
        "metadata": {"a/b": 5},
        "steps": [
            {"action_id": "da-broken-1", "payload": "canary-5e1f"},
            {"action_id": "da-broken-2", "on_faliure": "canary-5e1f"},
        ],
    });
    let five_pointers =
        ["/chain_id", "/global_timeout_seconds", "/metadata/a~1b", "/steps/0/payload", "/steps/1/on_faliure"];
    vec![
        of_text("no action", without("/steps/1/action_id").to_string(), &["/steps/1/action_id"]),
        of_value("the same action twice", "/steps/1/action_id", json!("da-broken-1")),
        of_value("another directive", "/steps/0/on_failure", json!("canary-5e1f")),
        of_value("a field of mode job", "/steps/0/version_id", json!("v1-canary-5e1f")),
        of_text("five faults", five.to_string(), &five_pointers),
    ]
}

fn message_ids() -> Vec<Broken> {
    let differs = with("/run_id", json!("in-the-body"));
    let both = with("/chain_id", json!("a b"));
    vec![
        of_id("a message id that climbs", "../../canary-5e1f"),
        of_id("a message id with CRLF", "canary-5e1f\r\nX-Admin: 1"),
        Broken { message_id: Some("another".into()), ..of_text("two run ids", differs.to_string(), &["/run_id"]) },
        Broken {
            message_id: Some("canary 5e1f".into()),
            ..of_text("a message id and a body", both.to_string(), &["", "/chain_id"])
        },
    ]
}
