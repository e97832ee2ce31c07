//! Seals and opens submissions: the only crate with keys and ciphers.
//!
//! [`PublicKey::seal`] turns bytes into a sealed blob that only the owner of the matching [`PrivateKey`] can
//! [open](PrivateKey::open). Two formats are spoken, see [`Format`]; opening tells them apart by itself.
//!
//! Every submission gets its own random 256-bit session key, which is wrapped with RSA-OAEP. Keys have at least
//! 2048 bits. No `Debug` output shows key material, and session keys and the PEM text of private keys are held in
//! memory that is wiped.

mod error;
mod jwe;
mod key;
mod legacy;
mod mac;
mod own;
pub mod password;
mod pem;
mod proof;
mod session;
mod signature;
mod token;

use serde::{Deserialize, Serialize};

pub use error::{KeyError, OpenError, SealError};
pub use key::{PrivateKey, PublicKey};
pub use mac::{Macs, Message, Purpose};
pub use own::OwnKey;
pub use proof::Prover;
pub use signature::webhook_signature;
pub use token::{Claims, Holder, Issued, TokenError, Tokens};

/// How a sealed blob is laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JWE compact serialisation, RSA-OAEP-256 and A256GCM (RFC 7516, RFC 7518): any JOSE library reads it.
    #[default]
    Jwe,
    /// The form that the Python system reads and writes: RSA-OAEP(SHA-1) and AES-256 in EAX mode.
    Legacy,
}

impl PublicKey {
    /// Seals `plaintext` for the owner of the private key.
    pub fn seal(&self, format: Format, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        self.seal_owned(format, plaintext.to_vec())
    }

    /// Seals `plaintext` as [`Self::seal`] does, and encrypts it where it is, for large submissions.
    pub fn seal_owned(&self, format: Format, plaintext: Vec<u8>) -> Result<Vec<u8>, SealError> {
        match format {
            Format::Jwe => jwe::seal(self, plaintext),
            Format::Legacy => legacy::seal(self, plaintext),
        }
    }
}

impl PrivateKey {
    /// Opens what [`PublicKey::seal`], a JOSE library or the Python system sealed; the format is seen from the bytes.
    ///
    /// All that the ciphers find wrong is the one [`OpenError::Broken`]; the other errors tell of lengths and
    /// headers, which anybody can see without a key.
    ///
    /// ```
    /// use cybexp_seal::{Format, PrivateKey};
    ///
    /// let key = PrivateKey::generate(2048)?;
    /// for format in [Format::Jwe, Format::Legacy] {
    ///     let sealed = key.public_key().seal(format, b"a submission")?;
    ///     assert_eq!(key.open(&sealed)?, b"a submission");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        if sealed.is_empty() {
            return Err(OpenError::Empty);
        }
        match jwe::header(sealed) {
            Some(header) => jwe::open(self, &header, sealed),
            None => legacy::open(self, sealed),
        }
    }
}
