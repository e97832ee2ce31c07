//! The archive as reports read it, with the rows and ranks that were read before.

use std::sync::Arc;
use std::time::Duration;

use cybexp_lists::KnownGood;
use cybexp_store::{GraphReader, InstanceRow, StoreError, Visible};
use tahoe_core::Hash;
use threatrank::{Limits, NodeKind};

use crate::drawn::DrawnEvents;
use crate::hubs::KnownHubs;
use crate::page::ReportPage;
use crate::ranks::Ranks;
use crate::rows::Remembered;

/// The answer to a question, or the reason why there is none; the outer error is one of the database.
pub(crate) type Answered = Result<Result<ReportPage, String>, StoreError>;

/// The archive, and the parts of it that are kept in memory; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(crate) archive: GraphReader,
    /// Kinds of nodes, for threatranks.
    pub(crate) kinds: Remembered<NodeKind>,
    nodes: Remembered<InstanceRow>,
    /// Attributes of many events, for threatranks.
    pub(crate) hubs: KnownHubs,
    /// Events of these, for threatranks.
    pub(crate) drawn: DrawnEvents,
    /// The allow lists that the operator names.
    pub(crate) known_good: Arc<KnownGood>,
    /// Bounds of one threatrank.
    pub(crate) limits: Limits,
    /// Threatranks that were worked out before.
    pub(crate) ranks: Ranks,
}

/// The circumstances in which a question is answered.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) sources: &'a Sources,
    /// The organisations whose events the user may see.
    pub(crate) visible: &'a Visible,
    /// The time as of which the answer is made, in Unix seconds.
    pub(crate) now: f64,
    /// Whether answers that were made before may not be used.
    pub(crate) redo: bool,
}

impl Sources {
    /// Reads this archive, with nothing in memory yet; a threatrank takes `budget` at most.
    pub(crate) fn new(archive: GraphReader, budget: Duration) -> Self {
        Self {
            archive,
            kinds: Remembered::new(),
            nodes: Remembered::new(),
            hubs: KnownHubs::new(),
            drawn: DrawnEvents::new(Hash::from_bytes(rand::random())),
            known_good: Arc::default(),
            limits: Limits::new(budget),
            ranks: Ranks::new(),
        }
    }

    /// Returns those of the hashes that are attributes or objects, in the order of the hashes.
    pub(crate) async fn nodes(
        &self,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        let read = async |unknown: Vec<Hash>| self.archive.nodes(&unknown).await;
        self.nodes.of(hashes, read).await
    }

    /// Returns the attributes and objects among these as [`Self::nodes`] does, or `None` if they have more than `most`
    /// bytes together.
    pub(crate) async fn nodes_up_to(
        &self,
        hashes: impl IntoIterator<Item = Hash>,
        most: usize,
    ) -> Result<Option<Vec<InstanceRow>>, StoreError> {
        let read = async |unknown: Vec<Hash>| self.archive.nodes_up_to(&unknown, most).await;
        let nodes = self.nodes.of(hashes, read).await?;
        let bytes = nodes.iter().map(InstanceRow::bytes);
        let bytes = bytes.fold(0, usize::saturating_add);
        Ok((bytes <= most).then_some(nodes))
    }
}
