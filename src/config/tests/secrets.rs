//! Secrets stay secret.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::*;

fn in_file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn secrets_are_text_and_can_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let secret = in_file(&folder, "secret", b"from file\r\n");
    let url = in_file(&folder, "url", b"amqp://u:p@broker\n");
    let key = in_file(&folder, "key", b"0123456789abcde\n");
    let file = format!(
        "[broker]\nurl = \"amqp://localhost\"\n[audit]\nhash_key_file = {key:?}\n[tenants.north]\nbase_url = \"https://n\"\n\
         auth.client_secret_file = {secret:?}\n"
    );
    let env = [
        ("CXCHAIN__TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "007"),
        ("CXCHAIN__BROKER__URL_FILE", url.to_str().unwrap()),
    ];
    let config = load(&file, &env).unwrap();
    let secret = |name| tenant(&config, name).auth.client_secret.as_ref().unwrap().expose_secret().to_owned();
    assert_eq!(secret("default"), "007");
    assert_eq!(secret("north"), "from file");
    assert_eq!(config.broker.url.expose_secret(), "amqp://u:p@broker");
    assert_eq!(config.audit.hash_key.unwrap().expose_secret(), b"0123456789abcde\n");
}

#[test]
fn a_secret_given_twice_or_unreadable_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let key = in_file(&folder, "key", b"too short");
    let empty = in_file(&folder, "empty", b"\n");
    let wrong = in_file(&folder, "wrong", b"http://u:CANARY@broker");
    let file = format!(
        "[broker]\nurl_file = {wrong:?}\n[journal]\nurl_file = {empty:?}\n[audit]\nhash_key_file = {key:?}\n\
         [tenants.default.auth]\nclient_secret = \"CANARY\"\nclient_secret_file = \"/x\"\n\
         [tenants.north]\nbase_url = \"https://n\"\nauth.client_secret_file = \"/no/such/file\"\n"
    );
    let problems = problems(&file, &[]).join("\n").replace(folder.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(problems, @r#"
    c.toml:2: broker.url: must be a secret URL with a host, without query and fragment: amqp://user:password@host:5672/vhost, or amqps:// for TLS (port 5671)
    c.toml:4: journal.url_file: DIR/empty is empty
    c.toml:6: audit.hash_key_file: DIR/key holds 9 bytes; must be at least 16
    c.toml:8: tenants.default.auth.client_secret: given together with tenants.default.auth.client_secret_file; give one of the two
    c.toml:12: tenants.north.auth.client_secret_file: cannot read /no/such/file: No such file or directory (os error 2)
    "#);
}

#[test]
fn an_empty_secret_is_none_and_wins_over_nothing() {
    let file = "[tenants.default]\nca_file = \"\"\nauth.client_secret = \"\"\nauth.client_secret_file = \"\"\n";
    let config = load(file, &[("CXCHAIN__BROKER__URL_FILE", "")]).unwrap();
    assert!(tenant(&config, "default").auth.client_secret.is_none());
}

#[test]
fn nothing_that_can_be_printed_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let key = in_file(&folder, "key", b"CANARY-CANARY-CANARY");
    let secret = in_file(&folder, "secret", b"CANARY");
    let env = [
        ("CXCHAIN__BROKER__URL", "amqp://user:CANARY@host:5673/v"),
        ("CXCHAIN__JOURNAL__URL", "redis://:CANARY@cache/0"),
        ("CXCHAIN__TENANTS__DEFAULT__AUTH__CLIENT_SECRET", "CANARY"),
        ("CXCHAIN__TENANTS__N__BASE_URL", "https://n"),
        ("CXCHAIN__TENANTS__N__AUTH__CLIENT_SECRET_FILE", secret.to_str().unwrap()),
        ("CXCHAIN__AUDIT__HASH_KEY_FILE", key.to_str().unwrap()),
    ];
    let config = load("", &env).unwrap();
    let shown = config.shown();
    assert!(shown.contains("url = \"amqp://user:********@host:5673/v\"  # environment variable CXCHAIN__BROKER__URL"));
    assert_eq!(shown.matches("client_secret = \"********\"").count(), 2);
    for text in [shown, config.shown_json().to_string(), format!("{config:#?}")] {
        assert!(!text.contains("CANARY"), "{text}");
    }
}

#[test]
fn no_problem_quotes_a_secret_or_a_password() {
    let env = [
        ("CXCHAIN__BROKER__URL", "http://user:CANARY@host"),
        ("CXCHAIN__GATE__URL", "CANARY"),
        ("CXCHAIN__TENANTS__DEFAULT__BASE_URL", "https://user:CANARY@host"),
        ("CXCHAIN__TENANTS__DEFAULT__AUTH__TOKEN_URL", "https://host/?key=CANARY"),
        ("CXCHAIN__TENANTS__DEFAULT__AUTH", "{client_secret = \"CANARY\", client_secrt = \"CANARY\", CANARY"),
        ("CXCHAIN__NOTIFY__URL", "https://host/CANARY"),
        ("CXCHAIN__NOTIFY__SECRET", "CANARY"),
        ("CXCHAIN__BROKR__URL", "amqp://u:CANARY@host"),
    ];
    let problems = problems("[tenants.x.auth]\nclient_secret = [\"CANARY\"]\n", &env);
    assert!(problems.len() >= 9, "{problems:#?}");
    assert!(!problems.concat().contains("CANARY"), "{problems:#?}");
}
