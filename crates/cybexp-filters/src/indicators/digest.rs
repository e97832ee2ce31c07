//! Hashes of files.

use tahoe_core::{Attribute, SubType};

use crate::vocab;

/// Returns the hashes in a word: hexadecimal, of the length of an MD5, SHA-1, SHA-256 or SHA-512, as in `sha256:98ea…`.
pub(super) fn read(word: &str) -> impl Iterator<Item = Attribute> + '_ {
    word.split([':', '(', ')', '[', ']', '{', '}', '@'])
        .filter_map(|part| {
            let part = part.trim_matches(['.', '-', '_', '+', '%']);
            let sub_type = sub_type(part.len())?;
            is_digest(part).then(|| Attribute::new(sub_type, part.to_ascii_lowercase()))
        })
}

fn sub_type(length: usize) -> Option<SubType> {
    match length {
        32 => Some(vocab::MD5),
        40 => Some(vocab::SHA1),
        64 => Some(vocab::SHA256),
        128 => Some(vocab::SHA512),
        _ => None,
    }
}

/// Whether a text is a digest: hexadecimal in one case, and not a number or a pattern such as `0000…`.
fn is_digest(part: &str) -> bool {
    let is_hex = part.bytes().all(|b| b.is_ascii_hexdigit());
    let has = |wanted: fn(&u8) -> bool| part.as_bytes().iter().any(wanted);
    let distinct = {
        let mut seen = [false; 256];
        part.bytes().for_each(|b| seen[usize::from(b)] = true);
        seen.iter().filter(|seen| **seen).count()
    };
    is_hex
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
        && distinct >= 6
}
