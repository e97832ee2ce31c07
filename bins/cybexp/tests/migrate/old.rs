//! Archives of the form before this release, as the release before and the Python system wrote them.

use std::collections::{BTreeMap, BTreeSet};

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use cybexp_filters::{FILTERS, Filter, RawInput, Yield};
use cybexp_store::GraphBatch;
use cybexp_testkit::Site;
use serde_json::Value;
use tahoe_core::{Event, Hash, Instance, OrgId, Raw, Session, SubType, Timestamp};

/// The writer of an archive of the old form.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Writer {
    /// The release before.
    Release,
    /// The Python system: documents come twice, raws have neither a time nor ids of our filters, and lists are in any
    /// order.
    Python,
}

/// A raw as a test gives it.
pub(crate) struct Given {
    pub typetag: &'static str,
    pub orgid: &'static str,
    pub data: Value,
    /// The time when it was taken in, in whole seconds.
    pub timestamp: u32,
}

impl Given {
    pub(crate) fn raw(&self) -> Raw {
        let orgid = OrgId::new(self.orgid).unwrap();
        let at = Timestamp::new(f64::from(self.timestamp)).unwrap();
        let sub_type = SubType::from_static(self.typetag);
        Raw::new(sub_type, self.data.clone(), orgid, "UTC".into(), Some(at)).unwrap()
    }
}

fn document(instance: &Instance) -> Document {
    bson::serialize_to_document(instance).unwrap()
}

fn hex(hashes: impl IntoIterator<Item = Hash>) -> Vec<String> {
    hashes.into_iter().map(|hash| hash.to_string()).collect()
}

/// Returns the documents of an archive of the old form in which these raws were processed. Beside the events that the
/// filters make now, each tenth raw has made one that they do not make any more.
pub(crate) fn documents(raws: &[Given], by: Writer) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut nodes = BTreeSet::new();
    let mut sessions: BTreeMap<Hash, Session> = BTreeMap::new();
    let mut graph = Vec::new();
    for (n, given) in raws.iter().enumerate() {
        let filter = FILTERS
            .iter()
            .find(|filter| filter.typetags().contains(&given.typetag));
        let raw = given.raw();
        let mut stored = document(&Instance::Raw(raw));
        stored.insert("_id", id(given.timestamp, n));
        if let Some(filter) = filter {
            let mut made = run(*filter, given);
            if n % 10 == 0
                && let Some(event) = made.events.first()
            {
                made.events.push(outdated(event));
            }
            let refs = add(made, &mut graph, &mut nodes, &mut sessions);
            stored.insert("_ref", hex(refs));
            let id = match by {
                Writer::Release => format!("{}@1", filter.name()),
                Writer::Python => format!("filt_{}", filter.name()),
            };
            stored.insert("filters", vec![id]);
        }
        documents.push(stored);
    }
    let sessions = sessions
        .into_values()
        .map(|session| document(&Instance::Session(session)));
    for (n, mut instance) in graph.into_iter().chain(sessions).enumerate() {
        instance.insert("_id", id(u32::MAX / 2, n));
        documents.push(instance);
    }
    if by == Writer::Python {
        documents.iter_mut().for_each(as_python);
        let again = documents.iter().step_by(7).cloned().enumerate();
        let again: Vec<Document> = again
            .map(|(n, mut document)| {
                // not the raw's time, which is that of its first document
                document.insert("_id", id(u32::MAX / 2 + 1, n));
                document
            })
            .collect();
        documents.extend(again);
    }
    documents
}

/// Returns the documents of raws that no filter has read.
pub(crate) fn raws(raws: &[Given]) -> Vec<Document> {
    let with_id = |(n, given): (usize, &Given)| {
        let mut raw = document(&Instance::Raw(given.raw()));
        raw.insert("_id", id(given.timestamp, n));
        raw
    };
    raws.iter().enumerate().map(with_id).collect()
}

/// Makes an id of a time in Unix seconds.
pub(crate) fn id(seconds: u32, n: usize) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&seconds.to_be_bytes());
    bytes[4..].copy_from_slice(&(n as u64).to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn run(filter: &dyn Filter, given: &Given) -> Yield {
    let orgid = OrgId::new(given.orgid).unwrap();
    let input = RawInput {
        data: &given.data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(f64::from(given.timestamp)).unwrap(),
    };
    filter.run(&input).unwrap()
}

/// Makes an event of the same attributes that no filter makes.
fn outdated(event: &Event) -> Event {
    let at = Timestamp::new(event.timestamp().get() + 0.25).unwrap();
    let children = event.children().iter().cloned().collect();
    let sub_type = event.sub_type().clone();
    Event::new(sub_type, event.orgid().clone(), at, children).unwrap()
}

/// Adds new instances to the graph, and returns the hashes of all.
fn add(
    made: Yield,
    graph: &mut Vec<Document>,
    known: &mut BTreeSet<Hash>,
    sessions: &mut BTreeMap<Hash, Session>,
) -> BTreeSet<Hash> {
    let mut hashes = BTreeSet::new();
    let mut batch = GraphBatch::default();
    for event in made.events {
        hashes.extend(batch.add_event(event));
    }
    for session in made.sessions {
        // only its attributes go through the batch, for it has no organisation in this form
        hashes.extend(batch.add_session(session.clone(), &OrgId::new("any").unwrap()));
        sessions
            .entry(session.hash())
            .and_modify(|known| known.merge(&session))
            .or_insert(session);
    }
    for instance in batch.instances() {
        if !matches!(instance, Instance::Session(_)) && known.insert(instance.hash()) {
            graph.push(document(&instance));
        }
    }
    hashes
}

fn as_python(document: &mut Document) {
    for list in ["_cref", "_ref", "_mal_ref", "_ben_ref"] {
        if let Ok(list) = document.get_array_mut(list) {
            list.reverse();
        }
    }
    if document.get_str("itype").is_ok_and(|itype| itype == "raw") {
        document.remove("timestamp");
    }
}

/// Replaces the archive of a site.
pub(crate) async fn fill(site: &Site, documents: &[Document]) {
    let coll = site.collection("tahoe", "instance").await;
    coll.drop().await.unwrap();
    for part in documents.chunks(10_000) {
        coll.insert_many(part).await.unwrap();
    }
}

/// Returns the document of this kind at this place among those of its kind.
pub(crate) fn nth<'a>(documents: &'a mut [Document], itype: &str, n: usize) -> &'a mut Document {
    let of = |document: &&mut Document| document.get_str("itype").is_ok_and(|of| of == itype);
    documents.iter_mut().filter(of).nth(n).unwrap()
}

/// Returns an attribute with a wrong hash.
pub(crate) fn forged() -> Document {
    doc! {
        "_id": id(7, 1), "itype": "attribute", "sub_type": "ipv4", "data": "203.0.113.77",
        "_hash": Hash::of(&["forged"]).to_string(),
    }
}

/// Returns the text of a document's `_id`.
pub(crate) fn id_of(document: &Document) -> String {
    match document.get("_id") {
        Some(Bson::ObjectId(id)) => id.to_hex(),
        other => panic!("{other:?}"),
    }
}
