//! The reader of the graph. The other files of this folder add its methods.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::read::timelines::Timelines;
use crate::mongo::collection::Documents;
use crate::tables::kept::KeptTables;
use crate::tables::known_derived::KnownDerived;
use crate::tables::room::PATIENCE;
use crate::values::walked;

/// Reads the graph of an archive: instances by hash, the events of a query, counts and pages of them; cheap to clone.
///
/// Clones share their knowledge of hubs, so a process should make one reader and clone it.
#[derive(Debug, Clone)]
pub struct GraphReader {
    pub(crate) coll: Documents,
    pub(crate) values: Documents,
    pub(crate) hours: Documents,
    pub(crate) tables: KeptTables,
    /// How far filters of the second stage are.
    pub(crate) filters: Documents,
    pub(crate) derived: KnownDerived,
    /// The time for which an answer goes on to read events that tables lack.
    pub(crate) patience: Duration,
    pub(crate) timelines: Timelines,
    /// Whether all values were found to have rows.
    complete: Arc<AtomicBool>,
}

impl GraphReader {
    /// Makes a reader that knows no hubs yet.
    pub fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            values: archive.values.clone(),
            hours: archive.hours.clone(),
            tables: KeptTables::new(),
            filters: archive.filters.clone(),
            derived: KnownDerived::new(),
            patience: PATIENCE,
            timelines: Timelines::new(archive),
            complete: Arc::default(),
        }
    }

    /// Whether all values have rows, and all events are found by their organisation. In an archive of an earlier release
    /// this takes a walk.
    pub async fn values_complete(&self) -> Result<bool, StoreError> {
        if !self.complete.load(Ordering::Relaxed) && walked::is_done(&self.values).await? {
            self.complete.store(true, Ordering::Relaxed);
        }
        Ok(self.complete.load(Ordering::Relaxed))
    }
}
