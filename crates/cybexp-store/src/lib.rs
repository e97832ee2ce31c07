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
mod bare;
mod bench;
mod bulk;
mod cache;
mod census;
mod checkup;
mod collection;
mod count;
mod discard;
mod error;
mod essence;
mod events;
mod find;
mod graph;
mod grid;
mod hours;
mod identity;
mod indexes;
mod issued;
mod journal;
mod json;
mod lease;
mod loose_ends;
mod neighbours;
mod orgs;
mod pages;
mod quarantine;
mod queries;
mod raws;
mod removal;
mod selection;
mod server;
mod submitter;
mod swap;
mod sweep;
mod tally;
mod timelines;
mod tokens;
mod transaction;
mod unread;
mod upload;
mod wanted;
mod watch;

#[cfg(test)]
mod tests;

pub use archive::{Archive, GraphBatch, Rejected, Written};
pub use bare::BareDocuments;
pub use bench::Reads;
pub use cache::{Cache, Entry, EntryId, EntryQueue, Opened, SealedEntry, Submission};
pub use census::CensusRow;
pub use checkup::{Purpose, ServerInfo};
pub use collection::check_fits;
pub use error::StoreError;
pub use graph::{CompositeRow, InstanceRow, Sessions, Visible};
pub use identity::{Access, Identity};
pub use issued::IssuedToken;
pub use lease::Taken;
pub use loose_ends::LooseEnds;
pub use neighbours::{AttributeEvents, Draw, EventRefs, EventTime, NodeKind};
pub use pages::EventPage;
pub use quarantine::Refused;
pub use queries::{Answer, Claimed, Queries};
pub use raws::{PendingRaw, RawOutcome, RawQueue};
pub use removal::Holdings;
pub use selection::Selection;
pub use server::Server;
pub use submitter::{Incoming, Submitter};
pub use tally::Tally;
pub use unread::Unread;
pub use upload::{Head, NewEntry, Upload};
pub use watch::Watch;
