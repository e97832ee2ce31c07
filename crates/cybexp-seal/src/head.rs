//! The pieces that both formats are sealed in, and the part of a blob that is written last.

/// Bytes worked on at once: they stay in the processor's cache from one pass to the next.
pub(crate) const PIECE: usize = 16 << 10;

/// Bytes near the beginning of a sealed blob that are only known at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The offset at which the bytes belong.
    pub offset: usize,
    /// The bytes that replace the zeros there.
    pub bytes: [u8; 16],
}
