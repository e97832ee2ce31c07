//! Reading the graph: the queries that reports are made of. Everything here is bounded by what was asked.

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::question::{Conditions, Context, ReturnType};
use tahoe_core::{Hash, OrgId, Value};

use crate::archive::{ASK, Archive};
use crate::error::StoreError;
use crate::find::Find;
use crate::indexes::{EVENT_BENIGN, EVENT_MALICIOUS, EVENT_REF, IDENTITY, SESSION_REF};

/// The organisations whose events someone may see.
#[derive(Debug, Clone)]
pub struct Visible(pub Vec<OrgId>);

/// What related reports need of an event or a session.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CompositeRow {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Type.
    pub sub_type: String,
    /// Children.
    #[serde(rename = "_cref")]
    pub cref: Vec<Hash>,
    /// All descendants; of a session its events too.
    #[serde(rename = "_ref")]
    pub refs: Vec<Hash>,
}

/// Some of the events that a query is about, newest first.
#[derive(Debug)]
pub struct EventPage {
    /// The events of the page.
    pub events: Vec<CompositeRow>,
    /// Whether there are more behind it.
    pub more: bool,
}

/// What related reports need of an attribute or object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InstanceRow {
    /// Identity.
    #[serde(rename = "_hash")]
    pub hash: Hash,
    /// Kind.
    pub itype: String,
    /// Type.
    pub sub_type: String,
    /// An attribute's value.
    #[serde(default)]
    pub data: Option<Value>,
    /// An object's children.
    #[serde(default, rename = "_cref")]
    pub cref: Vec<Hash>,
}

impl Archive {
    /// In how many events that `visible` shows; exact.
    pub async fn count(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        events(of, visible).count(&self.coll).await
    }

    /// The events that meet the conditions, `size` of them from the `page`th (from 1) on.
    pub async fn events(
        &self,
        of: &Conditions,
        visible: &Visible,
        page: u32,
        size: u32,
    ) -> Result<EventPage, StoreError> {
        let find = event_page(of, visible, page, size);
        let mut events: Vec<CompositeRow> = find.read(&self.coll).await?;
        let more = events.len() > size as usize;
        events.truncate(size as usize);
        Ok(EventPage { events, more })
    }

    /// The sessions of these events.
    pub async fn sessions_of(&self, events: &[Hash]) -> Result<Vec<CompositeRow>, StoreError> {
        self.in_parts(events, sessions_of).await
    }

    /// Those of these events that `visible` shows.
    pub async fn visible_events(
        &self,
        events: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<CompositeRow>, StoreError> {
        self.in_parts(events, |part| visible_events(part, visible))
            .await
    }

    /// Attributes and, if wanted, objects by hash.
    pub async fn nodes(
        &self,
        hashes: &[Hash],
        with_objects: bool,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        self.in_parts(hashes, |part| nodes(part, with_objects))
            .await
    }

    /// Whole documents by hash, without MongoDB's id; of events only those that `visible` shows.
    pub async fn documents(
        &self,
        hashes: &[Hash],
        itype: Option<ReturnType>,
        visible: &Visible,
    ) -> Result<Vec<Value>, StoreError> {
        self.in_parts(hashes, |part| documents(part, itype, visible))
            .await
    }

    pub(crate) async fn in_parts<T: serde::de::DeserializeOwned>(
        &self,
        hashes: &[Hash],
        find: impl Fn(&[Hash]) -> Find,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        for part in hashes.chunks(ASK) {
            all.extend(find(part).read(&self.coll).await?);
        }
        Ok(all)
    }
}

pub(crate) fn hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_string).collect()
}

/// The events that meet the conditions, in no order.
pub(crate) fn events(of: &Conditions, visible: &Visible) -> Find {
    let subject = of.subject.to_string();
    let orgs: Vec<&str> = visible.0.iter().map(OrgId::as_str).collect();
    let mut filter = doc! {"itype": "event"};
    let index = match of.context {
        Context::All => {
            filter.insert("_ref", subject);
            EVENT_REF
        }
        Context::Unknown => {
            filter.insert("_ref", &subject);
            filter.insert("_mal_ref", doc! {"$ne": &subject});
            filter.insert("_ben_ref", doc! {"$ne": &subject});
            EVENT_REF
        }
        Context::Malicious => {
            filter.insert("_mal_ref", subject);
            EVENT_MALICIOUS
        }
        Context::Benign => {
            filter.insert("_ben_ref", subject);
            EVENT_BENIGN
        }
    };
    filter.insert("orgid", doc! {"$in": orgs});
    let mut range = Document::new();
    if let Some(start) = of.range.start {
        range.insert("$gte", start);
    }
    if let Some(end) = of.range.end {
        range.insert("$lte", end);
    }
    if !range.is_empty() {
        filter.insert("timestamp", range);
    }
    if let Some(category) = of.category {
        filter.insert("category", category.as_str());
    }
    Find::new("reading the events of a query", index, filter)
}

/// One page of them and one more, newest first, equal times by hash.
pub(crate) fn event_page(of: &Conditions, visible: &Visible, page: u32, size: u32) -> Find {
    events(of, visible)
        .project(doc! {"_id": 0, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": 1})
        .sort(doc! {"timestamp": -1, "_hash": 1})
        .skip(u64::from(page.saturating_sub(1)) * u64::from(size))
        .limit(i64::from(size) + 1)
}

pub(crate) fn sessions_of(events: &[Hash]) -> Find {
    let filter = doc! {"itype": "session", "_ref": {"$in": hex(events)}};
    Find::new("reading the sessions of events", SESSION_REF, filter)
        .project(doc! {"_id": 0, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": 1})
}

pub(crate) fn visible_events(events: &[Hash], visible: &Visible) -> Find {
    let orgs: Vec<&str> = visible.0.iter().map(OrgId::as_str).collect();
    let filter = doc! {"_hash": {"$in": hex(events)}, "orgid": {"$in": orgs}, "itype": "event"};
    Find::new("reading the events of sessions", IDENTITY, filter)
        .project(doc! {"_id": 0, "_hash": 1, "sub_type": 1, "_cref": 1, "_ref": 1})
}

pub(crate) fn nodes(hashes: &[Hash], with_objects: bool) -> Find {
    let kinds: &[&str] = if with_objects {
        &["attribute", "object"]
    } else {
        &["attribute"]
    };
    let filter = doc! {"_hash": {"$in": hex(hashes)}, "orgid": null, "itype": {"$in": kinds}};
    let mut projection = doc! {"_id": 0, "_hash": 1, "itype": 1, "sub_type": 1, "data": 1};
    if with_objects {
        projection.insert("_cref", 1);
    }
    Find::new("reading attributes and objects", IDENTITY, filter).project(projection)
}

pub(crate) fn documents(hashes: &[Hash], itype: Option<ReturnType>, visible: &Visible) -> Find {
    let orgs = visible.0.iter().map(|org| bson::Bson::from(org.as_str()));
    let orgs: Vec<bson::Bson> = orgs.chain([bson::Bson::Null]).collect();
    let mut filter = doc! {"_hash": {"$in": hex(hashes)}, "orgid": {"$in": orgs}};
    match itype {
        Some(itype) => filter.insert("itype", itype.as_str()),
        None => filter.insert("itype", doc! {"$ne": "raw"}),
    };
    Find::new("reading documents", IDENTITY, filter)
        .project(doc! {"_id": 0})
        .sort(doc! {"_hash": 1})
}
