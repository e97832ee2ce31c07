//! The reader of the graph; the files beside this one say what it reads.

use crate::archive::open::Archive;
use crate::graph::read::timelines::Timelines;
use crate::mongo::collection::Documents;

/// Reads the graph of an archive: instances by hash, the events of a query, counts and pages of them; cheap to clone.
///
/// Clones share what they know of hubs, so a process needs no more than one that is made anew.
#[derive(Debug, Clone)]
pub struct GraphReader {
    pub(crate) coll: Documents,
    pub(crate) timelines: Timelines,
}

impl GraphReader {
    /// A reader that knows nothing of hubs yet.
    pub fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            timelines: Timelines::new(archive),
        }
    }
}
