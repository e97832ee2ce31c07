//! The second stage: filters that read what the first stage made.
//!
//! Attributes are read in the same step as the raws that brought them, and what is derived from them is written with
//! these. Sessions wait until they have settled. What was there before a filter, or before its new version, is gone
//! through beside that.

mod backfill;
mod beside;
mod deriver;
mod memory;
mod sessions;
mod stage;
mod standing;

pub use backfill::{BackfillStep, Backfiller};
pub(crate) use beside::StageBeside;
pub(crate) use deriver::{Deriver, Met};
pub(crate) use stage::{SecondStageWork, second_stage};
