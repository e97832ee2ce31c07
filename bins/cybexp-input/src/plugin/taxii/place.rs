//! The place in a collection up to which objects are taken.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Whether a text is a time as TAXII writes it.
pub(super) fn is_time(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok()
}

/// The place in a collection. It is in the spool with the objects before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TaxiiPlace {
    /// The collection and the server.
    pub(super) of: String,
    /// The time after which objects of this walk were added; `None` for all.
    pub(super) added_after: Option<String>,
    /// The page at which the walk goes on; `None` at its first.
    pub(super) next: Option<String>,
    /// The time at which the last object that was read was added, as far as the server says.
    pub(super) last: Option<String>,
    /// Names of the objects of the last page, while the walk goes on.
    #[serde(default)]
    pub(super) tail: Vec<String>,
    /// Whether the walk has read any object.
    #[serde(default)]
    pub(super) any: bool,
    /// The time at which the walk began by this machine's clock.
    pub(super) began: Option<String>,
}

/// The place of a page, as its headers and body tell it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PageEnds {
    /// The next page, if there is one.
    pub(super) next: Option<String>,
    /// Whether there is more, though no next page is named.
    pub(super) more: bool,
    /// The time at which the last object of the page was added.
    pub(super) last: Option<String>,
    /// Whether there was any object.
    pub(super) any: bool,
    /// Names of the objects of the page.
    pub(super) tail: Vec<String>,
}

/// Servers that do not say when objects were added are asked again for what was added since this long before a walk
/// began: their clock may differ from this one's, and objects may be added while they are read.
const OVERLAP: Duration = Duration::hours(1);

impl TaxiiPlace {
    /// Begins the next walk, or goes on with one that broke off. That goes on by time: some servers give each page of a
    /// walk once, whether or not it arrived.
    pub(super) fn begin(&mut self, now: DateTime<Utc>) {
        match self.next.is_none() {
            true => self.began = Some(now.to_rfc3339_opts(SecondsFormat::Millis, true)),
            false if self.last.is_some() => self.skip(),
            false => {}
        }
    }

    /// Goes on behind a page. Returns whether there is another one.
    pub(super) fn advance(&mut self, page: PageEnds) -> bool {
        let is_new = page.last.is_some() && page.last != self.last;
        self.any |= page.any;
        self.tail = page.tail;
        self.last = page.last.filter(|last| is_time(last)).or(self.last.take());
        match page.next {
            Some(next) => {
                self.next = Some(next);
                return true;
            }
            // the specification has the time for servers that name no next page
            None if page.more && is_new => {
                self.skip();
                return true;
            }
            None => {}
        }
        self.next = None;
        let overlap = || {
            let began = DateTime::parse_from_rfc3339(self.began.as_deref()?).ok()?;
            let from = began.with_timezone(&Utc) - OVERLAP;
            Some(from.to_rfc3339_opts(SecondsFormat::Millis, true))
        };
        if self.any {
            self.added_after = self.last.take().or_else(overlap);
        }
        (self.began, self.last, self.any) = (None, None, false);
        self.tail.clear();
        false
    }

    /// Goes on by time instead of pages. Objects of that time may not all be read, so they are asked for again; those that
    /// were read are in `tail`.
    pub(super) fn skip(&mut self) {
        self.next = None;
        if let Some(last) = &self.last
            && let Ok(last) = DateTime::parse_from_rfc3339(last)
        {
            let before = last.with_timezone(&Utc) - Duration::milliseconds(1);
            self.added_after = Some(before.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: &str = "2026-01-01T00:00:01.000000Z";
    const T2: &str = "2026-01-01T00:00:02.000000Z";

    fn page(next: Option<&str>, more: bool, last: Option<&str>) -> PageEnds {
        let text = |text: &str| text.to_owned();
        PageEnds {
            next: next.map(text),
            more,
            last: last.map(text),
            any: last.is_some(),
            tail: Vec::new(),
        }
    }

    #[test]
    fn a_walk_ends_at_the_time_of_its_last_object() {
        let mut place = TaxiiPlace::default();
        place.begin(Utc::now());
        assert!(place.advance(page(Some("a"), true, Some(T1))));
        assert_eq!(
            (place.next.as_deref(), place.added_after.as_deref()),
            (Some("a"), None)
        );
        assert!(!place.advance(page(None, false, Some(T2))));
        assert_eq!(
            (place.next.as_deref(), place.added_after.as_deref()),
            (None, Some(T2))
        );
        // nothing is new
        place.begin(Utc::now());
        assert!(!place.advance(page(None, false, None)));
        assert_eq!(place.added_after.as_deref(), Some(T2));
        // objects without times
        place.began = Some("2026-02-01T00:00:00Z".to_owned());
        let untold = PageEnds {
            any: true,
            ..PageEnds::default()
        };
        assert!(!place.advance(untold));
        assert_eq!(
            place.added_after.as_deref(),
            Some("2026-01-31T23:00:00.000Z")
        );
    }

    #[test]
    fn without_a_next_page_the_time_leads_on_but_not_in_a_circle() {
        let mut place = TaxiiPlace::default();
        assert!(place.advance(page(None, true, Some(T1))));
        assert_eq!(
            place.added_after.as_deref(),
            Some("2026-01-01T00:00:00.999000Z")
        );
        assert!(
            !place.advance(page(None, true, Some(T1))),
            "the same page again"
        );
    }

    #[test]
    fn times_are_told_from_other_texts() {
        assert!(is_time(T1) && is_time("2026-01-01T00:00:00+01:00"));
        assert!(!is_time("2026-01-01") && !is_time("yesterday"));
    }
}
