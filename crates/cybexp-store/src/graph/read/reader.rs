//! The reader of the graph. The other files of this folder add its methods.

use crate::archive::open::Archive;
use crate::graph::read::timelines::Timelines;
use crate::mongo::collection::Documents;

/// Reads the graph of an archive: instances by hash, the events of a query, counts and pages of them; cheap to clone.
///
/// Clones share their knowledge of hubs, so a process should make one reader and clone it.
#[derive(Debug, Clone)]
pub struct GraphReader {
    pub(crate) coll: Documents,
    pub(crate) timelines: Timelines,
}

impl GraphReader {
    /// Makes a reader that knows no hubs yet.
    pub fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            timelines: Timelines::new(archive),
        }
    }
}
