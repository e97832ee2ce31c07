//! The session key of a submission, wrapped with RSA-OAEP.

use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey};
use zeroize::Zeroizing;

use crate::{OpenError, PrivateKey, PublicKey, SealError};

/// A 256-bit key for one submission.
pub(crate) type SessionKey = Zeroizing<[u8; 32]>;

impl PublicKey {
    /// Makes a session key, and wraps it; the wrapped key is as long as the modulus.
    pub(crate) fn wrap_new(
        &self,
        oaep: &'static OaepAlgorithm,
    ) -> Result<(SessionKey, Vec<u8>), SealError> {
        let mut key = SessionKey::default();
        rand::fill(&mut *key).map_err(|_| SealError)?;
        let mut wrapped = vec![0; self.0.key_size_bytes()];
        OaepPublicEncryptingKey::new(self.0.clone())
            .and_then(|rsa| rsa.encrypt(oaep, &*key, &mut wrapped, None).map(|_| ()))
            .map_err(|_| SealError)?;
        Ok((key, wrapped))
    }
}

impl PrivateKey {
    /// Length of a wrapped session key.
    pub(crate) fn wrapped_len(&self) -> usize {
        self.0.key_size_bytes()
    }

    /// The session key, or a random one when `wrapped` is no good: the cipher then refuses the data with the same
    /// error after the same time, so nobody learns what RSA thought of it (RFC 7516 section 11.5).
    pub(crate) fn unwrap(
        &self,
        oaep: &'static OaepAlgorithm,
        wrapped: &[u8],
    ) -> Result<SessionKey, OpenError> {
        let mut key = SessionKey::default();
        rand::fill(&mut *key).map_err(|_| OpenError::Broken)?;
        let mut out = Zeroizing::new(vec![0; self.wrapped_len()]);
        let found = OaepPrivateDecryptingKey::new(self.0.clone())
            .and_then(|rsa| rsa.decrypt(oaep, wrapped, &mut out, None));
        if let Ok(found) = found
            && found.len() == key.len()
        {
            key.copy_from_slice(found);
        }
        Ok(key)
    }
}

/// A random nonce of `N` bytes.
pub(crate) fn nonce<const N: usize>() -> Result<[u8; N], SealError> {
    let mut nonce = [0; N];
    rand::fill(&mut nonce).map_err(|_| SealError)?;
    Ok(nonce)
}
