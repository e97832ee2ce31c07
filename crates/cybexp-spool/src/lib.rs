//! The spool: records that an input took and the API does not have yet, in one SQLite file, written by one thread.
//!
//! Records and the cursor that tells up to where a source is taken are written in one transaction and are on disk before
//! the source hears of it, so that nothing is lost and nothing is taken twice, whenever the daemon dies. Whoever writes at
//! the same time shares a transaction, and with it the wait for the disk.

mod db;
mod error;
mod input;
mod layout;
mod news;
mod record;
mod spool;
mod thread;

pub use db::{FILE, Room};
pub use error::SpoolError;
pub use input::{InputCounts, InputId, KnownInput};
pub use record::{ItemKey, Queued, Record, RecordBatch};
pub use spool::Spool;
