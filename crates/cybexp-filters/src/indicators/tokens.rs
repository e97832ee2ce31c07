//! Words whose form alone shows that they are an address, a hash or a mail address.

use std::ops::Range;

use super::indicator::{Indicator, Kind};
use super::{address, digest, mail};
use crate::url::Language;

/// The longest word that is read, in bytes; the longest indicator is a defanged mail address of 320 bytes.
const TOKEN_BYTES: usize = 512;

/// Reads the indicators in a part of a text that has no URL.
pub(super) fn read(
    text: &str,
    part: Range<usize>,
    language: Language,
) -> impl Iterator<Item = Indicator> + '_ {
    let end = part.end;
    let mut from = part.start;
    let tokens = std::iter::from_fn(move || {
        let start = from + text[from..end].find(|c| !ends_token(c))?;
        let length = text[start..end].find(ends_token);
        from = length.map_or(end, |length| start + length);
        Some(start..from)
    });
    tokens
        .filter(|token| token.len() <= TOKEN_BYTES)
        .flat_map(move |token| in_token(text, token, language))
}

fn ends_token(c: char) -> bool {
    !(c.is_ascii_alphanumeric()
        || matches!(
            c,
            '.' | ':' | '@' | '-' | '_' | '+' | '%' | '[' | ']' | '(' | ')' | '{' | '}'
        ))
}

fn in_token(text: &str, token: Range<usize>, language: Language) -> Vec<Indicator> {
    let word = &text[token.clone()];
    // Most words of prose are letters only: neither a hash nor an address is, nor a mail address.
    let tells = |b: u8| b.is_ascii_digit() || matches!(b, b':' | b'@' | b'[' | b'(' | b'{');
    if !word.bytes().any(tells) {
        return Vec::new();
    }
    if let Some(mail) = mail::read(word) {
        // In a shell, `user@host` is an account. The host is found where the command connects to it.
        return match language {
            Language::Prose => vec![Indicator::new(Kind::Mail, mail)],
            Language::Shell => Vec::new(),
        };
    }
    let digests = digest::read(word).map(|digest| Indicator::new(Kind::Digest, digest));
    let addresses = address::read(text, token.clone());
    let addresses = addresses.map(|address| Indicator::new(Kind::Address, address));
    digests.chain(addresses).collect()
}
