//! Proof that what the daemons repeat is served by an index: `explain` of the very same queries and updates,
//! each in a collection that holds much else.

mod explain_answers;
mod explain_graph;
mod explain_identity;
mod explain_neighbours;
mod explain_queues;
mod explain_unread;
mod explain_uploads;
mod hubs;
mod journal;
mod lease;
mod names;
mod plan;

use bson::{Document, RawDocumentBuf};
use cybexp_testkit::{mongo_url, unique};
use tahoe_core::Hash;

use crate::mongo::collection::Documents;
use crate::mongo::server::Server;

/// A connection, and a database of the test's own.
async fn server() -> (Server, String) {
    let server = Server::connect(mongo_url(), "test").await.unwrap();
    (server, unique("explain"))
}

async fn fill(coll: &Documents, documents: impl IntoIterator<Item = Document>) {
    let documents: Vec<RawDocumentBuf> = documents
        .into_iter()
        .map(|document| RawDocumentBuf::try_from(&document).unwrap())
        .collect();
    coll.driver()
        .insert_many(&documents)
        .ordered(false)
        .await
        .unwrap();
}

/// The hash of nothing in particular.
fn hash(of: impl std::fmt::Display) -> Hash {
    Hash::of(&[&of.to_string()])
}
