//! The way through a query's rows, page by page.

use std::collections::HashMap;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::connection::{Connection, Row};
use crate::feed;
use crate::record::{Batch, Key};
use crate::sink::Sink;

/// Rows of a page; more where that many have the same cursor.
const ROWS: u64 = 1000;
/// A page ends with so many bytes of new rows.
const PAGE_BYTES: usize = 16 << 20;
/// So many rows are looked up at once …
const GROUP_ROWS: usize = 1000;
/// … or so many bytes of them.
const GROUP_BYTES: usize = 4 << 20;
/// Marks that go to disk at once, at most.
const FULL_MARKS: usize = 10_000;

/// Up to where the rows are taken. Those of the last page are marked with its round.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cursor {
    /// Of another column, it means nothing.
    column: String,
    at: Option<Value>,
    round: i64,
}

/// A row that was read.
#[derive(Debug)]
struct Read {
    key: Key,
    at: Value,
    /// `None` if it is taken already, or cannot be.
    json: Option<String>,
}

/// What was read in one transaction.
#[derive(Debug, Default)]
pub(super) struct Page {
    rows: Vec<Read>,
    new: usize,
    new_bytes: usize,
    too_long: usize,
    /// The last row is beyond the first ones.
    moved: bool,
    /// There may be more.
    cut: bool,
}

/// The way through the rows.
///
/// A page begins with the rows whose cursor is that of the last one taken, which are known by their marks. A page in which
/// the cursor does not move is read again twice as long, so it comes past any number of rows with the same one.
pub(super) struct Walk<'a> {
    sink: &'a Sink,
    cursor: Cursor,
    limit: u64,
}

impl<'a> Walk<'a> {
    pub(super) async fn begin(
        sink: &'a Sink,
        column: &str,
        from: Option<Value>,
    ) -> anyhow::Result<Self> {
        let mut cursor: Option<Cursor> = sink.cursor().await?;
        let round = cursor.as_ref().map_or(0, |cursor| cursor.round);
        cursor = cursor.filter(|cursor| cursor.column == column);
        Ok(Self {
            sink,
            cursor: cursor.unwrap_or_else(|| Cursor {
                column: column.to_owned(),
                at: from,
                round,
            }),
            limit: ROWS,
        })
    }

    /// Where the next page begins.
    pub(super) fn after(&self) -> Option<&Value> {
        self.cursor.at.as_ref()
    }

    /// Reads the next page.
    pub(super) async fn read(&self, connection: &mut dyn Connection) -> anyhow::Result<Page> {
        connection.begin().await?;
        let mut page = Page::default();
        let mut twins = Twins::default();
        let mut count = 0;
        {
            let mut rows = connection.rows(self.after(), self.limit);
            let mut group = Vec::new();
            let mut bytes = 0;
            while let Some(row) = rows.try_next().await? {
                count += 1;
                bytes += row.json.len();
                group.push((twins.key(&row), row));
                if group.len() >= GROUP_ROWS || bytes >= GROUP_BYTES {
                    bytes = 0;
                    self.sort_out(&mut group, &mut page).await?;
                    if page.new_bytes >= PAGE_BYTES {
                        page.cut = true;
                        break;
                    }
                }
            }
            self.sort_out(&mut group, &mut page).await?;
        }
        connection.end().await?;
        page.cut |= count >= self.limit;
        Ok(page)
    }

    /// Moves rows into the page, those that are known without what they hold.
    async fn sort_out(&self, group: &mut Vec<(Key, Row)>, page: &mut Page) -> anyhow::Result<()> {
        let marks = self.sink.marks(group.iter().map(|(key, _)| *key).collect());
        for ((key, row), mark) in group.drain(..).zip(marks.await?) {
            let new = mark.is_none();
            page.moved = row.beyond;
            let fits = row.json.len() <= feed::RECORD_BYTES;
            page.new += usize::from(new);
            page.too_long += usize::from(new && !fits);
            let json = (new && fits).then_some(row.json);
            page.new_bytes += json.as_ref().map_or(0, String::len);
            page.rows.push(Read {
                key,
                at: row.at,
                json,
            });
        }
        Ok(())
    }

    /// Takes what is new in a page; whether there may be more.
    pub(super) async fn take(&mut self, page: Page) -> anyhow::Result<bool> {
        self.limit = match page.moved {
            true => ROWS,
            false => self.limit.saturating_mul(2),
        };
        if page.too_long > 0 {
            self.sink.complain(&format!(
                "{} rows of more than {} MiB are left out",
                page.too_long,
                feed::RECORD_BYTES >> 20
            ));
        }
        if page.new == 0 && !(page.moved && page.cut) {
            return Ok(page.cut);
        }
        self.cursor.round = self.cursor.round.saturating_add(1);
        let mut batch = Batch::new();
        for row in page.rows {
            self.cursor.at = Some(row.at);
            batch.marks.push((row.key, self.cursor.round));
            if let Some(json) = row.json {
                batch.push(json);
            }
            if batch.is_full() || batch.marks.len() >= FULL_MARKS {
                batch.cursor = Some(json!(self.cursor));
                self.sink.take(std::mem::take(&mut batch)).await?;
            }
        }
        // the rows before this page are behind the cursor now, unless all of this page is where it was
        batch.forget_below = page.moved.then_some(self.cursor.round);
        batch.cursor = Some(json!(self.cursor));
        self.sink.take(batch).await?;
        Ok(page.cut)
    }
}

/// Tells rows apart that are the same in all columns: the second one is another record.
#[derive(Default)]
struct Twins {
    at: Value,
    seen: HashMap<Key, u32>,
}

impl Twins {
    fn key(&mut self, row: &Row) -> Key {
        if row.at != self.at {
            // they have the same cursor, too
            self.seen.clear();
            self.at = row.at.clone();
        }
        let key = Key::of(&row.json);
        let earlier = self.seen.entry(key).or_default();
        *earlier += 1;
        match *earlier {
            1 => key,
            number => Key::of(format!("{key} {number}")),
        }
    }
}
