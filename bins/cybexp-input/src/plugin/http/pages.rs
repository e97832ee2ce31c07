//! The pages that one fetch reads.

use std::collections::HashSet;

use crate::sink::Sink;
use cybexp_feed::Page;
use cybexp_spool::Key;

/// Pages without an element, one after the other, that are gone past.
const EMPTY: u32 = 10;

/// What a fetch has read, so that it ends.
#[derive(Debug)]
pub(super) struct Pages {
    most: u32,
    asked: HashSet<Key>,
    empty: u32,
    /// What names the elements of the page, and of the one before.
    print: Key,
    before: Option<Key>,
}

impl Pages {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            asked: HashSet::new(),
            empty: 0,
            print: Key::of(""),
            before: None,
        }
    }

    /// A page is read.
    pub(super) fn begin(&mut self, page: &Page) {
        self.asked.insert(page.key());
        self.print = Key::of("");
    }

    /// Elements of the page.
    pub(super) fn see<'a>(&mut self, keys: impl Iterator<Item = &'a Key>) {
        for key in keys {
            self.print = Key::of([self.print.0, key.0].concat());
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
    pub(super) fn next(&mut self, next: Option<Page>, sink: &Sink) -> Option<Page> {
        let next = next?;
        let empty = self.print == Key::of("");
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
