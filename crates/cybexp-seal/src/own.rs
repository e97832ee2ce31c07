//! Texts that a daemon hands out and that only it can read again, such as a cookie: AES-256-GCM.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// The longest text that [`OwnKey::open`] looks at, in bytes.
const LONGEST_BYTES: usize = 16 << 10;

/// A key with which a daemon seals texts for itself. Nobody else can read or change such a text.
///
/// ```
/// use cybexp_seal::OwnKey;
///
/// let key = OwnKey::random("session of a page");
/// let sealed = key.seal("a token");
/// assert_eq!(key.open(&sealed).as_deref().map(String::as_str), Some("a token"));
/// assert!(OwnKey::random("session of a page").open(&sealed).is_none());
/// ```
pub struct OwnKey {
    key: RandomizedNonceKey,
    purpose: &'static str,
}

impl OwnKey {
    /// Makes a random key, which ends with the process.
    pub fn random(purpose: &'static str) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut *bytes).expect("the system has random bytes");
        Self::new(&bytes, purpose)
    }

    /// Derives the key for this purpose from a secret (HKDF-SHA-256, RFC 5869). The same secret and purpose always give
    /// the same key.
    pub fn derived(secret: &SecretString, purpose: &'static str) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cybexp").extract(secret);
        let mut bytes = Zeroizing::new([0; 32]);
        extracted
            .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|key| key.fill(&mut *bytes))
            .expect("32 bytes are within what HKDF-SHA-256 gives");
        Self::new(&bytes, purpose)
    }

    fn new(bytes: &[u8; 32], purpose: &'static str) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("the key has 32 bytes");
        Self { key, purpose }
    }

    /// Seals a text. The result has only the characters of base64url, and is different each time.
    pub fn seal(&self, text: &str) -> String {
        let mut sealed = text.as_bytes().to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(self.purpose), &mut sealed)
            .expect("the text is far shorter than what GCM can seal");
        let whole = [nonce.as_ref().as_slice(), &sealed].concat();
        URL_SAFE_NO_PAD.encode(whole)
    }

    /// Opens what [`OwnKey::seal`] made with this key and purpose; nothing else opens.
    pub fn open(&self, sealed: &str) -> Option<Zeroizing<String>> {
        if sealed.len() > LONGEST_BYTES {
            return None;
        }
        let mut whole = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = whole.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self
            .key
            .open_in_place(nonce, Aad::from(self.purpose), sealed)
            .ok()?;
        String::from_utf8(text.to_vec()).ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKey")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_purpose_open_a_text() {
        let secret = SecretString::from("a secret of the tests");
        let key = OwnKey::derived(&secret, "web sign-in");
        let sealed = key.seal("token ü");
        assert_ne!(sealed, key.seal("token ü"));
        assert_eq!(key.open(&sealed).unwrap().as_str(), "token ü");
        let again = OwnKey::derived(&secret, "web sign-in");
        assert_eq!(again.open(&sealed).unwrap().as_str(), "token ü");
        assert!(OwnKey::derived(&secret, "other").open(&sealed).is_none());
        assert!(OwnKey::random("web sign-in").open(&sealed).is_none());
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let key = OwnKey::random("tests");
        let sealed = key.seal("text");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(key.open(&changed).is_none(), "byte {at}");
        }
        for wrong in ["", "AAAA", "not base64!", &sealed[..sealed.len() - 2]] {
            assert!(key.open(wrong).is_none(), "{wrong}");
        }
        assert!(key.open(&"A".repeat(LONGEST_BYTES + 1)).is_none());
    }
}
