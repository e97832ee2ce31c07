//! A place in a collection, at which a page begins.

use std::fmt;

use tahoe_core::Hash;

/// A place in a collection.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Position {
    /// The value of whose objects some were given: when it came into the feed, and its hash. Before the first one are the
    /// objects that tell of the feed itself.
    pub(crate) value: Option<(f64, Hash)>,
    /// How many of its objects were given.
    pub(crate) given: usize,
}

impl Position {
    /// Reads a place as it is written.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let given = parts.next()?.parse().ok()?;
        let value = match (parts.next(), parts.next()) {
            (None, None) => None,
            (Some(bits), Some(hash)) => {
                let added = f64::from_bits(u64::from_str_radix(bits, 16).ok()?);
                Some((added.is_finite().then_some(added)?, hash.parse().ok()?))
            }
            _ => return None,
        };
        parts.next().is_none().then_some(Self { value, given })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.given)?;
        match &self.value {
            Some((added, hash)) => write!(f, "-{:x}-{hash}", added.to_bits()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let hash = Hash::of(&["x"]);
        for place in [
            Position::default(),
            Position {
                value: None,
                given: 2,
            },
            Position {
                value: Some((1_764_236_700.25, hash)),
                given: 1,
            },
        ] {
            assert_eq!(Position::read(&place.to_string()), Some(place));
        }
        for none in ["", "x", "1-2", "1-7ff0000000000000-aa", "1-2-3-4"] {
            assert_eq!(Position::read(none), None, "{none}");
        }
    }
}
