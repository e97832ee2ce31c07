//! `instance_values`: a row for each organisation and value to which an observed event of the organisation refers.
//!
//! A row belongs to one organisation, and a reader reads only the rows of organisations that it may see. So neither its
//! answer nor the time that it takes tells of the values of others. The rows are a function of the archive: the writer of
//! the graph keeps them up to date, and [`crate::ValueWalk`] makes those that are missing.

pub(crate) mod bytes_text;
pub(crate) mod key;
pub(crate) mod newest;
pub(crate) mod page;
pub(crate) mod place;
pub(crate) mod row;
pub(crate) mod search;
pub(crate) mod walk;
pub(crate) mod walked;
pub(crate) mod write;
