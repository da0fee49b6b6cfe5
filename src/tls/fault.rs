//! Why there is no TLS with a peer, in words that fit any peer.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription as Alert, CertificateError, Error};

/// What is wrong between a peer and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Its certificate was issued by nobody whom we trust.
    UnknownIssuer,
    /// Its certificate is for other names.
    WrongName,
    /// Its certificate is no longer valid.
    Expired,
    /// Its certificate is not valid yet.
    NotYetValid,
    /// Its certificate cannot be accepted for another reason.
    BadCertificate,
    /// It does not speak TLS.
    SpeaksPlain,
    /// It speaks TLS, and we did not.
    SpeaksTls,
    /// It wants to see a certificate of ours.
    WantsCertificate,
    /// It does not accept our certificate.
    RefusesOurs(Refused),
    /// It ended the handshake without a reason: no common cipher, or no certificate of ours.
    Refuses,
    /// It has no version of TLS, or no cipher, in common with us.
    NothingInCommon,
    /// Something that may be over the next time.
    Other,
}

/// Why a peer does not accept our certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It does not trust who issued it.
    UnknownIssuer,
    /// It is no longer valid.
    Expired,
    /// It was revoked.
    Revoked,
    /// It does not say.
    Untold,
}

/// Bytes of TLS where there should be none. As an [`io::Error`] it is a [`Fault::SpeaksTls`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer speaks TLS")]
pub struct SpeaksTls;

impl Fault {
    /// The fault in an error or in what lies below it; `None`: it is not about TLS.
    #[must_use]
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut below = Some(error);
        while let Some(error) = below {
            if let Some(rustls) = error.downcast_ref::<Error>() {
                return Some(Self::from(rustls));
            }
            if error.is::<SpeaksTls>() {
                return Some(Self::SpeaksTls);
            }
            // An io::Error passes over what it wraps when it is asked for its source.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            below = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => error.source(),
            };
        }
        None
    }

    /// Whether trying again is of no use before somebody has changed something.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Other)
    }

    /// What is wrong, in words that follow the peer's name.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => "its certificate was issued by an authority that is not trusted here",
            Self::WrongName => "its certificate is for another host name",
            Self::Expired => "its certificate has expired (or the clock here is wrong)",
            Self::NotYetValid => "its certificate is not valid yet (or the clock here is wrong)",
            Self::BadCertificate => "its certificate cannot be accepted",
            Self::SpeaksPlain => "it does not speak TLS",
            Self::SpeaksTls => "it speaks TLS only",
            Self::WantsCertificate => "it asks for a client certificate",
            Self::RefusesOurs(Refused::UnknownIssuer) => "it does not trust who issued our client certificate",
            Self::RefusesOurs(Refused::Expired) => "it says that our client certificate has expired",
            Self::RefusesOurs(Refused::Revoked) => "it says that our client certificate was revoked",
            Self::RefusesOurs(Refused::Untold) => "it does not accept our client certificate",
            Self::Refuses => "it ended the TLS handshake (handshake_failure)",
            Self::NothingInCommon => "it has no TLS version or cipher in common with us (TLS 1.2 and 1.3)",
            Self::Other => "the TLS handshake failed",
        }
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(why) => Self::of_certificate(why),
            Error::AlertReceived(alert) => Self::of_alert(*alert),
            Error::InvalidMessage(_) => Self::SpeaksPlain,
            Error::PeerIncompatible(_) => Self::NothingInCommon,
            _ => Self::Other,
        }
    }
}

impl Fault {
    fn of_certificate(why: &CertificateError) -> Self {
        match why {
            // An authority that was made anew under its old name is found, and has not signed this.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            _ => Self::BadCertificate,
        }
    }

    /// RFC 8446 section 6.2, RFC 5246 section 7.2.2.
    fn of_alert(alert: Alert) -> Self {
        match alert {
            Alert::CertificateRequired => Self::WantsCertificate,
            Alert::UnknownCA => Self::RefusesOurs(Refused::UnknownIssuer),
            Alert::CertificateExpired => Self::RefusesOurs(Refused::Expired),
            Alert::CertificateRevoked => Self::RefusesOurs(Refused::Revoked),
            Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown | Alert::AccessDenied => {
                Self::RefusesOurs(Refused::Untold)
            }
            Alert::HandshakeFailure => Self::Refuses,
            Alert::UnrecognisedName => Self::WrongName,
            Alert::ProtocolVersion | Alert::InsufficientSecurity => Self::NothingInCommon,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_at_any_depth() {
        let rustls = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, rustls());
        let deeper = io::Error::other(wrapped);
        for error in [&rustls() as &(dyn StdError + 'static), &deeper] {
            assert_eq!(Fault::of(error), Some(Fault::UnknownIssuer));
        }
        assert_eq!(Fault::of(&io::Error::other(SpeaksTls)), Some(Fault::SpeaksTls));
        assert_eq!(Fault::of(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }

    #[test]
    fn only_what_nobody_understands_is_worth_another_try() {
        assert!(!Fault::from(&Error::AlertReceived(Alert::InternalError)).is_lasting());
        assert!(!Fault::from(&Error::DecryptError).is_lasting());
        for (error, words) in [
            (Error::AlertReceived(Alert::CertificateRequired), "it asks for a client certificate"),
            (Error::AlertReceived(Alert::CertificateExpired), "it says that our client certificate has expired"),
            (Error::AlertReceived(Alert::BadCertificate), "it does not accept our client certificate"),
            (Error::InvalidCertificate(CertificateError::Revoked), "its certificate cannot be accepted"),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "it does not speak TLS"),
        ] {
            let fault = Fault::from(&error);
            assert_eq!((fault.words(), fault.is_lasting()), (words, true));
        }
    }
}
