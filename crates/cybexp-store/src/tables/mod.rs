//! `instance_hours`: for each organisation, hour and sub_type, the number of events by value, the event's sub_type, its
//! category and the context of the value.
//!
//! A *table* is made of all observed events of an organisation and hour, and of those derived from sessions, once the hour
//! has rested for a minute. Besides the tables of sub_types there are those of *groups*: values that an event has together,
//! of which the same may be derived. The hour's
//! *header* says whether its tables are right: whoever changes events of the hour says so there first, under the open note
//! of the journal, and tables are right only if nobody did since before they were read. So a reader needs the header alone
//! to know which tables it may use, and counts all other hours by the index.
//!
//! A table belongs to one organisation, and a reader reads only those of organisations that it may see.

pub(crate) mod builder;
pub(crate) mod by_source;
pub(crate) mod derived;
pub(crate) mod entries;
pub(crate) mod families;
pub(crate) mod gaps;
pub(crate) mod groups;
pub(crate) mod headers;
pub(crate) mod keeper;
pub(crate) mod kept;
pub(crate) mod known_derived;
pub(crate) mod merge;
pub(crate) mod old;
pub(crate) mod ranges;
pub(crate) mod room;
pub(crate) mod scan;
pub(crate) mod stored;
pub(crate) mod top;
