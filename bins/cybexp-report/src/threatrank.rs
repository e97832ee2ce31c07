//! A report on how threatening an event is.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Instant;

use cybexp_store::{GraphReader, StoreError, Visible};
use serde_json::{Value, json};
use tahoe_core::Hash;
use threatrank::{
    AttributeEvents, Draw, EventRefs, EventTime, Neighbourhood, NodeKind, Rank, Source,
};

use crate::Engine;
use crate::remembered::Remembered;

/// Attributes that a report names.
const NAMED: usize = 20;

impl Engine {
    /// A report's data on an event as of `now`, in Unix seconds; nothing if there is none that `visible` shows.
    pub(crate) async fn threatrank(
        &self,
        event: Hash,
        now: f64,
        visible: &Visible,
    ) -> Result<Option<Value>, StoreError> {
        let began = Instant::now();
        let Some(target) = self.archive.event_time(event, visible).await? else {
            return Ok(None);
        };
        let seen = SeenGraph {
            archive: &self.archive,
            kinds: &self.kinds,
            visible,
        };
        let mut around = Neighbourhood::new(&seen, target, now, self.limits, began);
        around.read().await?;
        let mut rank = tokio::task::block_in_place(|| around.search());
        around.walk(&mut rank).await?;
        let contributors = self.contributors(&rank, around.attributes()).await?;
        Ok(Some(json!({
            "score": rank.score,
            "paths": rank.paths,
            "exact": rank.error_bound == 0.0,
            "error_bound": rank.error_bound,
            "contributors": contributors,
            "_hash": event,
        })))
    }

    /// The attributes that contributed most, with the share of the score that came through each.
    async fn contributors(&self, rank: &Rank, names: &[Hash]) -> Result<Vec<Value>, StoreError> {
        let contributions = rank.contributions.iter().zip(names);
        let mut most: Vec<(f64, Hash)> = contributions
            .filter(|(contribution, _)| **contribution < 0.0)
            .map(|(contribution, name)| (contribution / rank.score, *name))
            .collect();
        most.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        most.truncate(NAMED);
        let nodes = self.nodes(most.iter().map(|(_, hash)| *hash)).await?;
        let nodes: HashMap<Hash, _> = nodes.into_iter().map(|node| (node.hash, node)).collect();
        let rows = most.iter().filter_map(|(share, hash)| {
            let node = nodes.get(hash)?;
            Some(json!({"sub_type": node.sub_type, "data": node.data, "share": share}))
        });
        Ok(rows.collect())
    }
}

/// The archive's graph as a user sees it.
struct SeenGraph<'a> {
    archive: &'a GraphReader,
    kinds: &'a Remembered<NodeKind>,
    visible: &'a Visible,
}

impl Source for SeenGraph<'_> {
    type Error = StoreError;

    async fn kinds(&self, hashes: Vec<Hash>) -> Result<Vec<NodeKind>, StoreError> {
        let read = async |unknown: Vec<Hash>| self.archive.kinds(&unknown).await;
        self.kinds.of(hashes, read).await
    }

    async fn event_refs(&self, events: &[Hash]) -> Result<Vec<EventRefs>, StoreError> {
        self.archive.event_refs(events, self.visible).await
    }

    async fn events_of_attributes(
        &self,
        attributes: &[Hash],
        most: usize,
        room: usize,
    ) -> Result<Vec<AttributeEvents>, StoreError> {
        self.archive
            .events_of_attributes(attributes, self.visible, most, room)
            .await
    }

    async fn draw_events(&self, draws: &[Draw]) -> Result<Vec<Vec<EventTime>>, StoreError> {
        self.archive.draw_events(draws, self.visible).await
    }
}
