//! The typetags that filters read, and the nearest one to a typetag that none reads.

use tahoe_core::nearest;

use crate::FILTERS;
use crate::judgement::{EVENT_CATEGORY, JUDGE, RESERVED, RETRY};

/// Returns the typetags that filters read and people may submit, each once, in the order of [`FILTERS`].
pub fn known_typetags() -> Vec<&'static str> {
    let mut known = all_typetags();
    known.retain(|typetag| !is_reserved(typetag));
    known
}

/// Returns all typetags of which something is made, reserved ones among them.
pub fn all_typetags() -> Vec<&'static str> {
    let mut all = Vec::new();
    let of_filters = FILTERS.iter().flat_map(|filter| filter.typetags());
    for typetag in of_filters.chain(&[EVENT_CATEGORY, RETRY]) {
        if !all.contains(typetag) {
            all.push(*typetag);
        }
    }
    all
}

/// Whether a typetag is one of those under which only the API itself submits.
pub fn is_reserved(typetag: &str) -> bool {
    RESERVED.contains(&typetag)
}

/// Returns the names of the filters for which the raws of a typetag wait.
///
/// ```
/// use cybexp_filters::readers;
///
/// assert_eq!(readers("cowrie"), ["cowrie"]);
/// assert!(readers("netflow").is_empty());
/// ```
pub fn readers(typetag: &str) -> Vec<&'static str> {
    if [EVENT_CATEGORY, RETRY].contains(&typetag) {
        return vec![JUDGE];
    }
    let readers = FILTERS
        .iter()
        .filter(|filter| filter.typetags().contains(&typetag));
    readers.map(|filter| filter.name()).collect()
}

/// Tells whether a record of the typetag is a whole feed, as one of a list of URLs, and not one line of it.
///
/// ```
/// use cybexp_filters::is_feed;
///
/// assert!(is_feed("openphish_feed") && !is_feed("cowrie"));
/// ```
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
///
/// ```
/// use cybexp_filters::unread_typetag;
///
/// assert!(unread_typetag("cowrie").is_none());
/// assert_eq!(unread_typetag("cowri").unwrap().nearest, Some("cowrie"));
/// ```
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
    fn reserved_typetags_are_read_and_not_proposed() {
        for typetag in RESERVED {
            assert!(all_typetags().contains(&typetag) && !known_typetags().contains(&typetag));
            assert_eq!(readers(typetag).len(), 1, "{typetag}");
            assert!(unread_typetag(typetag).is_some(), "{typetag}");
        }
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
