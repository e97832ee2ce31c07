//! The Python system's format: wrapped session key ‖ nonce ‖ tag ‖ ciphertext.
//!
//! The `eax` crate keeps copies of the session key that it does not wipe; the key serves one submission only.

use aes::Aes256;
use aws_lc_rs::rsa::OAEP_SHA1_MGF1SHA1;
use eax::aead::AeadInOut;
use eax::online::{EaxOnline, Encrypt};
use eax::{Eax, KeyInit};

use crate::head::{Head, PIECE};
use crate::session::nonce;
use crate::{OpenError, PrivateKey, PublicKey, SealError};

const NONCE: usize = 16;
const TAG: usize = 16;

/// Seals a piece at a time; the tag, which stands before the ciphertext, comes last.
pub(crate) struct LegacySealer {
    /// Wrapped key, nonce and room for the tag, until they are written.
    head: Vec<u8>,
    tag_at: usize,
    eax: EaxOnline<Aes256, Encrypt>,
}

impl LegacySealer {
    pub(crate) fn new(key: &PublicKey) -> Result<Self, SealError> {
        let (session, mut head) = key.wrap_new(&OAEP_SHA1_MGF1SHA1)?;
        let nonce = nonce::<NONCE>()?;
        head.extend(nonce);
        let tag_at = head.len();
        head.extend([0; TAG]);
        let eax = EaxOnline::with_key_and_nonce((&*session).into(), (&nonce).into());
        Ok(Self { head, tag_at, eax })
    }

    /// Length of what comes out for so many bytes.
    pub(crate) fn sealed_len(&self, plaintext: usize) -> usize {
        self.tag_at + TAG + plaintext
    }

    pub(crate) fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) {
        out.append(&mut self.head);
        for piece in plaintext.chunks(PIECE) {
            let start = out.len();
            out.extend(piece);
            self.eax.encrypt(&mut out[start..]);
        }
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Head {
        self.push(b"", out);
        Head {
            offset: self.tag_at,
            bytes: self.eax.finish().into(),
        }
    }
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
