//! Proof that an index serves every operation that the daemons repeat: `explain` of the very same queries and updates,
//! each in a collection with many other documents.

mod explain_answers;
mod explain_graph;
mod explain_identity;
mod explain_neighbours;
mod explain_queues;
mod explain_unread;
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

/// Returns a connection, and the name of a new database for the test.
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

/// Returns an arbitrary hash.
fn hash(of: impl std::fmt::Display) -> Hash {
    Hash::of(&[&of.to_string()])
}
