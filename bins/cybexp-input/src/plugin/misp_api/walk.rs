//! The page of a MISP to ask for next.
//!
//! MISP has pages by number only, and events move while they are read: one that is edited goes to the end, one that is
//! deleted lets those after it move up, over the edge of a page, where nobody sees them. So, where the server orders by time
//! as it was asked to, the first page is asked for again and again, each time from where the last one ended. Pages with a
//! higher number are asked for only where that is not possible: many events of one second, or a server that ignores
//! `order`. Then the same pages are read once more, until there is nothing in them that is new.

use cybexp_spool::ItemKey;

/// How often the same pages are read.
const PASSES: u32 = 5;

/// The summary of a page.
#[derive(Debug, Clone, Default)]
pub(super) struct MispPage {
    /// Its events, those among them that could not be read.
    pub(super) events: u64,
    /// Events that are new.
    pub(super) unseen: u64,
    /// The timestamps of its first and last event that has one.
    pub(super) ends: Option<(i64, i64)>,
    /// The greatest one.
    pub(super) greatest: i64,
    /// Whether they are in the order of time.
    pub(super) sorted: bool,
    /// The fingerprint of the page's events.
    pub(super) print: Option<ItemKey>,
}

/// The progress of a fetch.
#[derive(Debug, Clone)]
pub(super) struct EventWalk {
    /// Only events with this timestamp, or a greater one, are asked for.
    pub(super) from: i64,
    /// The number of the page, from 1 on.
    pub(super) page: u32,
    limit: u64,
    ordered: Option<bool>,
    greatest: i64,
    pass: Pass,
    passes: u32,
}

/// The pages from the first one on.
#[derive(Debug, Clone, Default)]
struct Pass {
    /// There was something new.
    fresh: bool,
    /// There is more than fits into one page.
    long: bool,
    /// The page before.
    print: Option<ItemKey>,
    last: Option<i64>,
}

/// How the walk goes on after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalkStep {
    /// Ask again, as the walk now says.
    On,
    /// Ask again; up to its `from`, all is taken.
    Taken,
    /// This was all.
    End {
        /// The greatest timestamp that there was.
        greatest: i64,
        /// The server gave the same full page again: it may have more, which cannot be had.
        stuck: bool,
    },
}

impl EventWalk {
    pub(super) fn new(from: i64, limit: u32) -> Self {
        Self {
            from,
            page: 1,
            limit: limit.into(),
            ordered: None,
            greatest: 0,
            pass: Pass::default(),
            passes: 1,
        }
    }

    /// Whether it must be known now if the server orders events by time: only the newest one can tell.
    pub(super) fn must_know_order(&self, page: &MispPage) -> bool {
        self.ordered.is_none() && page.events >= self.limit && self.would_grow(page)
    }

    /// The newest event, says the server, has this timestamp.
    ///
    /// A server that ignores the order names the one that is the first on the page, too. Where both are of the same time,
    /// it cannot be told.
    pub(super) fn newest(&mut self, newest: Option<i64>, page: &MispPage) {
        let ends = newest.zip(page.ends);
        let ordered = ends.is_some_and(|(newest, (first, last))| newest >= last && newest > first);
        self.ordered = Some(ordered);
    }

    fn would_grow(&self, page: &MispPage) -> bool {
        let follows = |first| self.pass.last.is_none_or(|last| last <= first);
        page.sorted
            && page
                .ends
                .is_some_and(|(first, last)| follows(first) && last > self.from)
    }

    /// Decides how the walk goes on after this page.
    pub(super) fn after(&mut self, page: &MispPage) -> WalkStep {
        let again = self.page > 1 && page.events > 0 && page.print == self.pass.print;
        let ended = page.events == 0 || again;
        self.greatest = self.greatest.max(page.greatest);
        self.pass.fresh |= page.unseen > 0;
        self.pass.long |= page.events >= self.limit || (self.page > 1 && !ended);
        let grown = !ended && self.ordered == Some(true) && self.would_grow(page);
        if !ended && !grown {
            if !page.sorted {
                self.ordered = Some(false);
            }
            self.page += 1;
            self.pass.print = page.print;
            self.pass.last = page.ends.map(|(_, last)| last).or(self.pass.last);
            return WalkStep::On;
        }
        // nothing can move out of sight before the first page
        let safe = grown && self.page == 1;
        let repeat = self.pass.fresh && self.pass.long && !safe && self.passes < PASSES;
        self.page = 1;
        self.pass = Pass::default();
        if repeat {
            self.passes += 1;
            return WalkStep::On;
        }
        match page.ends {
            Some((_, last)) if grown => {
                self.from = last;
                self.passes = 1;
                WalkStep::Taken
            }
            _ => WalkStep::End {
                greatest: self.greatest,
                stuck: again && page.events == self.limit,
            },
        }
    }
}
