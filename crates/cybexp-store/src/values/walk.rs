//! Rows and index elements that an archive of an earlier release lacks.
//!
//! A walk through all events in the order of their ids makes them, some at a time. It keeps its place in a document of the
//! collection, so that it goes on where it ended; a part that is done twice changes nothing.

use std::collections::{BTreeMap, HashMap};

use bson::{Bson, RawDocumentBuf, doc};
use serde::Deserialize;
use tahoe_core::{Attribute, Hash};

use crate::archive::data;
use crate::archive::ids::{self, OrgTag};
use crate::archive::keys;
use crate::archive::open::Archive;
use crate::error::StoreError;
use crate::mongo::bulk::{self, Update};
use crate::mongo::collection::from_document;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::values::walked;
use crate::values::write::{SeenValue, ValueWriter};

const WALKING: &str = "looking for events without rows of their values";
const ADDING: &str = "adding organisations to events";

/// Documents that are looked at by one command.
const PART: i64 = 2000;
/// The most bytes of events that are read before their rows are written.
const PART_BYTES: usize = 16 << 20;

/// Makes the rows that the archive lacks.
#[derive(Debug)]
pub struct ValueWalk {
    archive: Archive,
    values: ValueWriter,
}

#[derive(Deserialize)]
struct Walked {
    #[serde(rename = "_hash")]
    hash: Hash,
    orgid: String,
    timestamp: f64,
    #[serde(rename = "_keys", default)]
    keys: Vec<bson::Binary>,
}

impl ValueWalk {
    /// Makes a walk through this archive, which goes on where the last one ended.
    pub fn new(archive: &Archive) -> Self {
        Self {
            archive: archive.clone(),
            values: ValueWriter::new(&archive.values),
        }
    }

    /// Begins again at the first event, so that rows which were lost are made anew.
    pub async fn rebuild(&self) -> Result<(), StoreError> {
        let begin = doc! {"$set": {"done": false, "place": null}};
        self.keep(begin).await
    }

    /// Makes the rows of the next events, and returns the number of these; `None` once all have been walked through.
    pub async fn step(&self) -> Result<Option<u64>, StoreError> {
        let stored = walked::place(&self.archive.values).await?;
        if stored.as_ref().is_some_and(|stored| stored.done) {
            return Ok(None);
        }
        let after = stored.and_then(|stored| stored.place);
        let mut rows = events(after).rows(&self.archive.coll).await?;
        let (mut last, mut bytes) = (None, 0);
        let mut seen: HashMap<String, HashMap<Hash, (Attribute, f64)>> = HashMap::new();
        let mut lacking: BTreeMap<Hash, OrgTag> = BTreeMap::new();
        let mut walked = 0;
        while bytes < PART_BYTES
            && let Some(document) = rows.next().await?
        {
            bytes += document.as_bytes().len();
            walked += 1;
            last = document.get("_id").ok().flatten().map(Bson::try_from);
            read(&document, &mut seen, &mut lacking);
        }
        drop(rows);
        let Some(Ok(last)) = last else {
            self.keep(doc! {"$set": {"done": true}}).await?;
            return Ok(None);
        };
        let updates: Vec<Update> = lacking.iter().map(|(hash, org)| add(*hash, org)).collect();
        bulk::update(&self.archive.coll, &updates, ADDING)
            .await?
            .whole(ADDING)?;
        let values = seen.iter().flat_map(|(orgid, values)| {
            let org = OrgTag::of(orgid);
            let values = values.values();
            values.map(move |(attribute, first)| SeenValue {
                org,
                attribute,
                first: *first,
            })
        });
        self.values.write(values.collect()).await?;
        self.keep(doc! {"$set": {"place": last}}).await?;
        Ok(Some(walked))
    }

    async fn keep(&self, update: bson::Document) -> Result<(), StoreError> {
        walked::keep(&self.archive.values, update).await
    }
}

/// Finds the documents behind a place that may be events. Of those that are none, only the `_id` is read.
pub(crate) fn events(after: Option<Bson>) -> Find {
    let least = ids::binary([0; 32]);
    let most = ids::binary([0xff; 32]);
    let ids = match after {
        Some(after) => doc! {"$gt": after, "$lte": most},
        None => doc! {"$gte": least, "$lte": most},
    };
    let of_event = |field: &str| {
        let is_event = doc! {"$eq": ["$itype", "event"]};
        doc! {"$cond": [is_event, format!("${field}"), "$$REMOVE"]}
    };
    let fields = ["_hash", "orgid", "timestamp", "data", "_keys"];
    let mut wanted: bson::Document = fields
        .iter()
        .map(|field| ((*field).to_owned(), of_event(field).into()))
        .collect();
    wanted.insert("_id", 1);
    Find::new(WALKING, ID, doc! {"_id": ids})
        .project(wanted)
        .sort(doc! {"_id": 1})
        .limit(PART)
}

/// Adds the values of an observed event, and the event itself if the index does not find it by its organisation.
fn read(
    document: &RawDocumentBuf,
    seen: &mut HashMap<String, HashMap<Hash, (Attribute, f64)>>,
    lacking: &mut BTreeMap<Hash, OrgTag>,
) {
    let (Ok(event), Ok(data)) = (
        from_document::<Walked>(document),
        document.get_document("data"),
    ) else {
        return;
    };
    if !keys::is_observed(event.keys.iter().map(|key| key.bytes.as_slice())) {
        return;
    }
    let org = OrgTag::of(&event.orgid);
    let element = keys::of_org(&org);
    if !event.keys.iter().any(|key| key.bytes == element) {
        lacking.insert(event.hash, org);
    }
    let values = seen.entry(event.orgid).or_default();
    for (hash, attribute) in data::attributes(data) {
        let (_, first) = values
            .entry(hash)
            .or_insert_with(|| (attribute, event.timestamp));
        *first = first.min(event.timestamp);
    }
}

/// Makes the update that adds an event's organisation to its list.
pub(crate) fn add(event: Hash, org: &OrgTag) -> Update {
    let element = ids::binary(keys::of_org(org).to_vec());
    Update {
        filter: doc! {"_id": ids::of_hash(event)},
        update: doc! {"$addToSet": {"_keys": element}}.into(),
        upsert: false,
    }
}
