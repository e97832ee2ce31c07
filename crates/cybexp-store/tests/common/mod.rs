//! Helpers of the store's tests: a server, and direct access to stored documents.

#![allow(dead_code, reason = "each test file uses a part of this")]

use bson::Document;
use cybexp_store::{Cache, NewEntry, Opened, SealedEntry, Server, Submission, Taken};
use cybexp_testkit::{mongo_url, unique};
use futures::TryStreamExt;
use mongodb::{Client, Collection};
use tahoe_core::{
    Attribute, Event, Hash, Node, OrgId, Raw, SubType, SubmissionTags, Timestamp, Value,
};

/// The collection that the tests use.
pub(crate) const COLL: &str = "instance";

/// Returns a connection, and the name of a new database for the test.
pub(crate) async fn server() -> (Server, String) {
    let server = Server::connect(mongo_url(), "test").await.unwrap();
    (server, unique("store"))
}

/// Returns a collection of the driver, which bypasses the store.
pub(crate) async fn collection(db: &str, coll: &str) -> Collection<Document> {
    let client = Client::with_uri_str(mongo_url()).await.unwrap();
    client.database(db).collection(coll)
}

/// Returns all documents that match, in the order of their arrival.
pub(crate) async fn find(coll: &Collection<Document>, filter: Document) -> Vec<Document> {
    let cursor = coll.find(filter).sort(bson::doc! {"_id": 1});
    cursor.await.unwrap().try_collect().await.unwrap()
}

/// Returns a document as the store should hold it: arrays of hashes sorted, and without what the indexes need.
pub(crate) fn sorted(mut document: Document) -> Document {
    for own in ["_id", "_keys", "_tie", "_known"] {
        document.remove(own);
    }
    for field in ["_cref", "_ref"] {
        if let Ok(hashes) = document.get_array_mut(field) {
            hashes.sort_by_key(|hash| hash.as_str().unwrap().to_owned());
        }
    }
    document
}

/// Returns the expected document of an instance.
pub(crate) fn document(instance: &impl serde::Serialize) -> Document {
    let raw = bson::serialize_to_raw_document_buf(instance).unwrap();
    sorted(Document::try_from(&raw).unwrap())
}

pub(crate) fn attribute(sub_type: &'static str, data: &str) -> Node {
    Attribute::new(SubType::from_static(sub_type), data).into()
}

pub(crate) fn hash(of: &str) -> Hash {
    Hash::of(&[of])
}

pub(crate) fn org(name: &str) -> OrgId {
    OrgId::new(name).unwrap()
}

pub(crate) fn at(seconds: f64) -> Timestamp {
    Timestamp::new(seconds).unwrap()
}

/// An ssh login from an address.
pub(crate) fn event(orgid: &str, seconds: f64, ip: &str) -> Event {
    let children = vec![attribute("ipv4", ip), attribute("protocol", "ssh")];
    Event::new(
        SubType::from_static("ssh"),
        org(orgid),
        at(seconds),
        children,
    )
    .unwrap()
}

/// A submission of the organisation `unr`.
pub(crate) fn raw(typetag: &'static str, data: Value) -> Raw {
    raw_of("unr", typetag, data)
}

pub(crate) fn raw_of(orgid: &str, typetag: &'static str, data: Value) -> Raw {
    let sub_type = SubType::from_static(typetag);
    Raw::new(sub_type, data, org(orgid), "UTC".to_owned(), Some(at(1.5))).unwrap()
}

/// Returns the filters that read a typetag in these tests.
pub(crate) fn filters(typetag: &str) -> Vec<&'static str> {
    match typetag {
        "cowrie" => vec!["cowrie"],
        "email" => vec!["email"],
        "any" => vec!["any"],
        "shared" => vec!["one", "other"],
        _ => vec![],
    }
}

/// Makes a submission of this many sealed bytes, no two chunks of which are equal.
pub(crate) fn submission(bytes: usize) -> Submission {
    let entry = NewEntry {
        name: "cowrie.json".to_owned(),
        tags: SubmissionTags {
            typetag: "cowrie".to_owned(),
            orgid: "unr".to_owned(),
            timezone: "America/Los_Angeles".to_owned(),
            tlp: None,
        },
        timestamp: 1.5,
        records: None,
    };
    let sealed = (0..bytes).map(|i| (i % 251) as u8).collect();
    Submission { entry, sealed }
}

/// Takes the sealed bytes of all pending entries in order, and marks the entries as processed.
pub(crate) async fn take_all(cache: &Cache) -> Vec<Vec<u8>> {
    let mut queue = cache.pending().await.unwrap();
    let mut all = Vec::new();
    while let Taken::Work(taken) = queue.take().await.unwrap() {
        let opened = |taken: &SealedEntry| Opened {
            id: taken.id,
            raw: Ok(hash("raw")),
        };
        let opened: Vec<_> = taken.iter().map(opened).collect();
        queue.mark(&opened).await.unwrap();
        all.extend(taken.into_iter().map(|taken| taken.read.unwrap().1));
    }
    all
}
