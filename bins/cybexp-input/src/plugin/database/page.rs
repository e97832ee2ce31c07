//! Rows that were read together, sorted into those that are new and those that are known.

use std::collections::HashMap;

use serde_json::Value;

use super::connection::{CursorKind, DatabaseRow, Spot};
use super::standing::{CursorStanding, SourceClock, standing};
use cybexp_feed as feed;
use cybexp_spool::ItemKey;

/// Bytes of new rows after which a page ends.
pub(super) const PAGE_BYTES: usize = 16 << 20;
/// Successive rows with an unbelieved cursor after which that cursor is believed.
const BELIEVED: usize = 1000;
/// Rows whose time is still to come that are taken at most; others are taken when it comes.
pub(super) const EARLY: usize = 100_000;

/// A row that was read.
#[derive(Debug)]
pub(super) struct ReadRow {
    pub(super) key: ItemKey,
    pub(super) at: Value,
    /// The row as JSON; `None` if it is taken already, or cannot be taken.
    pub(super) json: Option<String>,
}

/// The rows read in one transaction.
#[derive(Debug)]
pub(super) struct RowPage {
    clock: SourceClock,
    pub(super) rows: Vec<ReadRow>,
    pub(super) new: usize,
    pub(super) new_bytes: usize,
    pub(super) too_long: usize,
    /// Rows that could not be read, and why; without those that were told of before.
    pub(super) unreadable: Vec<String>,
    /// The place to which the cursor may move is beyond the first ones.
    pub(super) moved: bool,
    /// There may be more.
    pub(super) cut: bool,
    /// The rows at the end whose cursor is not believed: they are taken, but what comes later need not be behind them.
    held: Option<HeldRow>,
    /// The last cursor that is believed.
    before: Option<Value>,
}

#[derive(Debug)]
struct HeldRow {
    /// The first one.
    from: usize,
    standing: CursorStanding,
    /// The first new one that no clock explains.
    told: Option<Value>,
}

impl RowPage {
    /// A page that begins at this place.
    pub(super) fn new(after: Option<&Value>, clock: SourceClock) -> Self {
        Self {
            clock,
            rows: Vec::new(),
            new: 0,
            new_bytes: 0,
            too_long: 0,
            unreadable: Vec::new(),
            moved: false,
            cut: false,
            held: None,
            before: after.cloned(),
        }
    }

    /// Adds a row; `new` if it was not taken yet.
    pub(super) fn add(&mut self, key: ItemKey, row: DatabaseRow, new: bool) {
        self.stand(&row.at, row.kind, row.beyond, new);
        let fits = row.json.len() <= feed::RECORD_BYTES;
        self.new += usize::from(new);
        self.too_long += usize::from(new && !fits);
        let json = (new && fits).then_some(row.json);
        self.new_bytes += json.as_ref().map_or(0, String::len);
        self.rows.push(ReadRow {
            key,
            at: row.at,
            json,
        });
    }

    /// A row that cannot be read, and is passed over.
    pub(super) fn pass(&mut self, key: ItemKey, spot: &Spot, new: bool, why: String) {
        self.new += usize::from(new);
        if new {
            self.unreadable.push(why);
        }
        self.stand(&spot.at, spot.kind, spot.beyond, new);
        self.rows.push(ReadRow {
            key,
            at: spot.at.clone(),
            json: None,
        });
    }

    fn stand(&mut self, at: &Value, kind: CursorKind, beyond: bool, new: bool) {
        let standing = standing(self.before.as_ref(), at, kind, self.clock);
        match &mut self.held {
            None if standing == CursorStanding::Usual => {}
            None => {
                self.held = Some(HeldRow {
                    from: self.rows.len(),
                    standing,
                    told: None,
                });
            }
            Some(held) => {
                let many = self.rows.len() - held.from >= BELIEVED;
                if held.standing == CursorStanding::Odd
                    && many
                    && standing != CursorStanding::Endless
                {
                    self.held = None;
                }
            }
        }
        match &mut self.held {
            None => {
                self.moved = beyond;
                self.before = Some(at.clone());
            }
            Some(held) if new && held.told.is_none() && self.clock.is_far(at, kind) => {
                held.told = Some(at.clone());
            }
            Some(_) => {}
        }
    }

    /// The rows by which the cursor may move: those after them are held.
    pub(super) fn usual(&self) -> usize {
        self.held.as_ref().map_or(self.rows.len(), |held| held.from)
    }

    /// Whether so many rows are early that the others may wait for their time.
    pub(super) fn is_early_enough(&self) -> bool {
        self.held.as_ref().is_some_and(|held| {
            held.standing == CursorStanding::Early && self.rows.len() - held.from >= EARLY
        })
    }

    /// The first new row whose cursor is not believed, if that is worth a word.
    pub(super) fn told(&self) -> Option<&Value> {
        self.held.as_ref()?.told.as_ref()
    }
}

/// Tells rows apart that are the same in all columns: the second one is another record.
#[derive(Default)]
pub(super) struct Twins {
    at: Value,
    seen: HashMap<ItemKey, u32>,
}

impl Twins {
    pub(super) fn key(&mut self, row: &DatabaseRow) -> ItemKey {
        if row.at != self.at {
            // they have the same cursor, too
            self.seen.clear();
            self.at = row.at.clone();
        }
        let key = ItemKey::of(&row.json);
        let earlier = self.seen.entry(key).or_default();
        *earlier += 1;
        match *earlier {
            1 => key,
            number => ItemKey::of(format!("{key} {number}")),
        }
    }
}
