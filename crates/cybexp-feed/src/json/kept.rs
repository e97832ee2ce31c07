//! The bytes of a value, as far as they are wanted.

use serde_json::value::RawValue;

use crate::markup::cleaned;
use crate::piece::FeedPiece;

/// Bytes of an element that are shown when it is left out.
const SHOWN_BYTES: usize = 80;

#[derive(Debug)]
pub(crate) struct KeptValue {
    pub(crate) bytes: Vec<u8>,
    max: usize,
    length: u64,
}

impl KeptValue {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            max,
            length: 0,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let room = self.max.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.length += bytes.len() as u64;
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.length
    }

    /// An element of which this is the text.
    pub(crate) fn piece(self, name: impl Fn() -> String) -> FeedPiece<Box<RawValue>> {
        let shown = self.bytes.iter().take(SHOWN_BYTES).copied().collect();
        let left = |reason: String, shown: Vec<u8>| {
            let shown = cleaned(&String::from_utf8_lossy(&shown));
            FeedPiece::Left(format!("{}, {shown}…, {reason}", name()))
        };
        if !self.is_whole() {
            let reason = format!("has {} bytes; {} are the most", self.length, self.max);
            return left(reason, shown);
        }
        let text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(_) => return left("is not UTF-8".to_owned(), shown),
        };
        match RawValue::from_string(text) {
            Ok(value) => FeedPiece::Good(value),
            Err(error) => left(format!("is no JSON: {error}"), shown),
        }
    }
}
