//! The hashes of the audit log: SHA-256 in lower-case hex, or HMAC-SHA-256 where the operator gave a key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// SHA-256 of `bytes` in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Hashes payloads and responses. With a key, nobody without it can guess a payload of few possible values (a customer number,
/// a tier) by hashing them all.
#[derive(Clone)]
pub enum BodyHasher {
    /// SHA-256.
    Plain,
    /// HMAC-SHA-256 with the operator's key (`audit.hash_key_file`).
    Keyed(Box<Hmac<Sha256>>),
}

impl BodyHasher {
    /// HMAC-SHA-256 with `key`, which may have any length.
    #[must_use]
    pub fn keyed(key: &[u8]) -> Self {
        match Hmac::new_from_slice(key) {
            Ok(mac) => Self::Keyed(Box::new(mac)),
            Err(_) => unreachable!("HMAC takes a key of any length"),
        }
    }

    /// The hash of `bytes` in lower-case hex.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> String {
        match self {
            Self::Plain => sha256_hex(bytes),
            Self::Keyed(mac) => hex(&mac.as_ref().clone().chain_update(bytes).finalize().into_bytes()),
        }
    }

    /// `hash_alg` in events: said only where it is not plain SHA-256.
    #[must_use]
    pub fn algorithm(&self) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Keyed(_) => Some("HMAC-SHA-256".into()),
        }
    }
}

impl std::fmt::Debug for BodyHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Keyed(_) => "Keyed",
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_the_standard_vector() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    /// RFC 4231, test case 2: <https://www.rfc-editor.org/rfc/rfc4231#section-4.3>.
    #[test]
    fn hmac_of_the_standard_vector() {
        assert_eq!(
            BodyHasher::keyed(b"Jefe").hash(b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
