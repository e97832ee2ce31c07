//! JWE compact serialisation (RFC 7516), for exactly one pair of algorithms.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::OAEP_SHA256_MGF1SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::session::{SessionKey, nonce};
use crate::{OpenError, PrivateKey, PublicKey, SealError};

const ALG: &str = "RSA-OAEP-256";
const ENC: &str = "A256GCM";
const TAG: usize = 16;
/// Longer headers than this are not looked for.
const MAX_HEADER: usize = 4096;

/// The fields that a header may hold. `zip` and `crit` are refused with everything else: compressed text could be a bomb,
/// and no critical extension is understood here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    #[serde(rename = "typ")]
    _typ: Option<IgnoredAny>,
    #[serde(rename = "cty")]
    _cty: Option<IgnoredAny>,
    #[serde(rename = "kid")]
    _kid: Option<IgnoredAny>,
}

/// The JSON text of the header, if the bytes begin as a JWE does. Random bytes (a wrapped key of the legacy
/// format) look like that less than once in 2^32 times.
pub(crate) fn header(sealed: &[u8]) -> Option<Vec<u8>> {
    let end = sealed.iter().take(MAX_HEADER).position(|&b| b == b'.')?;
    let json = BASE64URL.decode(&sealed[..end]).ok()?;
    serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(&json).ok()?;
    Some(json)
}

/// Seals `plaintext`, which is encrypted where it is.
pub(crate) fn seal(key: &PublicKey, mut plaintext: Vec<u8>) -> Result<Vec<u8>, SealError> {
    let (session, wrapped) = key.wrap_new(&OAEP_SHA256_MGF1SHA256)?;
    let nonce = nonce::<NONCE_LEN>()?;
    let header = BASE64URL.encode(format!(r#"{{"alg":"{ALG}","enc":"{ENC}"}}"#));
    let tag = aead(&session)
        .and_then(|aead| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            aead.seal_in_place_separate_tag(nonce, Aad::from(&header), &mut plaintext)
        })
        .map_err(|_| SealError)?;
    let parts = [&wrapped[..], &nonce, &plaintext, tag.as_ref()];
    let length = parts.iter().map(|part| 1 + encoded_len(part.len()));
    let mut sealed = Vec::with_capacity(header.len() + length.sum::<usize>());
    sealed.extend(header.into_bytes());
    for part in parts {
        sealed.push(b'.');
        encode(part, &mut sealed);
    }
    Ok(sealed)
}

fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + encoded_len(bytes.len()), 0);
    BASE64URL
        .encode_slice(bytes, &mut out[start..])
        .expect("the length is that of the text");
}

/// Opens a JWE whose [`header`] is given as JSON.
pub(crate) fn open(key: &PrivateKey, json: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    check(json).map_err(OpenError::Header)?;

    let parts: Vec<&[u8]> = sealed.splitn(6, |&b| b == b'.').collect();
    let [header, wrapped, nonce, ciphertext, tag] = parts[..] else {
        return Err(malformed("it does not have five parts"));
    };
    let wrapped = part("encrypted key", wrapped)?;
    if wrapped.len() != key.wrapped_len() {
        return Err(OpenError::Malformed(format!(
            "it was sealed for a key of {} bits, this one has {}",
            wrapped.len() * 8,
            key.bits()
        )));
    }
    let nonce = Nonce::try_assume_unique_for_key(&part("initialization vector", nonce)?)
        .map_err(|_| malformed("the initialization vector is not 12 bytes long"))?;
    let tag = part("tag", tag)?;
    if tag.len() != TAG {
        return Err(malformed("the tag is not 16 bytes long"));
    }
    // room for the tag, which the cipher wants behind the ciphertext, so that a large buffer is not moved
    let mut data = Vec::with_capacity(base64::decoded_len_estimate(ciphertext.len()) + TAG);
    BASE64URL
        .decode_vec(ciphertext, &mut data)
        .map_err(|_| malformed("the ciphertext is not base64url"))?;
    data.extend(tag);

    let session = key.unwrap(&OAEP_SHA256_MGF1SHA256, &wrapped)?;
    let len = aead(&session)
        .and_then(|aead| {
            Ok(aead
                .open_in_place(nonce, Aad::from(header), &mut data)?
                .len())
        })
        .map_err(|_| OpenError::Broken)?;
    data.truncate(len);
    Ok(data)
}

/// Refuses every header but ours; the reason is safe to print, whatever the header holds.
fn check(json: &[u8]) -> Result<(), String> {
    let header: Header =
        serde_json::from_slice(json).map_err(|err| err.to_string().escape_debug().to_string())?;
    for (name, found, wanted) in [("alg", header.alg, ALG), ("enc", header.enc, ENC)] {
        if found != wanted {
            return Err(format!("{name} is {found:?}, only {wanted:?} is spoken"));
        }
    }
    Ok(())
}

fn aead(key: &SessionKey) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&AES_256_GCM, &**key).map(LessSafeKey::new)
}

fn part(name: &str, base64url: &[u8]) -> Result<Vec<u8>, OpenError> {
    BASE64URL
        .decode(base64url)
        .map_err(|_| OpenError::Malformed(format!("the {name} is not base64url")))
}

fn malformed(why: &str) -> OpenError {
    OpenError::Malformed(why.to_owned())
}
