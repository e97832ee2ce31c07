//! Rows of new events as they are written, by one change stream for all listeners of a process.

use bson::doc;

use crate::error::StoreError;
use crate::live::rows::{Live, LiveRow, ROW_BYTES, Stored};
use crate::mongo::inserts::InsertStream;

/// Follows the rows of new events.
pub struct LiveTail(InsertStream);

impl LiveTail {
    /// Makes a tail that has not begun to follow.
    pub fn new(live: &Live) -> Self {
        let of = doc! {"fullDocument.events": {"$type": "string"}};
        Self(InsertStream::new(&live.coll, of, ROW_BYTES))
    }

    /// Begins to follow, from where the last call to [`LiveTail::next`] ended. Returns whether rows were lost since then.
    ///
    /// # Errors
    /// If the database fails; call it again.
    pub async fn begin(&mut self) -> Result<bool, StoreError> {
        self.0.begin().await
    }

    /// Returns the next row, in the order in which the server took them; `None` where there is none for about a second.
    /// Runs to its end: a dropped call loses a row.
    ///
    /// # Errors
    /// If the database fails; then begin again.
    pub async fn next(&mut self) -> Result<Option<LiveRow>, StoreError> {
        let row = self.0.next().await?;
        // what is none was not written by us
        let row = row.and_then(|row| bson::deserialize_from_document::<Stored>(row).ok());
        Ok(row.map(LiveRow::from))
    }
}
