//! A certificate authority of a test's own, and the files that it hands out.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};

pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// A certificate and its key, both as text and as files.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("a temporary file");
        Self { issuer, folder }
    }

    /// Its own certificate.
    pub(crate) fn certificate(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// For a server or a client that is called `name`, a host's name or address, or whatever a client is called.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, |_| {})
    }

    /// One that was good last year.
    pub(crate) fn issue_expired(&self, name: &str) -> Issued {
        self.issue_with(name, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn issue_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let name = super::support::unique(name);
        let [certificate_file, key_file] = ["pem", "key"].map(|end| self.folder.path().join(format!("{name}.{end}")));
        let issued = Issued { certificate, key: key.serialize_pem(), certificate_file, key_file };
        issued.write(&issued);
        std::fs::set_permissions(&issued.key_file, Permissions::from_mode(0o600)).expect("the file is ours");
        issued
    }
}

impl Issued {
    /// Puts another certificate into this one's files.
    pub(crate) fn write(&self, other: &Issued) {
        replace(&self.key_file, &other.key);
        replace(&self.certificate_file, &other.certificate);
    }
}

fn replace(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a temporary file");
}
