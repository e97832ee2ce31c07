//! Feeds: named selections of values, and the values that each holds.
//!
//! A feed is a document of `report_db.feeds`, and its values are rows of `report_db.feed_values`. One process at a time
//! keeps them, with the [`FeedKeeper`]; the API reads them with [`Feeds`].

pub(crate) mod definition;
pub(crate) mod keeper;
pub(crate) mod labelled;
pub(crate) mod observables;
pub(crate) mod removed;
pub(crate) mod rows;
pub(crate) mod standing;
pub(crate) mod walk;
