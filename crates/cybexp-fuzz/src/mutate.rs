//! Mutations of inputs: bytes flipped, cut off, doubled, spliced with those of another, or with what means something.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

/// Texts that attackers use, and texts with a meaning to some filter.
pub(crate) const TOKENS: &[&str] = &[
    "\0",
    "\r\n",
    "\n\n",
    "\u{feff}",
    "é",
    "\u{1f980}",
    "=?utf-8?B?",
    "=?utf-8?q?=FF?=",
    "--",
    "--b",
    "--b--",
    "Content-Type: multipart/mixed; boundary=b\n\n",
    "Content-Type: message/rfc822\n\n",
    "filename*0*=",
    "\"",
    "'",
    "\\",
    "<",
    ">",
    "(",
    ")",
    "[.]",
    "hxxp[:]//",
    "http://",
    "://",
    "//",
    "@",
    ":",
    ";",
    ",",
    "{",
    "}",
    "[",
    "]",
    "null",
    "-1",
    "1e308",
    "9223372036854775807",
    "99999999999999999999",
    "&#x110000;",
    "&amp;",
    "<a href=\"",
    "<!--",
    "%00",
    "xn--",
    "[::1]",
    "0x7f.1",
    "2020-04-28T00:00:05Z",
    "GMT",
];

/// Mutates an input. Where it is JSON, mostly one of the texts in it is mutated, so that it remains JSON. `other` is another
/// input, parts of which are mixed in.
pub fn mutated(input: &[u8], other: &[u8], longest: usize, rng: &mut StdRng) -> Vec<u8> {
    if rng.random_bool(0.7)
        && let Some(input) = in_json(input, other, longest, rng)
    {
        return input;
    }
    mutated_bytes(input, other, longest, rng)
}

/// Mutates one of the texts of a JSON value; `None` if the input is none, or holds no text.
fn in_json(input: &[u8], other: &[u8], longest: usize, rng: &mut StdRng) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(input).ok()?;
    let mut others = serde_json::from_slice(other).unwrap_or_default();
    let other = texts(&mut others).choose(rng).map(|text| (*text).clone());
    let all = texts(&mut value);
    let at = (0..all.len()).collect::<Vec<_>>().choose(rng).copied()?;
    let text = all.into_iter().nth(at)?;
    let bytes = mutated_bytes(
        text.as_bytes(),
        other.unwrap_or_default().as_bytes(),
        longest,
        rng,
    );
    *text = String::from_utf8_lossy(&bytes).into_owned();
    Some(value.to_string().into_bytes())
}

/// Returns all texts in a value. Keys are not among them: they are mutated as bytes only.
pub(crate) fn texts(value: &mut Value) -> Vec<&mut String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter_mut().flat_map(texts).collect(),
        Value::Object(map) => map.values_mut().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn mutated_bytes(input: &[u8], other: &[u8], longest: usize, rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len());
        match rng.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                insert(&mut bytes, at, &piece);
            }
            5 => {
                // Repeat it many times: only so does growth faster than the input show.
                let piece = &bytes[at..end.min(at + 100)];
                let most = longest.saturating_sub(bytes.len()) / piece.len().max(1);
                let piece = piece.repeat(rng.random_range(0..=most));
                insert(&mut bytes, at, &piece);
            }
            6 => {
                let from = rng.random_range(0..=other.len());
                let to = rng.random_range(from..=other.len());
                insert(&mut bytes, at, &other[from..to]);
            }
            _ => {
                let token = TOKENS[rng.random_range(0..TOKENS.len())];
                insert(&mut bytes, at, token.as_bytes());
            }
        }
    }
    bytes.truncate(longest.max(input.len()));
    bytes
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}
