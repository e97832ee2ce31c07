//! Writing a feed piece by piece.

use crate::formats::{Format, WriteFeed};
use crate::item::{FeedHead, Item};

/// The bytes at which a piece is handed on.
const PIECE: usize = 64 << 10;

/// The numbers of values of a feed that was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Values that are in the file.
    pub values: u64,
    /// Values that the format cannot express.
    pub left_out: u64,
}

/// Writes a feed in a format, one value after the other. It holds one piece of the file.
pub struct FeedWriter {
    format: Box<dyn WriteFeed + Send>,
    piece: Vec<u8>,
    written: Written,
}

impl FeedWriter {
    /// Begins a file.
    pub fn new(format: &Format, head: &FeedHead) -> Self {
        Self::of((format.write)(head))
    }

    /// Begins a file that this writes.
    pub(crate) fn of(mut format: Box<dyn WriteFeed + Send>) -> Self {
        let mut piece = Vec::with_capacity(PIECE + (8 << 10));
        format.begin(&mut piece);
        Self {
            format,
            piece,
            written: Written::default(),
        }
    }

    /// Adds a value. Returns a piece of the file if one is full.
    pub fn push(&mut self, item: &Item) -> Option<Vec<u8>> {
        match self.format.item(item, &mut self.piece) {
            true => self.written.values += 1,
            false => self.written.left_out += 1,
        }
        let is_full = self.piece.len() >= PIECE;
        is_full.then(|| std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE + (8 << 10))))
    }

    /// Ends the file. Returns its last piece, and the numbers of values.
    pub fn end(mut self) -> (Vec<u8>, Written) {
        self.format.end(&self.written, &mut self.piece);
        (self.piece, self.written)
    }

    /// Writes a whole file from values that are at hand.
    pub fn whole<'a>(
        format: &Format,
        head: &FeedHead,
        items: impl IntoIterator<Item = &'a Item>,
    ) -> (Vec<u8>, Written) {
        let mut writer = Self::new(format, head);
        let mut file = Vec::new();
        for item in items {
            file.extend(writer.push(item).into_iter().flatten());
        }
        let (last, written) = writer.end();
        file.extend(last);
        (file, written)
    }
}
