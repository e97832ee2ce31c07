//! `cybexp verify`: reads the databases, and proves what `docs/ARCHITECTURE.md` says always holds.
//!
//! Each *stage* walks through one collection, or one kind of document of it, a page at a time in the order of the ids, and
//! looks up what the documents of a page name with a few queries for all of them. What seems wrong is looked at again some
//! seconds later, because others change the databases meanwhile; only what is wrong still is a *fault*. Memory is bounded
//! by a page, the faults that are shown, and a filter of the names that events have.

pub(crate) mod context;
pub(crate) mod fault;
pub(crate) mod look;
pub(crate) mod names;
pub(crate) mod run;
pub(crate) mod stage;
pub(crate) mod state;

mod cache;
mod content;
mod events;
mod feeds;
mod going;
mod hours;
mod journal;
mod nodes;
mod raws;
mod remake;
mod repair;
mod sample;
mod sessions;
mod values;
