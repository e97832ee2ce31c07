//! The proof that whoever answers on a port is the API with the same secret.

use std::fmt;

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use secrecy::{ExposeSecret, SecretString};

/// Keeps proofs apart from everything else that is made with the same secret.
const PURPOSE: &[u8] = b"cybexp: proof of the API";

/// Makes and checks proofs with one secret.
///
/// ```
/// use cybexp_seal::Prover;
///
/// let prover = Prover::new(&"a secret of at least 32 bytes, kept".into());
/// let proof = prover.prove(b"a random challenge", 5000);
/// assert!(prover.holds(b"a random challenge", 5000, &proof));
/// assert!(!prover.holds(b"a random challenge", 5001, &proof));
/// ```
pub struct Prover(Key);

impl Prover {
    /// A prover with this secret, which tokens are signed with, too.
    pub fn new(secret: &SecretString) -> Self {
        let secret = Key::new(HMAC_SHA256, secret.expose_secret().as_bytes());
        Self(Key::new(HMAC_SHA256, sign(&secret, PURPOSE).as_ref()))
    }

    /// Returns the proof for a challenge, in hex. It holds for this port only: a process on another port that passes the
    /// challenge on to the API gets a proof that is of no use to it.
    pub fn prove(&self, challenge: &[u8], port: u16) -> String {
        hex::encode(sign(&self.0, &message(challenge, port)))
    }

    /// Whether `proof` answers the challenge, for this port.
    pub fn holds(&self, challenge: &[u8], port: u16, proof: &str) -> bool {
        let proof = hex::decode(proof).unwrap_or_default();
        verify(&self.0, &message(challenge, port), &proof).is_ok()
    }
}

fn message(challenge: &[u8], port: u16) -> Vec<u8> {
    [port.to_be_bytes().as_slice(), challenge].concat()
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}
