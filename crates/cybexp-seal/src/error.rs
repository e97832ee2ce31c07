//! Errors of keys, of sealing and of opening.

use aws_lc_rs::error::KeyRejected;

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is no PEM, or its content is cut off or damaged.
    #[error("not a readable PEM file: {0}")]
    Pem(String),
    /// The PEM holds something else, as a certificate, or the other half of the key pair.
    #[error("the PEM holds \"{found}\", but an RSA {wanted} key is needed")]
    Label {
        /// `public` or `private`.
        wanted: &'static str,
        /// The label of the PEM.
        found: String,
    },
    /// The old PEM encryption, whose key derivation is one round of MD5.
    #[error(
        "the private key has the old \"DEK-Info\" encryption, which is not spoken; convert it with: openssl pkcs8 -topk8 -in OLD -out NEW"
    )]
    OldEncryption,
    /// The private key is encrypted, and no passphrase was given.
    #[error("the private key is encrypted and needs a passphrase")]
    NoPassphrase,
    /// The private key could not be decrypted.
    #[error("the private key cannot be decrypted, wrong passphrase? ({0})")]
    Decrypt(String),
    /// Too short to be safe.
    #[error("the RSA key is too short, it needs at least 2048 bits")]
    TooShort,
    /// Not an RSA key, inconsistent, or too long.
    #[error("not a usable RSA key of 2048 to 8192 bits ({0})")]
    Rejected(&'static str),
    /// No key of this size is made.
    #[error("cannot make an RSA key of {0} bits, only of 2048, 3072, 4096 or 8192")]
    Bits(u32),
    /// The library could not make a key.
    #[error("the cryptography library could not make a key")]
    Generate,
}

impl From<KeyRejected> for KeyError {
    fn from(err: KeyRejected) -> Self {
        match err.description_() {
            "TooSmall" => Self::TooShort,
            other => Self::Rejected(other),
        }
    }
}

/// Sealing failed, which only a broken random source or cryptography library can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealing failed in the cryptography library")]
pub struct SealError;

/// Why a sealed blob was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No bytes at all.
    #[error("the sealed data is empty")]
    Empty,
    /// Shorter than anything that was sealed for this key, and no JWE.
    #[error("the sealed data is cut off: it has {len} bytes, and at least {least} with this key")]
    CutOff {
        /// Bytes there are.
        len: usize,
        /// Bytes that even an empty submission has.
        least: usize,
    },
    /// The header asks for algorithms or features that are not spoken.
    #[error("the JWE header is not supported: {0}")]
    Header(String),
    /// The header is that of a JWE, but the rest is no whole JWE for a key of this size.
    #[error("the JWE is malformed or cut off: {0}")]
    Malformed(String),
    /// The ciphers refused it; they do not tell which one and why, since that could help an attacker.
    #[error("the seal is broken: the data is damaged, or was sealed for another key")]
    Broken,
}
