//! The typetags that filters read, and the nearest one to a typetag that none reads.

use tahoe_core::nearest;

use crate::FILTERS;

/// Returns the typetags that filters read, each once, in the order of [`FILTERS`].
pub fn known_typetags() -> Vec<&'static str> {
    let mut known = Vec::new();
    for typetag in FILTERS.iter().flat_map(|filter| filter.typetags()) {
        if !known.contains(typetag) {
            known.push(*typetag);
        }
    }
    known
}

/// Returns the names of the filters that read the raws of a typetag.
pub fn readers(typetag: &str) -> Vec<&'static str> {
    let readers = FILTERS
        .iter()
        .filter(|filter| filter.typetags().contains(&typetag));
    readers.map(|filter| filter.name()).collect()
}

/// Tells whether a record of the typetag is a whole feed, as one of a list of URLs, and not one line of it.
pub fn is_feed(typetag: &str) -> bool {
    let mut readers = FILTERS
        .iter()
        .filter(|filter| filter.typetags().contains(&typetag));
    readers.any(|filter| filter.reads_feeds())
}

/// A typetag that no filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadTypetag {
    /// The typetag of a filter that is written nearly the same, if there is one: a typing error is likely.
    pub nearest: Option<&'static str>,
}

/// Returns `None` for a typetag that a filter reads.
pub fn unread_typetag(typetag: &str) -> Option<UnreadTypetag> {
    let known = known_typetags();
    if known.contains(&typetag) {
        return None;
    }
    Some(UnreadTypetag {
        nearest: nearest(typetag, known),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typetag_is_read_or_has_the_nearest_one_named() {
        for typetag in known_typetags() {
            assert_eq!(unread_typetag(typetag), None);
        }
        let nearest = |typetag| unread_typetag(typetag).map(|unread| unread.nearest);
        assert_eq!(nearest("cowrei"), Some(Some("cowrie")));
        assert_eq!(nearest("zeek_conn"), Some(None));
    }

    #[test]
    fn feeds_are_told_from_logs() {
        let feeds: Vec<_> = known_typetags()
            .into_iter()
            .filter(|tag| is_feed(tag))
            .collect();
        assert_eq!(feeds, ["openphish_feed", "phishtank_feed"]);
        assert!(!is_feed("zeek_conn"));
    }
}
