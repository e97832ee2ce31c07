//! RSA keys: reading, making and writing them.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey, PublicEncryptingKey};
use zeroize::Zeroizing;

use crate::{KeyError, pem};

/// An RSA public key, with which submissions are sealed.
#[derive(Clone)]
pub struct PublicKey(pub(crate) PublicEncryptingKey);

impl PublicKey {
    /// Reads a PEM, either `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` (PKCS#1).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode(pem)?;
        let spki = match label {
            "PUBLIC KEY" => der,
            "RSA PUBLIC KEY" => pem::pkcs1_to_spki(&der)?,
            other => return Err(wrong_label("public", other)),
        };
        Ok(Self(PublicEncryptingKey::from_der(spki.as_bytes())?))
    }

    /// The key as a `PUBLIC KEY` PEM.
    pub fn to_pem(&self) -> String {
        let der = self.0.as_der().expect("a key that was read can be written");
        pem::encode("PUBLIC KEY", der.as_ref()).to_string()
    }

    /// Size of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.0.key_size_bits()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.bits())
    }
}

/// An RSA private key, with which sealed submissions are opened.
///
/// All operations with it are those of AWS-LC, which take the same time whatever the key is.
#[derive(Clone)]
pub struct PrivateKey(pub(crate) PrivateDecryptingKey);

impl PrivateKey {
    /// Reads a PEM: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1), or `ENCRYPTED PRIVATE KEY`
    /// (encrypted PKCS#8), for which alone `passphrase` is used.
    ///
    /// ```
    /// use cybexp_seal::{PrivateKey, PublicKey};
    ///
    /// let key = PrivateKey::generate(2048)?;
    /// let again = PrivateKey::from_pem(&key.to_pkcs8_pem(), None)?;
    /// assert_eq!(again.bits(), 2048);
    /// let public = PublicKey::from_pem(&key.public_key().to_pem())?;
    /// assert_eq!(public.bits(), 2048);
    /// # Ok::<(), cybexp_seal::KeyError>(())
    /// ```
    pub fn from_pem(pem: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let (label, der) = pem::decode(pem)?;
        let pkcs8 = match label {
            "PRIVATE KEY" => der,
            "RSA PRIVATE KEY" => pem::pkcs1_to_pkcs8(&der)?,
            "ENCRYPTED PRIVATE KEY" => {
                pem::decrypt_pkcs8(&der, passphrase.ok_or(KeyError::NoPassphrase)?)?
            }
            other => return Err(wrong_label("private", other)),
        };
        Ok(Self(PrivateDecryptingKey::from_pkcs8(pkcs8.as_bytes())?))
    }

    /// Makes a new key of 2048, 3072, 4096 or 8192 bits. This takes up to seconds.
    pub fn generate(bits: u32) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            other => return Err(KeyError::Bits(other)),
        };
        let key = PrivateDecryptingKey::generate(size).map_err(|_| KeyError::Generate)?;
        Ok(Self(key))
    }

    /// The key as an unencrypted `PRIVATE KEY` PEM, wiped when dropped.
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        let der = self.0.as_der().expect("a key that was read can be written");
        pem::encode("PRIVATE KEY", der.as_ref())
    }

    /// The key that seals for this one.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key())
    }

    /// Size of the modulus in bits.
    pub fn bits(&self) -> usize {
        self.0.key_size_bits()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.bits())
    }
}

fn wrong_label(wanted: &'static str, found: &str) -> KeyError {
    let found = found.to_owned();
    KeyError::Label { wanted, found }
}
