//! PEM and the two DER envelopes around an RSA key.

use std::fmt::Display;

use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use pkcs8::der::{ErrorKind, pem};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument,
};
use zeroize::Zeroizing;

use crate::KeyError;

/// rsaEncryption with the NULL that RFC 3279 wants as its parameter.
const RSA: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef {
    oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"),
    parameters: Some(AnyRef::NULL),
};

/// The label of a PEM and the DER in it.
pub(crate) fn decode(pem: &str) -> Result<(&str, SecretDocument), KeyError> {
    SecretDocument::from_pem(pem.trim()).map_err(|err| match err.kind() {
        ErrorKind::Pem(pem::Error::HeaderDisallowed) => KeyError::OldEncryption,
        _ => unreadable(err),
    })
}

/// Wraps DER into a PEM with this label.
pub(crate) fn encode(label: &'static str, der: &[u8]) -> Zeroizing<String> {
    let pem = pem::encode_string(label, LineEnding::LF, der);
    Zeroizing::new(pem.expect("a key is far below the length limit of PEM"))
}

/// PKCS#1 private key to PKCS#8.
pub(crate) fn pkcs1_to_pkcs8(pkcs1: &SecretDocument) -> Result<SecretDocument, KeyError> {
    let key = OctetStringRef::new(pkcs1.as_bytes()).map_err(unreadable)?;
    SecretDocument::encode_msg(&PrivateKeyInfoRef::new(RSA, key)).map_err(unreadable)
}

/// PKCS#1 public key to SubjectPublicKeyInfo.
pub(crate) fn pkcs1_to_spki(pkcs1: &SecretDocument) -> Result<SecretDocument, KeyError> {
    let subject_public_key = BitStringRef::from_bytes(pkcs1.as_bytes()).map_err(unreadable)?;
    let spki = SubjectPublicKeyInfoRef {
        algorithm: RSA,
        subject_public_key,
    };
    SecretDocument::encode_msg(&spki).map_err(unreadable)
}

/// Encrypted PKCS#8 (PBES2: PBKDF2 or scrypt; AES or 3DES) to PKCS#8.
pub(crate) fn decrypt_pkcs8(
    encrypted: &SecretDocument,
    passphrase: &str,
) -> Result<SecretDocument, KeyError> {
    EncryptedPrivateKeyInfoRef::try_from(encrypted.as_bytes())
        .map_err(unreadable)?
        .decrypt(passphrase)
        .map_err(|err| KeyError::Decrypt(err.to_string()))
}

fn unreadable(err: impl Display) -> KeyError {
    KeyError::Pem(err.to_string())
}
