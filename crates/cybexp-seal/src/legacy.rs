//! The Python system's format: wrapped session key ‖ nonce ‖ tag ‖ ciphertext.
//!
//! The `eax` crate keeps copies of the session key that it does not wipe; the key serves one submission only.

use aes::Aes256;
use aws_lc_rs::rsa::OAEP_SHA1_MGF1SHA1;
use eax::aead::AeadInOut;
use eax::{Eax, KeyInit};

use crate::session::nonce;
use crate::{OpenError, PrivateKey, PublicKey, SealError};

const NONCE: usize = 16;
const TAG: usize = 16;

/// Seals `plaintext`, which is encrypted where it is.
pub(crate) fn seal(key: &PublicKey, mut plaintext: Vec<u8>) -> Result<Vec<u8>, SealError> {
    let (session, mut sealed) = key.wrap_new(&OAEP_SHA1_MGF1SHA1)?;
    let nonce = nonce::<NONCE>()?;
    let tag = Eax::<Aes256>::new((&*session).into())
        .encrypt_inout_detached((&nonce).into(), b"", plaintext.as_mut_slice().into())
        .map_err(|_| SealError)?;
    sealed.reserve_exact(NONCE + TAG + plaintext.len());
    sealed.extend(nonce);
    sealed.extend(tag);
    sealed.extend(plaintext);
    Ok(sealed)
}

pub(crate) fn open(key: &PrivateKey, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let cut_off = OpenError::CutOff {
        len: sealed.len(),
        least: key.wrapped_len() + NONCE + TAG,
    };
    let split = || {
        let (wrapped, rest) = sealed.split_at_checked(key.wrapped_len())?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (tag, ciphertext) = rest.split_first_chunk::<TAG>()?;
        Some((wrapped, nonce, tag, ciphertext))
    };
    let (wrapped, nonce, tag, ciphertext) = split().ok_or(cut_off)?;

    let session = key.unwrap(&OAEP_SHA1_MGF1SHA1, wrapped)?;
    let mut data = ciphertext.to_vec();
    Eax::<Aes256>::new((&*session).into())
        .decrypt_inout_detached(nonce.into(), b"", data.as_mut_slice().into(), tag.into())
        .map_err(|_| OpenError::Broken)?;
    Ok(data)
}
