//! Sealed submissions, tokens, and keys.

use std::sync::LazyLock;

use cybexp_seal::{Format, PrivateKey, PublicKey, Tokens};

use crate::seeds;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
    let pem = seeds::text("seal/2048_pkcs8.pem");
    PrivateKey::from_pem(&pem, None).expect("a key of the fixtures")
});
/// With the secret of the fixtures.
static TOKENS: LazyLock<Tokens> = LazyLock::new(|| Tokens::new(&"secret".into(), true));

/// Opens a blob, JWE or legacy.
pub(super) fn open(sealed: &[u8]) {
    let Ok(plain) = KEY.open(sealed) else {
        return;
    };
    for format in [Format::Jwe, Format::Legacy] {
        let again = KEY.public_key().seal(format, &plain);
        let opened = again.ok().and_then(|again| KEY.open(&again).ok());
        assert_eq!(opened.as_ref(), Some(&plain), "{format:?}");
    }
}

/// Checks a token.
pub(super) fn token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = TOKENS.check(&text, 1_790_000_000);
}

/// Reads keys.
pub(super) fn pem(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = PublicKey::from_pem(&text) {
        let again = PublicKey::from_pem(&key.to_pem()).expect("a key that was written");
        assert_eq!(again.bits(), key.bits());
    }
    let _ = PrivateKey::from_pem(&text, None);
}
