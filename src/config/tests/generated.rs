//! The defaults, and what is generated from the keys.

use std::collections::BTreeSet;
use std::path::Path;

use secrecy::ExposeSecret;

use super::super::key::{self, Documented};
use super::super::reader::Notes;
use super::*;

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = defaults();
    assert!(config.worker.id.ends_with(&format!("-{}", std::process::id())), "{}", config.worker.id);
    assert_eq!(config.worker.drain_timeout, Duration::from_secs(130));
    assert_eq!(config.worker.max_message_bytes, 1_048_576);
    assert_eq!(config.worker.max_response_bytes, 4_194_304);
    assert_eq!(config.worker.max_result_bytes, 8_388_608);
    assert_eq!(config.broker.url.expose_secret(), "amqp://guest:guest@127.0.0.1:5672/%2f");
    assert_eq!(config.broker.heartbeat, Duration::from_secs(10));
    assert!(config.broker.declare);
    let queue = &config.queues;
    assert_eq!(
        (queue[0].name.as_str(), queue[0].tenant.as_str(), queue[0].prefetch),
        ("cxchain.chains", "default", Prefetch::Auto)
    );
    assert_eq!(config.exchanges.dead, "cxchain.dead");
    assert_eq!(config.logs.results.as_deref(), Some("cxchain.results.log"));
    assert_eq!(config.logs.max_bytes, 5_000_000_000);
    assert_eq!(config.gate.slack, Duration::from_millis(20));
    assert!(config.audit.hash_key.is_none());
    let tenant = tenant(&config, "default");
    assert_eq!(text(&tenant.base_url), "https://us-01.api.nicecxone.com/");
    assert_eq!(text(&tenant.auth.token_url), "https://us-01.api.nicecxone.com/oauth/token");
    assert_eq!(
        tenant.limits,
        [
            Limit { limit: 10, per: Duration::from_secs(1), burst: 2 },
            Limit { limit: 100, per: Duration::from_secs(60), burst: 10 }
        ]
    );
    assert_eq!(tenant.retry.statuses, [429, 503]);
    assert_eq!(tenant.breaker, Breaker { consecutive_failures: 10, open_for: Duration::from_secs(30) });
}

#[test]
fn the_shipped_file_says_exactly_the_defaults() {
    let shipped = load(DEFAULT_FILE, &[]).unwrap();
    assert_eq!(format!("{:?}", Config { shown: Vec::new(), ..shipped.clone() }), {
        format!("{:?}", Config { shown: Vec::new(), ..defaults() })
    });
    assert_eq!(shipped.shown_json(), defaults().shown_json());
    assert_eq!(shipped.broker.url.expose_secret(), defaults().broker.url.expose_secret());
}

#[test]
fn the_reference_has_every_key_that_is_read_and_no_other() {
    let file = FileText {
        path: "c.toml".into(),
        text: "[tenants.default.actions.x]\nlimits = [{ limit = 1, per = \"1s\" }]\n".into(),
    };
    let notes = Notes::default();
    let value = load::layers(Some(&file), Vec::new(), &mut Vec::new());
    walk(Section::root(&notes, value), "host");
    let asked: BTreeSet<String> = notes.asked.borrow().clone();
    let rows = |part: &key::Part| part.keys.iter().map(|key: &&dyn Documented| key.row().name).collect::<Vec<_>>();
    let mut documented: BTreeSet<String> = reference::PARTS
        .iter()
        .flat_map(|part| rows(part).into_iter().map(|name| format!("{}.{name}", part.pattern)).collect::<Vec<_>>())
        .collect();
    // A list that is a section of its own, and the windows of an action, which are those of a tenant.
    documented.insert("queues".into());
    documented.extend(["limit", "per", "burst"].map(|name| format!("tenants.NAME.actions.ID.limits[].{name}")));
    assert_eq!(asked, documented);
}

#[test]
fn the_generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stale: Vec<_> = [("docs/CONFIG.md", reference()), ("config/cxchain.toml", sample())]
        .into_iter()
        .filter(|(name, text)| std::fs::read_to_string(root.join(name)).ok().as_ref() != Some(text))
        .collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        for (name, text) in stale {
            std::fs::write(root.join(name), text).unwrap();
        }
    } else {
        let names: Vec<_> = stale.iter().map(|(name, _)| name).collect();
        assert!(names.is_empty(), "stale: {names:?}; UPDATE_GENERATED=1 cargo test --lib config:: writes them anew");
    }
}
#[test]
fn what_is_shown_is_toml_and_json_alike() {
    let config = load("[[queues]]\nname = \"a b\"\n[[queues]]\nname = \"b\"\n", &[]).unwrap();
    let toml: toml::Table = config.shown().parse().unwrap();
    assert_eq!(serde_json::to_value(&toml).unwrap(), config.shown_json());
    assert_eq!(config.shown_json()["queues"][1]["name"], "b");
    assert!(config.shown().contains("name = \"a b\"  # c.toml:2"), "{}", config.shown());
}
