//! Sealing what comes in pieces and need not fit into memory.

use std::fmt;

use crate::head::Head;
use crate::{Format, PublicKey, SealError, jwe, legacy};

/// Seals one submission a piece at a time; made by [`PublicKey::sealer`].
///
/// The sealed blob is all that [`push`](Self::push) and [`finish`](Self::finish) append, in order, with the
/// [`Head`] written over its place. A sealer holds at most some 20 KiB, however much goes through.
pub struct Sealer(AnySealer);

#[allow(clippy::large_enum_variant, reason = "there is one for each upload")]
enum AnySealer {
    Jwe(jwe::JweSealer),
    Legacy(legacy::LegacySealer),
}

impl PublicKey {
    /// Begins to seal a submission for the owner of the private key.
    pub fn sealer(&self, format: Format) -> Result<Sealer, SealError> {
        Ok(Sealer(match format {
            Format::Jwe => AnySealer::Jwe(jwe::JweSealer::new(self)?),
            Format::Legacy => AnySealer::Legacy(legacy::LegacySealer::new(self)?),
        }))
    }

    /// Seals `plaintext` for the owner of the private key.
    pub fn seal(&self, format: Format, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealer = self.sealer(format)?;
        let mut out = Vec::with_capacity(sealer.sealed_len(plaintext.len()));
        sealer.push(plaintext, &mut out);
        if let Some(head) = sealer.finish(&mut out) {
            out[head.offset..][..head.bytes.len()].copy_from_slice(&head.bytes);
        }
        Ok(out)
    }
}

impl Sealer {
    /// Seals the next piece, and appends to `out` what is ready of it.
    ///
    /// # Panics
    /// After 64 GiB, which is all that AES-GCM can seal with one key and nonce.
    pub fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            AnySealer::Jwe(sealer) => sealer.push(plaintext, out),
            AnySealer::Legacy(sealer) => sealer.push(plaintext, out),
        }
    }

    /// Appends the rest to `out`; gives what has to be written near the beginning, if anything.
    #[must_use = "without its head, what was sealed cannot be opened"]
    pub fn finish(self, out: &mut Vec<u8>) -> Option<Head> {
        match self.0 {
            AnySealer::Jwe(sealer) => {
                sealer.finish(out);
                None
            }
            AnySealer::Legacy(sealer) => Some(sealer.finish(out)),
        }
    }

    /// Length of the blob that so many bytes become.
    fn sealed_len(&self, plaintext: usize) -> usize {
        match &self.0 {
            AnySealer::Jwe(sealer) => sealer.sealed_len(plaintext),
            AnySealer::Legacy(sealer) => sealer.sealed_len(plaintext),
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            AnySealer::Jwe(_) => "Sealer(Jwe)",
            AnySealer::Legacy(_) => "Sealer(Legacy)",
        })
    }
}
