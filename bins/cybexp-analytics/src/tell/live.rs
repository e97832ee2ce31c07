//! Rows of new events for `GET /live`: one for each batch and organisation, where somebody listens.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use cybexp_service::NoticeMacs;
use cybexp_store::{HEARD_WITHIN, Live, LiveId, LiveRow, Server, StoreError, Written};
use metrics::counter;
use serde_json::Value;
use tahoe_core::{Event, Hash};

use super::brief::brief;

/// The most events of a row: nobody reads more of one moment.
const EVENTS: usize = 25;

/// Writes rows of new events; cheap to clone.
#[derive(Clone)]
pub(super) struct LiveRows {
    live: Live,
    macs: NoticeMacs,
    heard: Arc<Mutex<Option<(bool, Instant)>>>,
}

impl LiveRows {
    pub(super) async fn open(
        server: &Server,
        db: &str,
        macs: NoticeMacs,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            live: Live::open(server, db).await?,
            macs,
            heard: Arc::default(),
        })
    }

    /// Writes the rows of those of these events that are new. A failure is no reason to do the batch again: they are told
    /// once at most.
    pub(super) async fn tell(
        &self,
        events: &[&Event],
        written: &Written,
    ) -> Result<(), StoreError> {
        if written.new_events.is_empty() || !self.is_heard().await? {
            return Ok(());
        }
        let new: HashSet<Hash> = written.new_events.iter().copied().collect();
        let new = events.iter().filter(|event| new.contains(&event.hash()));
        let rows: Vec<LiveRow> = by_org(new.copied())
            .into_iter()
            .map(|(orgid, events)| self.row(orgid, events))
            .collect();
        match self.live.write(&rows).await {
            Ok(()) => counter!("cybexp_analytics_live_rows_total").increment(rows.len() as u64),
            Err(error) => tracing::warn!(%error, "new events are not shown as they come"),
        }
        Ok(())
    }

    async fn is_heard(&self) -> Result<bool, StoreError> {
        let heard = || self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = *heard();
        if let Some((is_heard, at)) = known
            && at.elapsed() < HEARD_WITHIN
        {
            return Ok(is_heard);
        }
        let asked = Instant::now();
        let is_heard = self.live.standing().await?.is_heard;
        *heard() = Some((is_heard, asked));
        Ok(is_heard)
    }

    fn row(&self, orgid: &str, events: Vec<&Event>) -> LiveRow {
        let id = LiveId::new();
        let more = events.len().saturating_sub(EVENTS);
        let briefs: Vec<Value> = events[more..].iter().map(|event| brief(event)).collect();
        let events = Value::from(briefs).to_string();
        LiveRow {
            mac: self.macs.live(&id.bytes(), orgid, &events),
            id,
            orgid: orgid.to_owned(),
            events,
            more: more as u64,
        }
    }
}

/// Returns the events of each organisation, the newest last.
fn by_org<'a>(events: impl Iterator<Item = &'a Event>) -> BTreeMap<&'a str, Vec<&'a Event>> {
    let mut orgs: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        orgs.entry(event.orgid().as_str()).or_default().push(event);
    }
    for events in orgs.values_mut() {
        let place = |event: &&Event| (event.timestamp().get(), event.hash());
        events.sort_by(|a, b| {
            place(a)
                .0
                .total_cmp(&place(b).0)
                .then(place(a).1.cmp(&place(b).1))
        });
    }
    orgs
}
