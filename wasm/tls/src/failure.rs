//! What can go wrong, as the host gets it.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// The host knows these numbers.
#[derive(Clone, Copy)]
pub enum Code {
    /// The detail is the end of its validity, in seconds since 1970.
    CertificateExpired = 1,
    /// The detail is the begin of its validity, in seconds since 1970.
    CertificateNotYetValid = 2,
    /// The detail is the names that it is valid for.
    CertificateName = 3,
    CertificateIssuer = 4,
    CertificateUse = 5,
    CertificateInvalid = 6,
    Version = 7,
    Alpn = 8,
    /// The detail is the name of the alert.
    Refused = 9,
    Protocol = 10,
    Truncated = 11,
    Options = 12,
    Call = 13,
}

pub struct Failure {
    pub code: Code,
    pub detail: String,
}

impl Failure {
    fn new(code: Code, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self { code, detail }
    }

    pub fn options(detail: &str) -> Self {
        Self::new(Code::Options, detail)
    }

    pub fn call(detail: &str) -> Self {
        Self::new(Code::Call, detail)
    }

    pub fn protocol(detail: &str) -> Self {
        Self::new(Code::Protocol, detail)
    }

    pub fn truncated() -> Self {
        Self::new(Code::Truncated, "")
    }
}

pub fn failure_of(error: &Error) -> Failure {
    match error {
        Error::InvalidCertificate(error) => certificate_failure(error),
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Failure::new(Code::Version, error),
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
        | Error::NoApplicationProtocol => Failure::new(Code::Alpn, error),
        Error::AlertReceived(alert) => Failure::new(Code::Refused, format!("{alert:?}")),
        Error::NoCertificatesPresented => Failure::new(Code::CertificateInvalid, error),
        _ => Failure::new(Code::Protocol, error),
    }
}

fn certificate_failure(error: &CertificateError) -> Failure {
    use CertificateError::*;
    match error {
        Expired => Failure::new(Code::CertificateExpired, ""),
        ExpiredContext { not_after, .. } => {
            Failure::new(Code::CertificateExpired, seconds(not_after))
        }
        NotValidYet => Failure::new(Code::CertificateNotYetValid, ""),
        NotValidYetContext { not_before, .. } => {
            Failure::new(Code::CertificateNotYetValid, seconds(not_before))
        }
        NotValidForName => Failure::new(Code::CertificateName, ""),
        NotValidForNameContext { presented, .. } => {
            Failure::new(Code::CertificateName, presented.join(", "))
        }
        UnknownIssuer => Failure::new(Code::CertificateIssuer, ""),
        // By another key than that of the issuer it names; or in the handshake, by a key that is too short for ring.
        BadSignature => Failure::new(
            Code::CertificateIssuer,
            "a signature is not valid, or of too short a key",
        ),
        UnsupportedSignatureAlgorithmContext { .. }
        | UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Failure::new(
            Code::CertificateInvalid,
            "its kind of signature is not supported",
        ),
        InvalidPurpose | InvalidPurposeContext { .. } => Failure::new(Code::CertificateUse, error),
        Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(error) => chain_failure(error),
            None => Failure::new(Code::CertificateInvalid, error),
        },
        _ => Failure::new(Code::CertificateInvalid, error),
    }
}

fn chain_failure(error: &webpki::Error) -> Failure {
    use webpki::Error::*;
    match error {
        CaUsedAsEndEntity
        | EndEntityUsedAsCa
        | EmptyEkuExtension
        | NameConstraintViolation
        | PathLenConstraintViolated => Failure::new(Code::CertificateUse, format!("{error:?}")),
        _ => Failure::new(Code::CertificateInvalid, format!("{error:?}")),
    }
}

fn seconds(time: &UnixTime) -> u64 {
    time.as_secs()
}
