//! Going through what was in the archive before a second-stage filter, or before its new version.

use std::sync::Arc;

use cybexp_filters::second::{Networks, SecondFilter, Source};
use cybexp_store::{
    Archive, AttributePage, Backfill, BackfillProgress, GraphBatch, GraphWriter, SecondVersion,
    StoreError, VersionStanding, Walked,
};
use metrics::counter;
use tahoe_core::{Attribute, OrgId};

use super::deriver::Deriver;
use super::memory::Memory;
use super::standing::Standings;

/// One filter on its way through the archive. It goes on where it, or another worker, ended.
pub struct Backfiller {
    filter: &'static dyn SecondFilter,
    version: SecondVersion,
    backfill: Backfill,
    graph: GraphWriter,
    deriver: Deriver,
    /// The attributes that were read on this way.
    memory: Memory,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackfillStep {
    /// The number of attributes or sessions of a page.
    Page(u64),
    /// All of the archive is read.
    Done,
    /// Another worker is at it, or has a higher version or other data.
    NotOurs,
}

impl Backfiller {
    /// Makes the way of a filter through an archive; `None` if the filter rests for want of data.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open(
        filter: &'static dyn SecondFilter,
        archive: &Archive,
        networks: Networks,
    ) -> Result<Option<Self>, StoreError> {
        let deriver = Deriver::new(&[filter], Arc::new(networks), Standings::default());
        Self::with(filter, archive, &GraphWriter::new(archive), &deriver).await
    }

    pub(super) async fn with(
        filter: &'static dyn SecondFilter,
        archive: &Archive,
        graph: &GraphWriter,
        deriver: &Deriver,
    ) -> Result<Option<Self>, StoreError> {
        let Some(id) = filter.id(deriver.networks()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            filter,
            version: SecondVersion {
                name: filter.name(),
                version: filter.version(),
                id,
            },
            backfill: Backfill::open(archive, filter.name()).await?,
            graph: graph.clone(),
            deriver: deriver.clone(),
            memory: Memory::new(),
        }))
    }

    /// The name of the filter.
    pub(super) fn name(&self) -> &'static str {
        self.filter.name()
    }

    /// The id of the filter with its data.
    pub fn id(&self) -> &str {
        &self.version.id
    }

    pub(super) async fn announce(&self, claims: bool) -> Result<VersionStanding, StoreError> {
        self.backfill.announce(&self.version, claims).await
    }

    /// Makes the filter go through all of the archive again, unless it is at it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn restart(&self) -> Result<(), StoreError> {
        self.backfill.restart(&self.version).await
    }

    /// Returns how far the filter is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn progress(&self) -> Result<Option<BackfillProgress>, StoreError> {
        self.backfill.progress(self.filter.name()).await
    }

    /// Reads a page.
    ///
    /// # Errors
    /// If the database fails. The page is read again.
    pub async fn step(&mut self) -> anyhow::Result<BackfillStep> {
        match self.filter.source() {
            Source::Sessions(sub_types) => {
                let walked = self.backfill.sessions(&self.version, sub_types).await?;
                Ok(match walked {
                    Walked::Page(sessions) => BackfillStep::Page(sessions),
                    Walked::Done => BackfillStep::Done,
                    Walked::NotOurs => BackfillStep::NotOurs,
                })
            }
            Source::Attributes(sub_types) => {
                let walked = self.backfill.attributes(&self.version, sub_types).await?;
                match walked {
                    Walked::Page(page) => Ok(BackfillStep::Page(self.page(page).await?)),
                    Walked::Done => Ok(BackfillStep::Done),
                    Walked::NotOurs => Ok(BackfillStep::NotOurs),
                }
            }
        }
    }

    /// Derives events from the attributes of a page, and removes what the version before derived.
    async fn page(&mut self, mut page: AttributePage) -> anyhow::Result<u64> {
        let since = std::time::Instant::now();
        let mut keys = Vec::new();
        let mut attributes: Vec<(OrgId, Attribute)> = std::mem::take(&mut page.attributes);
        attributes.retain(|(orgid, attribute)| {
            let key = self.memory.key(orgid, attribute.hash());
            let is_new = !self.memory.knows(&key);
            keys.extend(is_new.then_some(key));
            is_new
        });
        let count = attributes.len() as u64;
        let (filter, deriver) = (self.filter, self.deriver.clone());
        let derive = move || {
            let mut graph = GraphBatch::default();
            let of_each = attributes.into_iter();
            let made: Vec<_> = of_each
                .map(|(orgid, attribute)| deriver.rederive(filter, orgid, &attribute, &mut graph))
                .collect();
            (graph, made)
        };
        let (graph, made) = tokio::task::spawn_blocking(derive).await?;
        let written = self.graph.write(&graph).await?;
        let replaced = self.graph.replace_derived(filter.name(), &made).await?;
        self.backfill.noted(&self.version, page).await?;
        self.memory.learn(keys, since);
        counter!("cybexp_analytics_instances_total", "outcome" => "derived")
            .increment(written.inserted);
        counter!("cybexp_analytics_replaced_total", "filter" => filter.name()).increment(replaced);
        Ok(count)
    }

    /// Lets another worker carry on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.backfill.release().await
    }
}
