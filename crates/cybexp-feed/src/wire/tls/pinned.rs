//! A certificate that is trusted by itself, byte for byte: its time, and the name that it was made for.

use chrono::NaiveDateTime;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// commonName (2.5.4.3), as an object identifier in DER.
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
/// subjectAltName (2.5.29.17), likewise.
const ALTERNATIVE_NAMES: &[u8] = b"\x06\x03\x55\x1d\x11";

/// The fields that are read of a certificate (RFC 5280, 4.1).
#[derive(Debug)]
pub(crate) struct Pinned {
    not_before: i64,
    not_after: i64,
    /// The subject's, where there are no alternative names: older tools make such certificates.
    common_name: Option<String>,
}

impl Pinned {
    /// Reads a certificate; `None` where it is none.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (SEQUENCE, whole, _) = element(certificate)? else {
            return None;
        };
        let (SEQUENCE, mut rest, _) = element(whole)? else {
            return None;
        };
        if rest.first() == Some(&VERSION) {
            rest = element(rest)?.2;
        }
        // serial number, signature, issuer
        for _ in 0..3 {
            rest = element(rest)?.2;
        }
        let (SEQUENCE, validity, rest) = element(rest)? else {
            return None;
        };
        let (not_before, validity) = time(validity)?;
        let (not_after, _) = time(validity)?;
        let (SEQUENCE, subject, rest) = element(rest)? else {
            return None;
        };
        let named = has_alternative_names(rest);
        Some(Self {
            not_before,
            not_after,
            common_name: common_name(subject).filter(|_| !named),
        })
    }

    /// Whether the certificate holds now, for this name.
    pub(crate) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > self.not_after {
            return Err(CertificateError::Expired.into());
        }
        match &self.common_name {
            Some(common) if common.eq_ignore_ascii_case(&name.to_str()) => Ok(()),
            _ => verify_server_name(&ParsedCertificate::try_from(certificate)?, name),
        }
    }
}

/// The first element of DER: its tag, its content, and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let digit = |length, &digit: &u8| (length << 8) | usize::from(digit);
            (digits.iter().fold(0, digit), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A time in Unix seconds, and what comes after it.
fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (tag, content, rest) = element(der)?;
    let text = std::str::from_utf8(content).ok()?;
    let text = match tag {
        // two digits of the year: up to 49 they are of this century (RFC 5280, 4.1.2.5.1)
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some((time.and_utc().timestamp(), rest))
}

fn common_name(mut subject: &[u8]) -> Option<String> {
    let mut found = None;
    while let Some((tag, names, rest)) = element(subject) {
        subject = rest;
        let Some((SEQUENCE, name, _)) = element(names).filter(|_| tag == SET) else {
            continue;
        };
        if let Some(value) = name.strip_prefix(COMMON_NAME) {
            let (_, value, _) = element(value)?;
            // the last one is the most specific
            found = std::str::from_utf8(value).ok().map(str::to_owned);
        }
    }
    found
}

/// Whether the extensions, somewhere behind the subject, name alternatives.
fn has_alternative_names(mut rest: &[u8]) -> bool {
    while let Some((tag, content, after)) = element(rest) {
        rest = after;
        if tag == EXTENSIONS {
            let Some((SEQUENCE, mut extensions, _)) = element(content) else {
                return false;
            };
            while let Some((_, extension, after)) = element(extensions) {
                if extension.starts_with(ALTERNATIVE_NAMES) {
                    return true;
                }
                extensions = after;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn certificate(name: &str) -> CertificateDer<'static> {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tls");
        CertificateDer::from_pem_file(format!("{root}/{name}.pem")).unwrap()
    }

    fn verify(name: &str, host: &'static str, at: u64) -> Result<(), Error> {
        let certificate = certificate(name);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let host = ServerName::try_from(host).unwrap();
        Pinned::of(&certificate)
            .unwrap()
            .verify(&certificate, &host, now)
    }

    /// Some day of 2027.
    const THEN: u64 = 1_800_000_000;

    #[test]
    fn for_its_name_and_its_time_only() {
        for (name, host) in [
            ("self-signed", "localhost"),
            ("self-signed", "LOCALHOST"),
            ("other-host", "misp.example"),
            ("server", "localhost"),
            ("server", "127.0.0.1"),
        ] {
            assert_eq!(verify(name, host, THEN), Ok(()), "{name} {host}");
        }
        // alternative names, where there are any, are all that counts (RFC 6125, 6.4.4)
        for (name, host) in [
            ("self-signed", "other.example"),
            ("self-signed", "127.0.0.1"),
            ("other-host", "localhost"),
            ("server", "127.0.0.2"),
        ] {
            verify(name, host, THEN).unwrap_err();
        }
        let early = verify("self-signed", "localhost", 1_700_000_000);
        assert_eq!(early, Err(CertificateError::NotValidYet.into()));
        let late = verify("self-signed", "localhost", 5_000_000_000);
        assert_eq!(late, Err(CertificateError::Expired.into()));
    }

    #[test]
    fn what_is_no_certificate() {
        let whole = certificate("server");
        for cut in 0..whole.len() {
            let part = CertificateDer::from(whole[..cut].to_vec());
            assert!(Pinned::of(&part).is_none(), "{cut}");
        }
        for wrong in [
            &b"\x30\x84\xff\xff\xff\xff"[..],
            b"\x30\x80",
            b"\x30\x02\x30\x00",
        ] {
            assert!(Pinned::of(&CertificateDer::from(wrong.to_vec())).is_none());
        }
    }
}
