//! Questions without a subject: the values of a sub_type (most frequent, beginning with a text, new), and refused raws.

use super::choices::Context;
use crate::event::Category;
use crate::hash::Hash;
use crate::sub_type::SubType;
use crate::time::TimeRange;

/// The question of a top query: the most frequent values of a sub_type.
#[derive(Debug, Clone, PartialEq)]
pub struct Top {
    /// The sub_type of the values; `ip` for both kinds of address.
    pub sub_type: SubType,
    /// The times of the events, both ends included.
    pub range: TimeRange,
    /// The category of the events; `None` for any.
    pub category: Option<Category>,
    /// The context in which the events have the values.
    pub context: Context,
    /// The sub_type of the events; `None` for any.
    pub event: Option<SubType>,
    /// The most values of the report.
    pub limit: u32,
}

/// The question of a search: the values of a sub_type that begin with a text, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The sub_type of the values; `ip` for both kinds of address.
    pub sub_type: SubType,
    /// The beginning of the values, a network of addresses, or a domain of hosts. Empty for all values.
    pub text: String,
    /// The place behind which the page begins, as the page before gave it.
    pub after: Option<String>,
    /// The most values of the page.
    pub limit: u32,
}

/// The question of a query of type `new`: the values of a sub_type that were first seen in a time range, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct NewValues {
    /// The sub_type of the values; `ip` for both kinds of address.
    pub sub_type: SubType,
    /// The times at which the values were first seen, both ends included.
    pub range: TimeRange,
    /// The place behind which the page begins, as the page before gave it.
    pub after: Option<String>,
    /// The most values of the page.
    pub limit: u32,
}

/// The question of a quarantine query: the raws that filters refused, newest first, or those of one hash with their data.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusals {
    /// The hash of the raws to show whole.
    pub hash: Option<Hash>,
    /// The typetag of the raws; `None` for any.
    pub typetag: Option<SubType>,
    /// The place behind which the page begins, as the page before gave it.
    pub after: Option<String>,
    /// The most raws of the page.
    pub limit: u32,
}
