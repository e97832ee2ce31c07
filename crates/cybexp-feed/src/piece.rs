//! A part of a feed.

/// A part of a feed.
#[derive(Debug)]
pub(crate) enum Piece<T> {
    /// An element, a line.
    Good(T),
    /// What has no place in a record, and why.
    Left(String),
}
