//! The certificates of servers that are trusted.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use self::pinned::Pinned;

mod pinned;

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// Says in a few words what is wrong with the file.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = file.display();
    let read = CertificateDer::pem_file_iter(file).map_err(|error| format!("{shown}: {error}"))?;
    let read: Result<Vec<_>, _> = read.collect();
    let certificates = read.map_err(|error| format!("{shown}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{shown}: there is no certificate in it (PEM)"));
    }
    for certificate in &certificates {
        let added = RootCertStore::empty().add(certificate.clone());
        if added.is_err() && Pinned::of(certificate).is_none() {
            return Err(format!("{shown}: a certificate in it cannot be read"));
        }
    }
    Ok(certificates)
}

/// Trusts the authorities of the machine and these certificates, as an authority's and as a server's own.
pub fn verified(own: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    let machine = rustls_native_certs::load_native_certs().certs;
    // a machine has odd ones among its authorities now and then
    roots.add_parsable_certificates(own.iter().chain(&machine).cloned());
    let chain = match roots.is_empty() {
        true => None,
        false => {
            let builder =
                WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
            Some(
                builder
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?,
            )
        }
    };
    let verifier = Verifier {
        chain,
        trusted: own.into_iter().chain(machine).collect(),
        provider: Arc::clone(&provider),
    };
    config(provider, Arc::new(verifier))
}

/// Trusts whoever answers.
pub fn unverified() -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let anybody = Anybody(Arc::clone(&provider));
    config(provider, Arc::new(anybody))
}

fn config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Verifies chains as webpki does, and accepts a server whose certificate is itself among the trusted ones. webpki refuses
/// that where it is an authority's, as those of `openssl req -x509` are; curl, Python and browsers do not.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    trusted: HashSet<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trusted.contains(end_entity) {
            let pinned = Pinned::of(end_entity).ok_or(CertificateError::BadEncoding)?;
            pinned.verify(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        let Some(chain) = &self.chain else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A verifier for `verify_tls: false`: it accepts every certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Tells what is wrong with a server's certificate, and what to do about it; `None` where the error is no such thing.
pub(crate) fn told(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    if let Some(inner) = inner.downcast_ref::<io::Error>() {
        return told(inner);
    }
    let inner = inner.downcast_ref::<Error>()?;
    let Error::InvalidCertificate(wrong) = inner else {
        return None;
    };
    let self_signed =
        "its certificate is self-signed, and not trusted: settings.ca may name a PEM file with it";
    Some(match wrong {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by nobody who is trusted: settings.ca may name a PEM \
             file with its authority, or with the certificate itself"
                .to_owned()
        }
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            self_signed.to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("{wrong}: settings.url must name the host as the certificate does")
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => wrong.to_string(),
        _ => return None,
    })
}
