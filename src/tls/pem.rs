//! PEM files, read with words for everything that can be wrong with one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::zeroize::Zeroizing;

/// No bundle of certificates is longer; a path to an endless file is found out.
const MOST: u64 = 4 * 1024 * 1024;

/// The certificate authorities in the file: at least one, each of them well-formed.
///
/// # Errors
/// What is wrong with the file, its path included.
pub fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates(path)?;
    let mut roots = RootCertStore::empty();
    for (at, certificate) in found.iter().enumerate() {
        let added = roots.add(certificate.clone());
        added.map_err(|_| format!("certificate {} in {} is not well-formed", at + 1, path.display()))?;
    }
    Ok(found)
}

/// The certificates in the file: at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    let mut others = None;
    for (kind, der) in sections(path)? {
        match kind {
            SectionKind::Certificate => found.push(CertificateDer::from(der.to_vec())),
            kind => others = Some(kind),
        }
    }
    match others {
        _ if !found.is_empty() => Ok(found),
        Some(kind) => Err(format!("{} holds no certificate, but {}", path.display(), name(kind))),
        None => Err(format!("{} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", path.display())),
    }
}

/// The one private key in the file: PKCS#8, PKCS#1 or SEC1.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let mut found = Vec::new();
    let mut others = None;
    for (kind, der) in sections(path)? {
        match kind {
            SectionKind::PrivateKey => found.push(PrivateKeyDer::Pkcs8(der.to_vec().into())),
            SectionKind::RsaPrivateKey => found.push(PrivateKeyDer::Pkcs1(der.to_vec().into())),
            SectionKind::EcPrivateKey => found.push(PrivateKeyDer::Sec1(der.to_vec().into())),
            kind => others = Some(kind),
        }
    }
    match (found.pop(), found.len(), others) {
        (Some(key), 0, _) => Ok(key),
        (Some(_), more, _) => Err(format!("{} holds {} private keys; must hold one", path.display(), more + 1)),
        (None, _, Some(kind)) => Err(format!("{} holds no private key, but {}", path.display(), name(kind))),
        (None, ..) => Err(format!("{} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", path.display())),
    }
}

/// What it holds may be a secret, and is wiped.
type Section = (SectionKind, Zeroizing<Vec<u8>>);

/// Every section that is known, in order.
fn sections(path: &Path) -> Result<Vec<Section>, String> {
    const ENCRYPTED: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    let text = bytes(path)?;
    if ENCRYPTED.iter().any(|mark| text.windows(mark.len()).any(|part| part == *mark)) {
        return Err(format!(
            "the private key in {} is encrypted; `openssl pkey` writes it without a passphrase",
            path.display()
        ));
    }
    <(SectionKind, Vec<u8>)>::pem_slice_iter(&text)
        .map(|section| section.map(|(kind, der)| (kind, Zeroizing::new(der))).map_err(|why| broken(path, &why)))
        .collect()
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    match bytes.len() as u64 {
        0 => Err(format!("{} is empty", path.display())),
        length if length > MOST => Err(format!("{} is longer than {MOST} bytes", path.display())),
        _ => Ok(bytes),
    }
}

/// Without a word of the file.
fn broken(path: &Path, why: &pem::Error) -> String {
    let what = match why {
        pem::Error::MissingSectionEnd { .. } => "a section has no end: is the file cut short?",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it is not well-formed",
    };
    format!("{} cannot be read as PEM: {what}", path.display())
}

fn name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Certificate => "a certificate",
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => "a private key",
        SectionKind::PublicKey => "a public key",
        SectionKind::Csr => "a request for a certificate",
        SectionKind::Crl => "a list of revoked certificates",
        _ => "something else",
    }
}
