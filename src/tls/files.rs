//! The files of a TLS client, as the configuration names them.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, RootCertStore};

use super::pem;

/// Whom a client trusts and who it is. Read anew for every connection, so that new certificates need no restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The only authorities that are trusted, PEM; `None`: those of the system (or of `SSL_CERT_FILE` and `SSL_CERT_DIR`).
    pub authorities: Option<PathBuf>,
    /// What the client shows of itself.
    pub identity: Option<Identity>,
}

/// A client's certificate and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate first, then those that lead to an authority, PEM.
    pub chain: PathBuf,
    /// The private key, PEM, unencrypted: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// One of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// [`Files::authorities`]
    Authorities,
    /// [`Identity::chain`]
    Chain,
    /// [`Identity::key`]
    Key,
}

/// A file that cannot be used. Quotes nothing of it but its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Which one.
    pub file: Which,
    /// What is wrong, the path included.
    pub what: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for FileProblem {}

impl Files {
    /// How to connect, with what the files hold now. Reads files: not for an async task.
    ///
    /// # Errors
    /// Everything that is wrong with the files; also that none names authorities and the system has none.
    pub fn client(&self) -> Result<Arc<ClientConfig>, Vec<FileProblem>> {
        let mut problems = Vec::new();
        let roots = self.roots().map_err(|what| problems.push(FileProblem { file: Which::Authorities, what }));
        let own = self.identity.as_ref().map(Identity::read).transpose();
        let own = own.map_err(|wrong| problems.extend(wrong));
        let (Ok(roots), Ok(own)) = (roots, own) else { return Err(problems) };
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of both versions")
            .with_root_certificates(roots);
        Ok(Arc::new(match own {
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
            None => builder.with_no_client_auth(),
        }))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(path) => roots.add_parsable_certificates(pem::authorities(path)?),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        };
        if roots.is_empty() {
            return Err("this system has no certificate authorities: name a file with those to be trusted".into());
        }
        Ok(roots)
    }

    /// The key's path, if everybody on this machine may read it.
    #[must_use]
    pub fn exposed_key(&self) -> Option<&Path> {
        const READABLE_BY_OTHERS: u32 = 0o004;
        let key = self.identity.as_ref()?.key.as_path();
        let mode = std::fs::metadata(key).ok()?.permissions().mode();
        (mode & READABLE_BY_OTHERS != 0).then_some(key)
    }
}

impl Identity {
    fn read(&self) -> Result<CertifiedKey, Vec<FileProblem>> {
        let problem = |file, what| FileProblem { file, what };
        let (chain, key) = (pem::certificates(&self.chain), pem::private_key(&self.key));
        let (chain, key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => {
                let chain = chain.err().map(|what| problem(Which::Chain, what));
                let key = key.err().map(|what| problem(Which::Key, what));
                return Err(chain.into_iter().chain(key).collect());
            }
        };
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|why| {
            let (chain, key) = (self.chain.display(), self.key.display());
            vec![match why {
                Error::InconsistentKeys(_) => {
                    problem(Which::Key, format!("{key} does not belong to the first certificate in {chain}"))
                }
                Error::InvalidCertificate(_) => {
                    problem(Which::Chain, format!("the first certificate in {chain} is not well-formed"))
                }
                _ => problem(
                    Which::Key,
                    format!("{key} holds no RSA, ECDSA (P-256, P-384) or Ed25519 key that is well-formed"),
                ),
            }]
        })
    }
}
