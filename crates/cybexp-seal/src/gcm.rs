//! AES-256-GCM (NIST SP 800-38D) a piece at a time, for sealing only.
//!
//! AWS-LC encrypts whole messages alone. Opening stays with it: what is opened must be whole before it is believed.

use aes::Aes256;
use aes::cipher::{
    BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper,
};
use aws_lc_rs::aead::NONCE_LEN;
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use ghash::universal_hash::UniversalHash;
use ghash::{Block, GHash};
use zeroize::Zeroizing;

pub(crate) struct Gcm {
    counter: StreamCipherCoreWrapper<CtrCore<Aes256, Ctr32BE>>,
    hash: GHash,
    /// The key stream of counter 1, which hides the hash.
    mask: Zeroizing<[u8; 16]>,
    aad_bytes: u64,
    bytes: u64,
}

impl Gcm {
    pub(crate) fn new(key: &[u8; 32], nonce: &[u8; NONCE_LEN], aad: &[u8]) -> Self {
        let aes = Aes256::new(key.into());
        let mut hash_key = Zeroizing::new([0; 16]);
        aes.encrypt_block((&mut *hash_key).into());
        let mut hash = GHash::new((&*hash_key).into());
        hash.update_padded(aad);

        let mut first = [0; 16];
        first[..NONCE_LEN].copy_from_slice(nonce);
        first[15] = 1;
        let mut counter =
            StreamCipherCoreWrapper::from_core(CtrCore::inner_iv_init(aes, (&first).into()));
        let mut mask = Zeroizing::new([0; 16]);
        counter.apply_keystream(&mut *mask);
        Self {
            counter,
            hash,
            mask,
            aad_bytes: aad.len() as u64,
            bytes: 0,
        }
    }

    /// Encrypts the next piece; all but the last must be whole blocks of 16 bytes.
    ///
    /// # Panics
    /// After 64 GiB, where the counter ends.
    pub(crate) fn encrypt(&mut self, piece: &mut [u8]) {
        debug_assert!(
            self.bytes.is_multiple_of(16),
            "a piece before the last was no whole blocks"
        );
        self.counter.apply_keystream(piece);
        self.hash.update_padded(piece);
        self.bytes += piece.len() as u64;
    }

    pub(crate) fn tag(mut self) -> [u8; 16] {
        let mut lengths = Block::default();
        lengths[..8].copy_from_slice(&(self.aad_bytes * 8).to_be_bytes());
        lengths[8..].copy_from_slice(&(self.bytes * 8).to_be_bytes());
        self.hash.update(&[lengths]);
        let hash: [u8; 16] = self.hash.finalize().into();
        std::array::from_fn(|i| hash[i] ^ self.mask[i])
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_gcm_of_aws_lc(
            key: [u8; 32],
            nonce: [u8; NONCE_LEN],
            aad in prop::collection::vec(any::<u8>(), 0..100),
            // across eight blocks, which the ciphers take at once
            pieces in prop::collection::vec(0_usize..20, 0..6),
            rest in 0_usize..40,
        ) {
            let len = pieces.iter().sum::<usize>() * 16 + rest;
            let plain: Vec<u8> = (0..len).map(|i| (i * i % 251) as u8).collect();
            let mut whole = plain.clone();
            let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap())
                .seal_in_place_separate_tag(
                    Nonce::assume_unique_for_key(nonce),
                    Aad::from(&aad),
                    &mut whole,
                )
                .unwrap();

            let mut ours = plain;
            let mut gcm = Gcm::new(&key, &nonce, &aad);
            let mut left = &mut ours[..];
            for piece in pieces {
                let (piece, after) = left.split_at_mut(piece * 16);
                gcm.encrypt(piece);
                left = after;
            }
            gcm.encrypt(left);
            prop_assert_eq!(&gcm.tag()[..], tag.as_ref());
            prop_assert_eq!(ours, whole);
        }
    }
}
