//! Proof that an index serves every operation that the daemons repeat: `explain` of the very same queries and updates,
//! each in a collection with many other documents.

mod derived;
mod explain_answers;
mod explain_feeds;
mod explain_graph;
mod explain_identity;
mod explain_neighbours;
mod explain_picks;
mod explain_queues;
mod explain_subscriptions;
mod explain_unread;
mod explain_values;
mod hours;
mod hubs;
mod journal;
mod judge;
mod lease;
mod moments;
mod names;
mod outdated;
mod plan;
mod replace;
mod sweep;
mod verdicts;
mod verify;

use bson::{Bson, Document, RawDocumentBuf};
use cybexp_testkit::{mongo_url, unique};
use serde_json::json;
use tahoe_core::{Attribute, Event, Hash, Node, OrgId, Raw, SubType, Timestamp};

use crate::archive::ids::{OrgTag, RawId};
use crate::archive::keys::Nature;
use crate::archive::stored;
use crate::mongo::collection::Documents;
use crate::mongo::server::Server;
use crate::visible::Visible;

/// Returns a connection, and the name of a new database for the test.
async fn server() -> (Server, String) {
    let server = Server::connect(mongo_url(), "test").await.unwrap();
    (server, unique("explain"))
}

async fn fill(coll: &Documents, documents: impl IntoIterator<Item = Document>) {
    let raw = |document: Document| RawDocumentBuf::try_from(&document).unwrap();
    fill_stored(coll, documents.into_iter().map(raw)).await;
}

async fn fill_stored(coll: &Documents, documents: impl IntoIterator<Item = RawDocumentBuf>) {
    let documents: Vec<RawDocumentBuf> = documents.into_iter().collect();
    let insert = coll.driver().insert_many(&documents).ordered(false);
    insert.await.unwrap();
}

/// Returns an arbitrary hash.
fn hash(of: impl std::fmt::Display) -> Hash {
    Hash::of(&[&of.to_string()])
}

fn org(name: &str) -> OrgId {
    OrgId::new(name).unwrap()
}

fn visible(orgs: &[&str]) -> Visible {
    Visible(orgs.iter().map(|name| org(name)).collect())
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::new(seconds).unwrap()
}

/// Returns an attribute, of which the tests need no more than that it is another one for another value.
fn attribute(of: impl std::fmt::Display) -> Attribute {
    Attribute::new(SubType::from_static("hostname"), of.to_string())
}

/// Makes an event of these attributes.
fn event(orgid: &str, seconds: f64, children: &[&Attribute]) -> Event {
    let children = children.iter().map(|&child| Node::from(child.clone()));
    let ssh = SubType::from_static("ssh");
    Event::new(ssh, org(orgid), at(seconds), children.collect()).unwrap()
}

/// Makes the document of an event with these elements of sessions and raws.
fn stored_event(event: &Event, keys: impl IntoIterator<Item = Bson>) -> RawDocumentBuf {
    stored::event(
        event,
        &OrgTag::of(event.orgid().as_str()),
        Nature::Observed,
        keys,
    )
    .unwrap()
}

/// Makes a raw, accepted at this second.
fn raw(typetag: &'static str, i: i32) -> Raw {
    let sub_type = SubType::from_static(typetag);
    let second = at(f64::from(i));
    Raw::new(
        sub_type,
        json!({"i": i}),
        org("unr"),
        "UTC".to_owned(),
        Some(second),
    )
    .unwrap()
}

/// Makes the document of a raw that waits for these filters.
fn stored_raw(raw: &Raw, todo: &[&str]) -> Document {
    let id = RawId::new(raw.hash(), raw.orgid().as_str());
    let document = stored::raw_waiting(raw, &id, todo).unwrap();
    Document::try_from(&document).unwrap()
}
