//! The only crate that names `mongodb`: what the daemons need of the database, in their own words.
//!
//! - [`Cache`]: sealed submissions, written by the API, taken by the archive daemon.
//! - [`Archive`]: raws and the TAHOE graph, written by archive and analytics, read by reports.
//! - [`Queries`]: the queue of questions and their answers.
//! - [`Identity`]: users, organisations and revoked tokens.
//!
//! Every write that something else depends on waits for a majority of the replica set, and every query that a
//! daemon repeats is served by an index; `src/tests` holds the proof from `explain`.

mod archive;
mod cache;
mod error;
mod graph;
mod identity;
mod inspect;
mod mongo;
mod quarantine;
mod queries;
mod raws;

#[cfg(test)]
mod tests;

pub use archive::missing::{Archive, GraphBatch, Rejected, Written};
pub use cache::fate::Fate;
pub use cache::queue::{Cache, Entry, EntryId, EntryQueue, Opened, SealedEntry, Submission};
pub use cache::submitter::{Incoming, Submitter};
pub use cache::upload::{Head, NewEntry, Upload};
pub use error::StoreError;
pub use graph::read::lookup::{CompositeRow, InstanceRow, Sessions, Visible};
pub use graph::read::neighbours::{AttributeEvents, Draw, EventRefs, EventTime, NodeKind};
pub use graph::read::pages::EventPage;
pub use graph::read::seen::Seen;
pub use graph::read::sessions::SessionEvents;
pub use graph::read::version::Version;
pub use identity::users::{Access, Identity};
pub use inspect::bare::BareDocuments;
pub use inspect::bench::Reads;
pub use inspect::census::CensusRow;
pub use inspect::checkup::{Purpose, ServerInfo};
pub use inspect::loose_ends::LooseEnds;
pub use inspect::tally::Tally;
pub use mongo::collection::check_fits;
pub use mongo::lease::Taken;
pub use mongo::server::Server;
pub use mongo::watch::Watch;
pub use quarantine::Refused;
pub use queries::queue::{Answer, Claimed, Queries};
pub use queries::stored::{LastAnswer, MADE_OF, StoredQuery};
pub use raws::queue::{PendingRaw, RawOutcome, RawQueue};
