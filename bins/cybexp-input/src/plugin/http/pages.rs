//! The pages that one fetch reads.

use std::collections::HashSet;

use crate::sink::RecordSink;
use cybexp_feed::PageRequest;
use cybexp_spool::ItemKey;

/// Pages without an element, one after the other, that are gone past.
const EMPTY: u32 = 10;

/// The pages that a fetch has read: bounds their number and detects repeats.
#[derive(Debug)]
pub(super) struct Pages {
    most: u32,
    asked: HashSet<ItemKey>,
    empty: u32,
    /// Fingerprints of the elements of this page, and of the page before.
    print: ItemKey,
    before: Option<ItemKey>,
}

impl Pages {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            asked: HashSet::new(),
            empty: 0,
            print: ItemKey::of(""),
            before: None,
        }
    }

    /// A page is read.
    pub(super) fn begin(&mut self, page: &PageRequest) {
        self.asked.insert(page.key());
        self.print = ItemKey::of("");
    }

    /// Elements of the page.
    pub(super) fn see<'a>(&mut self, keys: impl Iterator<Item = &'a ItemKey>) {
        for key in keys {
            self.print = ItemKey::of([self.print.0, key.0].concat());
        }
    }

    /// Whether any page was read.
    pub(super) fn any(&self) -> bool {
        !self.asked.is_empty()
    }

    pub(super) fn only_one(&self) -> bool {
        self.asked.len() == 1
    }

    /// The next page, unless it leads in a circle or too far; that is told.
    pub(super) fn next(
        &mut self,
        next: Option<PageRequest>,
        sink: &RecordSink,
    ) -> Option<PageRequest> {
        let next = next?;
        let empty = self.print == ItemKey::of("");
        self.empty = if empty { self.empty + 1 } else { 0 };
        let again = !empty && self.before == Some(self.print);
        self.before = Some(self.print);
        let wrong = if self.asked.contains(&next.key()) {
            "the next page is one that was read before, so it is the last one".to_owned()
        } else if again {
            "a page has the same elements as the one before: if there are more, they are not seen"
                .to_owned()
        } else if self.empty >= EMPTY {
            format!("{EMPTY} pages in a row have no element, so the last one is taken for the end")
        } else if self.asked.len() >= self.most as usize {
            format!(
                "there are more than {} pages: what is on the others is not seen (settings.pages)",
                self.most
            )
        } else {
            return Some(next);
        };
        sink.complain(&wrong);
        None
    }
}
