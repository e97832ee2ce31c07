//! The only crate that names `mongodb`: what the daemons need of the database, in their own words.
//!
//! - [`Cache`]: sealed submissions, written by the API, taken by the archive daemon.
//! - [`Archive`]: raws and the TAHOE graph, written by archive and analytics, read by reports.
//! - [`Queries`]: the queue of questions and their answers.
//! - [`Identity`]: users and organisations.
//!
//! Every write that something else depends on waits for a majority of the replica set, and every query that a
//! daemon repeats is served by an index; `src/tests` holds the proof from `explain`.

mod archive;
mod bulk;
mod cache;
mod collection;
mod error;
mod find;
mod graph;
mod identity;
mod indexes;
mod lease;
mod queries;
mod raws;
mod server;
mod tally;
mod watch;

#[cfg(test)]
mod tests;

pub use archive::{Archive, GraphBatch, Rejected, Written};
pub use cache::{Cache, Entry, EntryId, EntryQueue, Opened, SealedEntry, Submission};
pub use error::StoreError;
pub use graph::{EventPage, EventRow, InstanceRow, SessionRow, Visible};
pub use identity::{Access, Identity};
pub use lease::Taken;
pub use queries::{Answer, Claimed, Queries};
pub use raws::{PendingRaw, RawOutcome, RawQueue};
pub use server::Server;
pub use tally::{Refused, Tally};
pub use watch::Watch;
