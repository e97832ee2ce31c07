//! The `threatrank` report: how threatening an event or attribute is, and the attributes that made it so.
//!
//! Reads the events around it from the archive, as the user may see them; the score is worked out by the `threatrank`
//! crate. A rank that was worked out before is used while no event has come in.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Instant;

use cybexp_store::{GraphReader, StoreError, Version, Visible};
use serde_json::{Value, json};
use tahoe_core::question::{Conditions, Context, QueryType, Ranked};
use tahoe_core::time::TimeRange;
use tahoe_core::{Attribute, Hash};
use threatrank::{
    AttributeEvents, Draw, EventRefs, Neighbourhood, NodeKind, OpenEvent, Pick, Picked, Rank,
    Source, Target,
};

use crate::clock::unix_now;
use crate::drawn::DrawnEvents;
use crate::hubs::KnownHubs;
use crate::page::ReportPage;
use crate::ranks::RankedPage;
use crate::rows::Remembered;
use crate::sources::{Answered, Asked, Sources};
use crate::subject::{Elsewhere, Subject};

/// The most attributes that a report names.
const NAMED: usize = 20;

/// Answers how threatening the event or attribute is.
pub(crate) async fn answer(ranked: &Ranked, asked: Asked<'_>) -> Answered {
    match ranked {
        Ranked::Event(event) => of_event(*event, asked).await,
        Ranked::Attribute(conditions) => of_attribute(conditions, asked).await,
    }
}

async fn of_event(event: Hash, asked: Asked<'_>) -> Answered {
    let place = Place::of(event, asked).await?;
    if let Some(page) = place.remembered() {
        return Ok(Ok(page));
    }
    let found = asked.sources.archive.event_time(event, asked.visible);
    let Some(target) = found.await? else {
        return Ok(Err("field _hash: there is no such event".to_owned()));
    };
    let mut data = rank(Target::Event(target), place.version, asked).await?;
    data["_hash"] = json!(event);
    Ok(Ok(place.keep(data)))
}

async fn of_attribute(conditions: &Conditions, asked: Asked<'_>) -> Answered {
    let subject = match Subject::find(conditions, asked).await? {
        Ok(subject) => subject,
        Err(reason) => return Ok(Err(reason)),
    };
    let forms: Vec<Hash> = subject.told().iter().map(Attribute::hash).collect();
    let names: Vec<String> = forms.iter().map(Hash::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = Place::of(Hash::of(&names), asked).await?;
    let page = match place.remembered() {
        Some(page) => page,
        None => {
            let data = rank(Target::Attribute(forms), place.version, asked).await?;
            place.keep(data)
        }
    };
    if page.data["events"] == 0
        && let Elsewhere::Unknown(reason) = subject.elsewhere(asked).await?
    {
        return Ok(Err(reason));
    }
    Ok(Ok(page
        .about(subject.told())
        .known_good(subject.told(), &asked.sources.known_good)))
}

/// The place of an answer among those that were made before.
struct Place<'a> {
    of: (Hash, Visible),
    version: Version,
    begun: f64,
    asked: Asked<'a>,
}

impl<'a> Place<'a> {
    /// Returns the place of this target. Reads the archive's version before anything else is read, so an event that comes
    /// in meanwhile counts as a change.
    async fn of(target: Hash, asked: Asked<'a>) -> Result<Self, StoreError> {
        let version = asked.sources.archive.version(&TimeRange::default()).await?;
        Ok(Self {
            of: (target, asked.visible.clone()),
            version,
            begun: unix_now(),
            asked,
        })
    }

    /// Returns the answer that was made before, if it still holds and may be used.
    fn remembered(&self) -> Option<ReportPage> {
        let Asked {
            sources, now, redo, ..
        } = self.asked;
        match redo {
            true => None,
            false => sources.ranks.get(&self.of, self.version, now),
        }
    }

    /// Keeps a new answer, and returns it.
    fn keep(self, data: Value) -> ReportPage {
        let mut page = ReportPage::only(QueryType::ThreatRank, data);
        page.begun = Some(self.begun);
        let ranked = RankedPage {
            version: self.version,
            page: page.clone(),
            now: self.asked.now,
        };
        self.asked.sources.ranks.put(self.of, ranked);
        page
    }
}

/// Works out a report's data. The version is that of the archive before anything is read.
async fn rank(target: Target, version: Version, asked: Asked<'_>) -> Result<Value, StoreError> {
    let began = Instant::now();
    let Asked { sources, now, .. } = asked;
    let forms = match &target {
        Target::Event(_) => vec![],
        Target::Attribute(forms) => forms.clone(),
    };
    let seen = SeenGraph::new(sources, asked.visible, version);
    let mut around = Neighbourhood::new(&seen, target, now, sources.limits, began);
    around.read().await?;
    let mut rank = tokio::task::block_in_place(|| around.search());
    around.walk(&mut rank).await?;
    let contributors = contributors(sources, &rank, around.attributes(), &forms).await?;
    let mut data = json!({
        "score": rank.score,
        "paths": rank.paths,
        "exact": rank.error_bound == 0.0,
        "error_bound": rank.error_bound,
        "contributors": contributors,
    });
    if let Some(events) = around.events_of_target() {
        data["events"] = json!(events);
    }
    Ok(data)
}

/// Returns the attributes that contributed most, with the share of the score that came through each. `target` are the
/// attributes to which all paths lead.
async fn contributors(
    sources: &Sources,
    rank: &Rank,
    names: &[Hash],
    target: &[Hash],
) -> Result<Vec<Value>, StoreError> {
    let contributions = rank.contributions.iter().zip(names);
    let mut most: Vec<(f64, Hash)> = contributions
        .filter(|(contribution, name)| **contribution < 0.0 && !target.contains(name))
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
    hubs: &'a KnownHubs,
    drawn: &'a DrawnEvents,
    version: Version,
    visible: &'a Visible,
    /// The fingerprint of `visible`.
    orgs: Hash,
}

impl<'a> SeenGraph<'a> {
    /// Shows the events of these organisations; the version is that of the archive before anything is read.
    fn new(sources: &'a Sources, visible: &'a Visible, version: Version) -> Self {
        Self {
            archive: &sources.archive,
            kinds: &sources.kinds,
            hubs: &sources.hubs,
            drawn: &sources.drawn,
            version,
            visible,
            orgs: visible.fingerprint(),
        }
    }
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
        let is_hub = |attribute: &&Hash| self.hubs.has_more(**attribute, self.orgs, most);
        let (hubs, others): (Vec<&Hash>, Vec<&Hash>) = attributes.iter().partition(is_hub);
        let others: Vec<Hash> = others.into_iter().copied().collect();
        let read = self
            .archive
            .events_of_attributes(&others, self.visible, most, room);
        let mut rows = match others.is_empty() {
            true => vec![],
            false => read.await?,
        };
        for hub in rows.iter().filter(|row| row.events.is_none()) {
            self.hubs.add(hub.hash, self.orgs, most);
        }
        rows.extend(hubs.into_iter().map(|hash| AttributeEvents {
            hash: *hash,
            events: None,
        }));
        Ok(rows)
    }

    async fn pick_events(&self, picks: &[Pick], most: usize) -> Result<Vec<Picked>, StoreError> {
        let is_hub = |pick: &Pick| self.hubs.has_more(pick.attribute, self.orgs, most);
        let known: Vec<bool> = picks.iter().map(is_hub).collect();
        let others = picks.iter().zip(&known).filter(|(_, is_hub)| !**is_hub);
        let others: Vec<Pick> = others.map(|(pick, _)| *pick).collect();
        let read = self.archive.pick_events(&others, self.visible, most);
        let read = read.await?;
        for (pick, picked) in others.iter().zip(&read) {
            if *picked == Picked::TooMany {
                self.hubs.add(pick.attribute, self.orgs, most);
            }
        }
        let mut read = read.into_iter();
        let picked = known.into_iter().map(|is_hub| match is_hub {
            true => Picked::TooMany,
            false => read.next().unwrap_or(Picked::Nothing),
        });
        Ok(picked.collect())
    }

    async fn degree(&self, attribute: Hash) -> Result<u64, StoreError> {
        let all = Conditions {
            subjects: vec![attribute],
            attribute: None,
            range: TimeRange::default(),
            category: None,
            context: Context::All,
            derived: false,
        };
        self.archive.count(&all, self.visible).await
    }

    async fn draw_events(&self, draws: &[Draw]) -> Result<Vec<Vec<OpenEvent>>, StoreError> {
        let kept = |draw: &Draw| self.drawn.get(draw, self.orgs, self.version);
        let known: Vec<Option<Vec<OpenEvent>>> = draws.iter().map(kept).collect();
        let others = draws
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none());
        let others: Vec<&Draw> = others.map(|(draw, _)| draw).collect();
        let to_read = others.iter().map(|draw| self.drawn.to_read(draw));
        let to_read: Vec<Draw> = to_read.collect();
        let read = self.archive.draw_events(&to_read, self.visible).await?;
        let read = others.into_iter().zip(read);
        let mut read =
            read.map(|(draw, events)| self.drawn.put(draw, self.orgs, self.version, events));
        let drawn = known.into_iter();
        let drawn = drawn.map(|known| known.or_else(|| read.next()).unwrap_or_default());
        Ok(drawn.collect())
    }
}
