//! The files of TLS: all that can be wrong with one is said with its key, at once, without a word of it.

use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};

use super::*;

/// A certificate authority of a test's own, and files with what it issued.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        for name in ["one", "other"] {
            let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
            let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
            files.write(&format!("{name}.pem"), certificate.pem());
            files.write(&format!("{name}.key"), key.serialize_pem());
        }
        files
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// `[broker.tls]` with these files.
    fn tls(&self, [ca, cert, key]: [&str; 3]) -> String {
        let entry = |key: &str, name: &str| match name {
            "" => String::new(),
            name => format!("{key} = {:?}\n", self.path(name)),
        };
        format!("[broker.tls]\n{}{}{}", entry("ca_file", ca), entry("cert_file", cert), entry("key_file", key))
    }

    /// What is wrong with these files for an `amqps://` broker.
    fn problems(&self, files: [&str; 3]) -> String {
        let found = problems(&format!("broker.url = \"amqps://localhost\"\n{}", self.tls(files)), &[]);
        found.join("\n").replace(self.0.path().to_str().unwrap(), "DIR")
    }
}

#[test]
fn good_files_are_taken_as_they_are() {
    let files = Files::new();
    files.write("bundle.pem", format!("# ours\n{}\n{}", files.read("one.pem"), files.read("other.pem")));
    for tls in [["", "", ""], ["bundle.pem", "", ""], ["bundle.pem", "one.pem", "one.key"]] {
        let config = load(&format!("broker.url = \"amqps://localhost\"\n{}", files.tls(tls)), &[]).unwrap();
        assert_eq!(config.broker.tls.authorities.is_some(), !tls[0].is_empty());
        assert_eq!(config.broker.tls.identity.is_some(), !tls[1].is_empty());
    }
}

#[test]
fn every_file_that_cannot_be_used_is_named_with_its_key() {
    let files = Files::new();
    files.write("empty", "");
    files.write("text", "CANARY");
    files.write("cut.key", &files.read("one.key").as_bytes()[..60]);
    files.write("garbled.pem", "-----BEGIN CERTIFICATE-----\nCANARY!\n-----END CERTIFICATE-----\n");
    files.write("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    files.write("hollow.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    files.write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    files.write("two.key", files.read("one.key") + &files.read("other.key"));
    let said: Vec<String> = [
        ["missing", "missing", "missing"],
        ["empty", "empty", "empty"],
        ["text", "text", "text"],
        [".", ".", "."],
        ["garbled.pem", "one.pem", "cut.key"],
        ["hollow.pem", "hollow.pem", "one.key"],
        ["one.key", "one.key", "one.pem"],
        ["one.pem", "one.pem", "other.key"],
        ["one.pem", "one.pem", "hollow.key"],
        ["one.pem", "one.pem", "locked.key"],
        ["one.pem", "one.pem", "two.key"],
        ["one.pem", "one.pem", ""],
        ["one.pem", "", "one.key"],
    ]
    .map(|tls| files.problems(tls))
    .into();
    assert!(!said.concat().contains("CANARY"), "{said:?}");
    insta::assert_snapshot!(said.join("\n"), @r#"
    c.toml:3: broker.tls.ca_file: cannot read DIR/missing: No such file or directory (os error 2)
    c.toml:4: broker.tls.cert_file: cannot read DIR/missing: No such file or directory (os error 2)
    c.toml:5: broker.tls.key_file: cannot read DIR/missing: No such file or directory (os error 2)
    c.toml:3: broker.tls.ca_file: DIR/empty is empty
    c.toml:4: broker.tls.cert_file: DIR/empty is empty
    c.toml:5: broker.tls.key_file: DIR/empty is empty
    c.toml:3: broker.tls.ca_file: DIR/text holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)
    c.toml:4: broker.tls.cert_file: DIR/text holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)
    c.toml:5: broker.tls.key_file: DIR/text holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)
    c.toml:3: broker.tls.ca_file: cannot read DIR: Is a directory (os error 21)
    c.toml:4: broker.tls.cert_file: cannot read DIR: Is a directory (os error 21)
    c.toml:5: broker.tls.key_file: cannot read DIR: Is a directory (os error 21)
    c.toml:3: broker.tls.ca_file: DIR/garbled.pem cannot be read as PEM: a section is not base64
    c.toml:5: broker.tls.key_file: DIR/cut.key cannot be read as PEM: a section has no end: is the file cut short?
    c.toml:3: broker.tls.ca_file: certificate 1 in DIR/hollow.pem is not well-formed
    c.toml:4: broker.tls.cert_file: the first certificate in DIR/hollow.pem is not well-formed
    c.toml:3: broker.tls.ca_file: DIR/one.key holds no certificate, but a private key
    c.toml:4: broker.tls.cert_file: DIR/one.key holds no certificate, but a private key
    c.toml:5: broker.tls.key_file: DIR/one.pem holds no private key, but a certificate
    c.toml:5: broker.tls.key_file: DIR/other.key does not belong to the first certificate in DIR/one.pem
    c.toml:5: broker.tls.key_file: DIR/hollow.key holds no RSA, ECDSA (P-256, P-384) or Ed25519 key that is well-formed
    c.toml:5: broker.tls.key_file: the private key in DIR/locked.key is encrypted; `openssl pkey` writes it without a passphrase
    c.toml:5: broker.tls.key_file: DIR/two.key holds 2 private keys; must hold one
    c.toml:4: broker.tls.cert_file: needs broker.tls.key_file, too
    c.toml:4: broker.tls.key_file: needs broker.tls.cert_file, too
    "#);
}

#[test]
fn files_for_a_connection_without_tls_are_refused() {
    let files = Files::new();
    let found = problems(&files.tls(["one.pem", "one.pem", "one.key"]), &[]);
    insta::assert_snapshot!(found.join("\n"), @r#"
    c.toml:2: broker.tls.ca_file: has no effect on an amqp:// connection: broker.url must be amqps://
    c.toml:3: broker.tls.cert_file: has no effect on an amqp:// connection: broker.url must be amqps://
    c.toml:4: broker.tls.key_file: has no effect on an amqp:// connection: broker.url must be amqps://
    "#);
    let ca = files.path("one.pem");
    let tenant = format!("[tenants.default]\nbase_url = \"http://127.0.0.1:1\"\nca_file = {ca:?}\n");
    insta::assert_snapshot!(problems(&tenant, &[]).join("\n"), @"c.toml:3: tenants.default.ca_file: has no effect: neither base_url nor auth.token_url is an https URL");
    let cxone = tenant.replace("base_url", "api = \"cxone\"\nauth.issuer");
    insta::assert_snapshot!(problems(&cxone, &[]).join("\n"), @"c.toml:4: tenants.default.ca_file: has no effect: none of base_url, auth.token_url and auth.issuer is an https URL");
    for well in [tenant, cxone] {
        assert!(load(&well.replace("http:", "https:"), &[]).is_ok());
    }
}

#[test]
fn a_tenants_authorities_are_checked() {
    let files = Files::new();
    let with = |name| {
        let file = format!("[tenants.default]\nca_file = {:?}\n", files.path(name));
        problems(&file, &[]).join("\n").replace(files.0.path().to_str().unwrap(), "DIR")
    };
    insta::assert_snapshot!(with("missing"), @"c.toml:2: tenants.default.ca_file: cannot read DIR/missing: No such file or directory (os error 2)");
    insta::assert_snapshot!(with("one.key"), @"c.toml:2: tenants.default.ca_file: DIR/one.key holds no certificate, but a private key");
    let ca_file = files.path("one.pem");
    let config = load(&format!("[tenants.default]\nca_file = {ca_file:?}\n"), &[]).unwrap();
    assert_eq!(tenant(&config, "default").ca_file.as_ref(), Some(&ca_file));
}

#[test]
fn a_key_that_everybody_may_read_is_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = Files::new();
    let file = format!("broker.url = \"amqps://localhost\"\n{}", files.tls(["one.pem", "one.pem", "one.key"]));
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        std::fs::set_permissions(files.path("one.key"), std::fs::Permissions::from_mode(mode)).unwrap();
        let mut found = load(&file, &[]).unwrap().warnings();
        found.retain(|one| !one.starts_with("tenants."));
        assert_eq!(found.len(), warnings, "{mode:o}: {found:?}");
        assert!(found.iter().all(|one| one.starts_with("broker.tls.key_file: ")), "{found:?}");
    }
}
