//! The `threatrank` report: how threatening an event is, and the attributes that made it so.
//!
//! Reads the events around it from the archive, as the user may see them; the score is worked out by the `threatrank`
//! crate. A rank that was worked out before is used while no event has come in.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Instant;

use cybexp_store::{GraphReader, StoreError, Visible};
use serde_json::{Value, json};
use tahoe_core::Hash;
use tahoe_core::question::QueryType;
use tahoe_core::time::TimeRange;
use threatrank::{
    AttributeEvents, Draw, EventRefs, EventTime, Neighbourhood, NodeKind, Rank, Source,
};

use crate::clock::unix_now;
use crate::page::ReportPage;
use crate::ranks::RankedPage;
use crate::rows::Remembered;
use crate::sources::{Answered, Asked, Sources};

/// The most attributes that a report names.
const NAMED: usize = 20;

/// Answers how threatening the event is.
pub(crate) async fn answer(event: Hash, asked: Asked<'_>) -> Answered {
    let Asked {
        sources,
        visible,
        now,
        redo,
    } = asked;
    // before anything is read, so what comes in meanwhile counts as a change
    let version = sources.archive.version(&TimeRange::default()).await?;
    let of = (event, visible.clone());
    if !redo && let Some(page) = sources.ranks.get(&of, version, now) {
        return Ok(Ok(page));
    }
    let begun = unix_now();
    let Some(data) = rank(event, asked).await? else {
        return Ok(Err("field _hash: there is no such event".to_owned()));
    };
    let mut page = ReportPage::only(QueryType::ThreatRank, data);
    page.begun = Some(begun);
    let ranked = RankedPage {
        version,
        page: page.clone(),
        now,
    };
    sources.ranks.put(of, ranked);
    Ok(Ok(page))
}

/// Works out a report's data; nothing if the user can see no such event.
async fn rank(event: Hash, asked: Asked<'_>) -> Result<Option<Value>, StoreError> {
    let began = Instant::now();
    let Asked {
        sources,
        visible,
        now,
        ..
    } = asked;
    let Some(target) = sources.archive.event_time(event, visible).await? else {
        return Ok(None);
    };
    let seen = SeenGraph {
        archive: &sources.archive,
        kinds: &sources.kinds,
        visible,
    };
    let mut around = Neighbourhood::new(&seen, target, now, sources.limits, began);
    around.read().await?;
    let mut rank = tokio::task::block_in_place(|| around.search());
    around.walk(&mut rank).await?;
    let contributors = contributors(sources, &rank, around.attributes()).await?;
    Ok(Some(json!({
        "score": rank.score,
        "paths": rank.paths,
        "exact": rank.error_bound == 0.0,
        "error_bound": rank.error_bound,
        "contributors": contributors,
        "_hash": event,
    })))
}

/// Returns the attributes that contributed most, with the share of the score that came through each.
async fn contributors(
    sources: &Sources,
    rank: &Rank,
    names: &[Hash],
) -> Result<Vec<Value>, StoreError> {
    let contributions = rank.contributions.iter().zip(names);
    let mut most: Vec<(f64, Hash)> = contributions
        .filter(|(contribution, _)| **contribution < 0.0)
        .map(|(contribution, name)| (contribution / rank.score, *name))
        .collect();
    most.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    most.truncate(NAMED);
    let nodes = sources.nodes(most.iter().map(|(_, hash)| *hash)).await?;
    let nodes: HashMap<Hash, _> = nodes.into_iter().map(|node| (node.hash, node)).collect();
    let rows = most.iter().filter_map(|(share, hash)| {
        let node = nodes.get(hash)?;
        Some(json!({"sub_type": node.sub_type, "data": node.data, "share": share}))
    });
    Ok(rows.collect())
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
