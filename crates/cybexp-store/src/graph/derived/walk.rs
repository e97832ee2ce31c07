//! Going through what was in the archive before a second-stage filter, a page at a time.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawDocument, doc};
use tahoe_core::{Attribute, Event, Hash, Instance, Node, OrgId};

use crate::archive::ids::{self, SessionId, binary};
use crate::archive::rebuilt;
use crate::archive::stored::DERIVED;
use crate::error::StoreError;
use crate::graph::derived::progress::{Backfill, SecondVersion};
use crate::graph::write::news::{self, ReadAt, Readers};
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

const READING: &str = "going through the events of an archive";
const SESSIONS: &str = "going through the sessions of an archive";
const MARKING: &str = "having sessions read by a filter";

/// Documents of a page.
const PAGE: i64 = 1000;
/// The most bytes of a page's events.
const PAGE_BYTES: usize = 16 << 20;

/// The attributes of a page of events, each once for each organisation.
#[derive(Debug, Default)]
pub struct AttributePage {
    /// The attributes, with the organisations of events that hold them.
    pub attributes: Vec<(OrgId, Attribute)>,
    place: Option<Bson>,
}

/// The next step of going through an archive.
#[derive(Debug)]
pub enum Walked<T> {
    /// A page. Note it once its work is done.
    Page(T),
    /// All is done.
    Done,
    /// Another worker is at it, or another version has risen.
    NotOurs,
}

impl Backfill {
    /// Returns the attributes of these sub_types that the next observed events hold. [`Self::noted`] goes on behind them.
    pub async fn attributes(
        &mut self,
        filter: &SecondVersion,
        sub_types: &[&str],
    ) -> Result<Walked<AttributePage>, StoreError> {
        let Some(place) = self.begin(filter).await? else {
            return Ok(Walked::NotOurs);
        };
        let mut page = AttributePage::default();
        let mut found: BTreeMap<(OrgId, Hash), Attribute> = BTreeMap::new();
        let mut rows = events_after(place).rows(&self.archive.coll).await?;
        let mut bytes = 0;
        while bytes < PAGE_BYTES
            && let Some(row) = rows.next().await?
        {
            bytes += row.as_bytes().len();
            page.place = id_of(&row);
            if let Ok(Instance::Event(event)) = rebuilt::instance(&row) {
                attributes(&event, sub_types, &mut |attribute| {
                    let key = (event.orgid().clone(), attribute.hash());
                    found.entry(key).or_insert_with(|| attribute.clone());
                });
            }
        }
        if page.place.is_none() {
            self.note(filter, None).await?;
            return Ok(Walked::Done);
        }
        page.attributes = found
            .into_iter()
            .map(|((orgid, _), attribute)| (orgid, attribute))
            .collect();
        Ok(Walked::Page(page))
    }

    /// Notes that the work of a page is done.
    pub async fn noted(
        &mut self,
        filter: &SecondVersion,
        page: AttributePage,
    ) -> Result<(), StoreError> {
        self.note(filter, page.place).await
    }

    /// Makes the next sessions of these sub_types wait for a filter, due at once but for those that wait, and returns their
    /// number.
    pub async fn sessions(
        &mut self,
        filter: &SecondVersion,
        sub_types: &[&str],
    ) -> Result<Walked<u64>, StoreError> {
        let Some(place) = self.begin(filter).await? else {
            return Ok(Walked::NotOurs);
        };
        let rows = sessions_after(place).all(&self.archive.coll).await?;
        let Some(last) = rows.last().and_then(|row| id_of(row)) else {
            self.note(filter, None).await?;
            return Ok(Walked::Done);
        };
        let read = rows.iter().filter_map(|row| {
            let id = SessionId::read(row.get_binary("_id").ok()?.bytes)?;
            let is_read = sub_types.contains(&row.get_str("sub_type").ok()?);
            is_read.then_some(id)
        });
        let read: Vec<SessionId> = read.collect();
        let readers = Readers {
            new: vec![filter.name],
            ..Readers::default()
        };
        let (these, update) = news::mark(&read, ReadAt::NowUnlessItWaits, &readers);
        let marking = self.archive.coll.named(MARKING);
        let waiting = marking
            .update_many(these, update)
            .send()
            .await?
            .matched_count;
        self.note(filter, Some(last)).await?;
        Ok(Walked::Page(waiting))
    }
}

/// Calls `found` for each attribute of these sub_types that an event refers to.
fn attributes(event: &Event, sub_types: &[&str], found: &mut impl FnMut(&Attribute)) {
    let mut left: Vec<&Node> = event.children().iter().collect();
    while let Some(node) = left.pop() {
        match node {
            Node::Object(object) => left.extend(object.children().iter()),
            Node::Attribute(attribute) => {
                if sub_types.contains(&attribute.sub_type().as_str()) {
                    found(attribute);
                }
            }
        }
    }
}

fn id_of(row: &RawDocument) -> Option<Bson> {
    ids::bytes_of(row.get_binary("_id").ok()?).map(binary)
}

/// Makes a condition on `_id`: it is behind a place, or the least of its length, and has a length and a first byte.
fn behind(place: Option<Bson>, least: Vec<u8>, most: Vec<u8>) -> Document {
    match place {
        Some(place) => doc! {"$gt": place, "$lte": binary(most)},
        None => doc! {"$gte": binary(least), "$lte": binary(most)},
    }
}

/// Finds the observed events behind this place, in the order of their ids.
pub(crate) fn events_after(place: Option<Bson>) -> Find {
    let ids = behind(place, vec![0; 32], vec![0xff; 32]);
    let mut filter = doc! {"_id": ids, "itype": "event"};
    filter.insert(DERIVED, doc! {"$exists": false});
    Find::new(READING, ID, filter)
        .project(
            doc! {"itype": 1, "sub_type": 1, "orgid": 1, "timestamp": 1, "data": 1, "_hash": 1},
        )
        .sort(doc! {"_id": 1})
        .limit(PAGE)
}

/// Finds the sessions behind this place, in the order of their ids.
pub(crate) fn sessions_after(place: Option<Bson>) -> Find {
    let bound = |rest: u8| {
        let mut id = vec![rest; 49];
        id[0] = b's';
        id
    };
    let ids = behind(place, bound(0), bound(0xff));
    Find::new(SESSIONS, ID, doc! {"_id": ids})
        .project(doc! {"sub_type": 1})
        .sort(doc! {"_id": 1})
        .limit(PAGE)
}
