//! The way through a query's rows, page by page.

use anyhow::bail;
use chrono::Utc;
use chrono_tz::Tz;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::connection::{DatabaseConnection, DatabaseRow, Span, Spot};
use super::page::{EARLY, PAGE_BYTES, RowPage, Twins};
use super::standing::SourceClock;
use super::told::told;
use crate::sink::RecordSink;
use cybexp_feed as feed;
use cybexp_spool::{ItemKey, RecordBatch};

/// Rows of a page; more where that many have the same cursor.
const ROWS: u64 = 1000;
/// Rows that are looked up at once …
const GROUP_ROWS: usize = 1000;
/// … or so many bytes of them.
const GROUP_BYTES: usize = 4 << 20;
/// Marks that go to disk at once, at most.
const FULL_MARKS: usize = 10_000;

/// The mark of a row whose cursor is not believed: it is kept while pages before it are taken.
const HELD: i64 = i64::MAX;

/// The position up to which the rows are taken. Rows of the last page are marked with its round.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RowCursor {
    /// The column that `at` is a value of; a cursor of another column is not used.
    column: String,
    at: Option<Value>,
    round: i64,
}

/// The way through the rows.
///
/// A page begins with the rows whose cursor is that of the last one taken, which are known by their marks. A page in which
/// the cursor does not move is read again twice as long, so it comes past any number of rows with the same one.
///
/// The cursor does not move to a value that is not believed ([`super::standing`]): the rows at the end that have such ones
/// are taken and marked, and are read, and known, each time, so that rows which come later before them are seen.
pub(super) struct RowWalk<'a> {
    sink: &'a RecordSink,
    cursor: RowCursor,
    limit: u64,
    zone: Tz,
}

impl<'a> RowWalk<'a> {
    pub(super) async fn begin(
        sink: &'a RecordSink,
        column: &str,
        from: Option<Value>,
        zone: Tz,
    ) -> anyhow::Result<Self> {
        let mut cursor: Option<RowCursor> = sink.cursor().await?;
        let round = cursor.as_ref().map_or(0, |cursor| cursor.round);
        cursor = cursor.filter(|cursor| cursor.column == column);
        Ok(Self {
            sink,
            cursor: cursor.unwrap_or_else(|| RowCursor {
                column: column.to_owned(),
                at: from,
                round,
            }),
            limit: ROWS,
            zone,
        })
    }

    /// The cursor at which the next page begins.
    pub(super) fn after(&self) -> Option<&Value> {
        self.cursor.at.as_ref()
    }

    /// The rows of the next page.
    pub(super) fn span(&self) -> Span<'_> {
        Span::at(self.after(), self.limit)
    }

    /// The next page, with nothing in it yet.
    pub(super) fn page(&self) -> RowPage {
        let clock = SourceClock {
            now: Utc::now(),
            zone: self.zone,
        };
        RowPage::new(self.after(), clock)
    }

    /// Reads the next page.
    pub(super) async fn read(
        &self,
        connection: &mut dyn DatabaseConnection,
    ) -> anyhow::Result<RowPage> {
        let mut page = self.page();
        connection.begin().await?;
        {
            let mut rows = connection.rows(self.span());
            let mut twins = Twins::default();
            let (mut group, mut bytes, mut count) = (Vec::new(), 0, 0);
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
            page.cut |= count >= self.limit;
        }
        connection.end().await?;
        Ok(page)
    }

    /// Moves rows into the page, those that are known without what they hold.
    pub(super) async fn sort_out(
        &self,
        group: &mut Vec<(ItemKey, DatabaseRow)>,
        page: &mut RowPage,
    ) -> anyhow::Result<()> {
        let marks = self.sink.marks(group.iter().map(|(key, _)| *key).collect());
        for ((key, row), mark) in group.drain(..).zip(marks.await?) {
            if row.beyond && Some(&row.at) == self.after() {
                // or the same page would be asked for again, for ever
                bail!(
                    "settings.cursor: {} of `{}` is greater than itself to the database, so no row is found again by it: \
                     use another column, or CAST it",
                    row.at,
                    self.cursor.column
                );
            }
            if row.at.is_null() && page.rows.is_empty() && self.after().is_none() {
                bail!(
                    "settings.cursor: the column holds values by which nothing can be found again: {}",
                    row.json.chars().take(200).collect::<String>()
                );
            }
            page.add(key, row, mark.is_none());
        }
        Ok(())
    }

    /// Passes over a row that cannot be read, and those that have the same cursor, `alike` in all; that is told once, as long as the cursor stays near.
    pub(super) async fn pass(
        &self,
        spot: &Spot,
        alike: usize,
        error: anyhow::Error,
        page: &mut RowPage,
    ) -> anyhow::Result<()> {
        let key = ItemKey::of(format!("unreadable {}", spot.at));
        let known = self.sink.marks(vec![key]).await?;
        let new = known.iter().all(Option::is_none);
        let (column, error) = (&self.cursor.column, told(error));
        let why = match alike {
            1 => format!(
                "the row whose `{column}` is {} cannot be read, and is left out: {error:#}",
                spot.at
            ),
            _ => format!(
                "one of the {alike} rows whose `{column}` is {} cannot be read, and all of them are left out: {error:#}",
                spot.at
            ),
        };
        page.pass(key, spot, new, why);
        Ok(())
    }

    /// Takes what is new in a page; whether there may be more.
    pub(super) async fn take(&mut self, page: RowPage) -> anyhow::Result<bool> {
        self.limit = match page.moved {
            true => ROWS,
            false => self.limit.saturating_mul(2),
        };
        self.complain(&page);
        let more = page.cut && !page.is_early_enough();
        if page.new == 0 && !(page.moved && page.cut) {
            return Ok(more);
        }
        self.cursor.round = self.cursor.round.saturating_add(1);
        let (usual, moved) = (page.usual(), page.moved);
        let mut batch = RecordBatch::new();
        for (number, row) in page.rows.into_iter().enumerate() {
            let mark = match number < usual {
                true => self.cursor.round,
                false => HELD,
            };
            if number < usual {
                self.cursor.at = Some(row.at);
            }
            batch.marks.push((row.key, mark));
            if let Some(json) = row.json {
                batch.push(json);
            }
            if batch.is_full() || batch.marks.len() >= FULL_MARKS {
                batch.cursor = Some(json!(self.cursor));
                self.sink.take(std::mem::take(&mut batch)).await?;
            }
        }
        // the rows before this page are behind the cursor now, unless all of this page is where it was
        batch.forget_below = moved.then_some(self.cursor.round);
        batch.cursor = Some(json!(self.cursor));
        self.sink.take(batch).await?;
        Ok(more)
    }

    fn complain(&self, page: &RowPage) {
        if page.too_long > 0 {
            self.sink.complain(&format!(
                "{} rows of more than {} MiB are left out",
                page.too_long,
                feed::RECORD_BYTES >> 20
            ));
        }
        if let Some(at) = page.told() {
            let at = match at {
                Value::Null => "some value that is no place".to_owned(),
                at => at.to_string(),
            };
            self.sink.complain(&format!(
                "there are rows whose `{}` (settings.cursor) is {at}, beyond all others: they are taken, and the cursor stays \
                 before them",
                self.cursor.column
            ));
        }
        if page.cut && page.is_early_enough() && page.new > 0 {
            self.sink.complain(&format!(
                "more than {EARLY} rows are ahead of the clock by their `{}` (settings.cursor; times without a zone are of \
                 {}): the others are taken when their time comes",
                self.cursor.column, self.zone
            ));
        }
        for why in &page.unreadable {
            self.sink.complain(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use futures::StreamExt;
    use futures::stream::{self, BoxStream};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::plugin::database::connection::CursorKind;
    use crate::status::SharedStatus;
    use cybexp_spool::Spool;
    use tahoe_core::SubmissionTags;

    /// A database that forgets all but the first character of what it compares with.
    struct Forgetful;

    #[async_trait]
    impl DatabaseConnection for Forgetful {
        async fn columns(&mut self) -> sqlx::Result<Vec<String>> {
            Ok(vec!["id".to_owned()])
        }

        async fn choose(&mut self, _place: usize) -> anyhow::Result<()> {
            Ok(())
        }

        async fn begin(&mut self) -> sqlx::Result<()> {
            Ok(())
        }

        fn rows<'a>(&'a mut self, span: Span<'_>) -> BoxStream<'a, anyhow::Result<DatabaseRow>> {
            let from = span.from.and_then(Value::as_str).unwrap_or_default();
            let from = from.chars().next().map(String::from).unwrap_or_default();
            let ids = (0..2500).map(|id| format!("a{id:04}"));
            let ids = ids.filter(move |id| *id >= from).take(span.limit as usize);
            stream::iter(ids.map(|id| {
                Ok(DatabaseRow {
                    json: json!({"id": id}).to_string(),
                    at: id.into(),
                    kind: CursorKind::Text,
                    beyond: true,
                })
            }))
            .boxed()
        }

        async fn spots(&mut self, _span: Span<'_>) -> anyhow::Result<Vec<Spot>> {
            Ok(Vec::new())
        }

        async fn end(&mut self) -> sqlx::Result<()> {
            Ok(())
        }

        async fn undo(&mut self) -> sqlx::Result<()> {
            Ok(())
        }

        async fn any_null(&mut self) -> anyhow::Result<bool> {
            Ok(false)
        }

        async fn close(self: Box<Self>) {}
    }

    #[tokio::test]
    async fn a_cursor_by_which_no_row_is_found_again_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        let known = spool
            .register("test", "database", &SubmissionTags::default())
            .await;
        let status = Arc::new(SharedStatus::new("test", "database", true));
        let stop = CancellationToken::new();
        let sink = RecordSink::new("test", status, stop, spool, known.unwrap().id, None);
        let mut walk = RowWalk::begin(&sink, "id", None, Tz::UTC).await.unwrap();
        let page = walk.read(&mut Forgetful).await.unwrap();
        assert!(walk.take(page).await.unwrap(), "there may be more");
        let error = walk.read(&mut Forgetful).await.unwrap_err().to_string();
        assert!(
            error.contains("\"a0999\" of `id` is greater than itself"),
            "{error}"
        );
    }
}
