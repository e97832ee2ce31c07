//! The writer of the graph.

use tahoe_core::Node;

use crate::archive::missing::{self, Written};
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::graph::write::batch::GraphBatch;
use crate::graph::write::events::EventWriter;
use crate::graph::write::sessions;
use crate::mongo::collection::Documents;

/// Writes attributes, objects, events and sessions into an archive; cheap to clone.
#[derive(Debug, Clone)]
pub struct GraphWriter {
    coll: Documents,
    events: EventWriter,
}

impl GraphWriter {
    /// Makes a writer with its own lanes in the journal.
    pub fn new(archive: &Archive) -> Self {
        Self {
            coll: archive.coll.clone(),
            events: EventWriter::new(archive),
        }
    }

    /// Writes a batch. Instances are written before those that refer to them, so that a reader who finds an event finds
    /// its attributes. Stored instances are never overwritten, because an analyst may have set an event's category;
    /// sessions are merged.
    ///
    /// # Errors
    /// If the database fails. An instance that it cannot store is no error, but is listed in [`Written::rejected`].
    pub async fn write(&self, batch: &GraphBatch) -> Result<Written, StoreError> {
        let nodes = batch
            .nodes
            .values()
            .map(|node| (node.hash(), None, StoredNode(node)));
        let doing = "writing attributes and objects";
        let mut written = missing::insert(&self.coll, nodes, doing).await?;
        written.add(self.events.insert(batch.events.values()).await?);
        written.add(sessions::write(&self.coll, batch.sessions.values()).await?);
        Ok(written)
    }
}

/// A node in the form of its own document.
struct StoredNode<'a>(&'a Node);

impl serde::Serialize for StoredNode<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Attribute(attribute) => attribute.serialize(serializer),
            Node::Object(object) => object.serialize(serializer),
        }
    }
}
