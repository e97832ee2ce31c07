//! Taking over an archive of the form before this release, as the Python system and earlier releases wrote it.
//!
//! The old collection is renamed once, and read in passes, each of which needs only what the passes before it wrote:
//! attributes, objects, events, sessions, raws. Each pass reads batches in the order of `_id`. Before a batch is
//! written, the place behind it and all counts are stored, so that a run that was killed writes this batch again and
//! counts nothing twice.

pub(crate) mod check;
mod events;
mod lookup;
mod nodes;
mod parked;
mod pass;
mod plan;
mod raws;
mod reader;
pub(crate) mod report;
pub(crate) mod run;
mod sessions;
mod state;
