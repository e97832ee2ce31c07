//! Reading the graph. The number of results is bounded by each request.

pub(crate) mod by_hour;
pub(crate) mod count;
pub(crate) mod event_tally;
pub(crate) mod histogram;
pub(crate) mod lookup;
pub(crate) mod neighbours;
pub(crate) mod open_events;
pub(crate) mod pages;
pub(crate) mod picks;
pub(crate) mod reader;
pub(crate) mod rows;
pub(crate) mod seen;
pub(crate) mod sessions;
pub(crate) mod stories;
pub(crate) mod timelines;
pub(crate) mod verdicts;
pub(crate) mod version;
pub(crate) mod wanted;
