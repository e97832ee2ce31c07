//! A part of a feed.

/// A part of a feed.
#[derive(Debug)]
pub(crate) enum FeedPiece<T> {
    /// An element, a line.
    Good(T),
    /// The reason for which this part has no place in a record.
    Left(String),
}
