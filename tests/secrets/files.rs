//! Secrets in files: whatever an editor or a mount makes of one, the shipped binary reads it or says what is wrong.

use cxchain::simulator::SimulatorSettings;

use super::outside::{env, said};
use super::support::worker::cxchain;
use super::support::{Broker, Stage, amqp};

/// Every secret that is text, with its twin and a value.
const TEXTS: [(&str, &str, &str); 4] = [
    ("broker.url", "broker.url_file", "amqp://guest:canary@127.0.0.1:1/%2f"),
    ("tenants.default.auth.client_secret", "tenants.default.auth.client_secret_file", "canary secret"),
    ("journal.url", "journal.url_file", "redis://:canary@cache:6379/0"),
    ("gate.url", "gate.url_file", "redis://:canary@cache:6379/0"),
];

/// `config check` with these keys: its exit code and all that it said.
async fn check(keys: &[(&str, &str)]) -> (i32, String) {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (key.to_uppercase().replace('.', "__"), *value)).collect();
    let keys: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let done = cxchain(&env(&keys)).args(["config", "check"]).output().await.expect("cxchain runs");
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(!said.contains("canary"), "{said}");
    (done.status.code().expect("no signal"), said)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        path.to_str().expect("the name is ours").to_owned()
    }
}

#[tokio::test]
async fn what_editors_put_around_a_secret_is_no_part_of_it() {
    let folder = Folder::new();
    for (key, twin, value) in TEXTS {
        let shown = |said: String| {
            let name = key.rsplit('.').next().expect("a name");
            let line = said.lines().find(|line| line.starts_with(&format!("{name} = ")) && line.contains("_FILE"));
            line.and_then(|line| line.split("  #").next()).map(str::to_owned)
        };
        let mut seen = Vec::new();
        for (name, text) in [
            ("bare", value.to_owned()),
            ("newline", format!("{value}\n")),
            ("crlf", format!("{value}\r\n")),
            ("newlines", format!("{value}\n\n")),
            ("mark", format!("\u{feff}{value}\r\n")),
        ] {
            let path = folder.file(name, text);
            let twin = twin.to_uppercase().replace('.', "__");
            let said = said(&["config", "show"], &env(&[(twin.as_str(), &path)])).await;
            assert!(!said.contains("canary"), "{said}");
            seen.push(shown(said.clone()).unwrap_or_else(|| panic!("{key} is not shown: {said}")));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{key}: {seen:?}");
        assert!(!seen[0].contains('\u{feff}') && !seen[0].contains("%0"), "{seen:?}");
    }
}

#[tokio::test]
async fn a_file_that_holds_no_secret_is_named_with_its_key_and_78() {
    let folder = Folder::new();
    let directory = folder.0.path().to_str().expect("the name is ours").to_owned();
    let (empty, newline) = (folder.file("empty", ""), folder.file("newline", "\r\n"));
    let bytes = folder.file("bytes", b"canary\xff");
    let endless = "/dev/zero".to_owned();
    for (path, words) in [
        (&empty, "is empty"),
        (&newline, "is empty"),
        (&format!("{directory}/missing"), "No such file or directory"),
        (&directory, "Is a directory"),
        // Not even root may read what nobody has mapped.
        (&"/proc/self/mem".to_owned(), "cannot read"),
        (&bytes, "is not UTF-8"),
        (&endless, "is longer than 65536 bytes"),
    ] {
        let keys: Vec<_> = TEXTS.iter().map(|(_, twin, _)| (*twin, path.as_str())).collect();
        let (code, said) = check(&keys).await;
        assert_eq!(code, 78, "{path}: {said}");
        for (_, twin, _) in TEXTS {
            let line = said.lines().find(|line| line.contains(&format!(": {twin}: ")));
            assert!(line.is_some_and(|line| line.contains(words) && line.contains(path.as_str())), "{twin}: {said}");
        }
    }
}

#[tokio::test]
async fn a_key_file_is_taken_byte_for_byte_and_has_a_length() {
    let folder = Folder::new();
    let directory = folder.0.path().to_str().expect("the name is ours").to_owned();
    // The newline is the sixteenth byte.
    assert_eq!(check(&[("audit.hash_key_file", &folder.file("key", "0123456789abcde\n"))]).await.0, 0);
    for (path, words) in [
        (folder.file("short", "0123456789abcde"), "holds 15 bytes; must be at least 16"),
        (folder.file("empty", ""), "holds 0 bytes; must be at least 16"),
        (format!("{directory}/missing"), "No such file or directory"),
        (directory, "Is a directory"),
        ("/proc/self/mem".to_owned(), "cannot read"),
        ("/dev/zero".to_owned(), "is longer than 65536 bytes"),
    ] {
        let (code, said) = check(&[("audit.hash_key_file", &path)]).await;
        assert_eq!(code, 78, "{path}: {said}");
        assert!(said.contains(": audit.hash_key_file: ") && said.contains(words), "{path}: {said}");
    }
}

#[tokio::test]
async fn a_secret_given_twice_in_one_place_is_refused_and_in_two_the_later_place_counts() {
    let folder = Folder::new();
    for (key, twin, value) in TEXTS {
        let path = folder.file("secret", value);
        let (code, said) = check(&[(key, value), (twin, &path)]).await;
        assert_eq!(code, 78, "{said}");
        assert!(said.contains(&format!("{key}: given together with {twin}; give one of the two")), "{said}");

        let (section, name) = key.rsplit_once('.').expect("a section");
        let config = folder.file("config.toml", format!("[{section}]\n{name} = {value:?}\n"));
        let mut command = cxchain(&env(&[(&twin.to_uppercase().replace('.', "__"), "/no/such/file")]));
        let done = command.args(["--config", &config, "config", "check"]).output().await.expect("cxchain runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.contains(&format!("{twin}: cannot read /no/such/file")), "the environment counts: {said}");
    }
    let path = folder.file("secret", "canary");
    let (code, said) = check(&[("notify.secret", "canary"), ("notify.secret_file", &path)]).await;
    assert_eq!(code, 78);
    assert!(said.contains("notify.secret: given together with notify.secret_file"), "{said}");
}

/// Read, and used: a newline in a password or in a secret would keep the worker out.
#[tokio::test]
async fn a_worker_with_its_secrets_in_files_completes_a_chain() {
    let folder = Folder::new();
    let broker = Broker::shared().await;
    let mut stage = Stage::new(broker, SimulatorSettings::default()).await;
    let url = folder.file("url", format!("{}\r\n", broker.url()));
    let secret = folder.file("secret", "simulator-secret\r\n");
    stage.set("broker.url", "").set("broker.url_file", &url);
    stage.set("tenants.default.auth.client_secret", "").set("tenants.default.auth.client_secret_file", &secret);
    let mut env = stage.env();
    env.retain(|(_, value)| !value.is_empty());
    let worker = super::support::Worker::spawn(&env);
    worker.consuming(1, super::support::SOON).await;
    let connection = amqp::connect(broker.url()).await;
    let channel = amqp::channel(&connection).await;
    stage.submit(&channel, br#"{"chain_id": "c", "steps": [{"action_id": "da-x"}]}"#, Some("run-1")).await;
    assert_eq!(stage.result(&channel).await["final_status"], "completed");
}
